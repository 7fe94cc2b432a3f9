//! Signed requests to the HTTP API.

use skywave_protocol::{Credentials, Rejection, Secret, SignedRequest, UnixTime};

use super::{KEY, SECRET, app};

const NOW: u64 = 1_353_088_179;
const BODY: &[u8] = br#"{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}"#;

fn verify(method: &str, target: &str, body: &[u8], now: u64) -> Result<(), Rejection> {
    app().verify_request(&SignedRequest::parse(method, target)?, body, now)
}

fn signed(params: &[(&str, &str)], body: &[u8]) -> String {
    format!(
        "/apps/3/events?{}",
        app().sign_request("POST", "/apps/3/events", params, body, NOW)
    )
}

/// A target whose query holds `sent` but whose signature is that of `text`.
fn target(path: &str, sent: &str, text: &str) -> String {
    // A webhook signs its body as it is, so it signs any text.
    format!(
        "{path}?{sent}&auth_signature={}",
        app().sign_webhook(text.as_bytes())
    )
}

#[test]
fn a_signed_request_names_its_key_and_path() {
    let target = signed(&[], BODY);
    let request = SignedRequest::parse("POST", &target).unwrap();
    assert_eq!(
        (request.auth_key(), request.path()),
        (KEY, "/apps/3/events")
    );
}

#[test]
fn refusals_come_in_the_order_of_the_service() {
    // Each request lacks one thing more than the one before, so the first check that fails tells.
    let signature = format!("auth_signature={}", "0".repeat(64));
    let table = [
        (String::new(), Rejection::MissingAuthKey),
        ("auth_key=".into(), Rejection::MissingAuthKey),
        ("auth_key=other".into(), Rejection::UnknownAuthKey),
        (format!("auth_key={KEY}"), Rejection::VersionRequired),
        (
            format!("auth_key={KEY}&auth_version=1.1"),
            Rejection::VersionNotSupported,
        ),
        (
            format!("auth_key={KEY}&auth_version=1.0"),
            Rejection::TimestampRequired,
        ),
        (
            format!("auth_key={KEY}&auth_version=1.0&auth_timestamp=0"),
            Rejection::TimestampExpired {
                given: UnixTime(0),
                now: UnixTime(NOW),
            },
        ),
        (
            format!("auth_key={KEY}&auth_version=1.0&auth_timestamp={NOW}&{signature}"),
            Rejection::InvalidRequestSignature {
                signed: format!(
                    "POST\n/apps/3/events\nauth_key={KEY}&auth_timestamp={NOW}&auth_version=1.0"
                )
                .as_str()
                .into(),
                given: "0".repeat(64).as_str().into(),
            },
        ),
    ];
    for (query, refusal) in table {
        let target = format!("/apps/3/events?{query}");
        assert_eq!(verify("POST", &target, BODY, NOW), Err(refusal), "{query}");
    }
    // Signed correctly, but not the body.
    let target = signed(&[], b"");
    assert_eq!(
        verify("POST", &target, BODY, NOW),
        Err(Rejection::MissingBodyMd5)
    );
    let target = signed(&[], b"other");
    assert_eq!(
        verify("POST", &target, BODY, NOW),
        Err(Rejection::InvalidBodyMd5)
    );
}

#[test]
fn another_secret_does_not_verify() {
    let other = Credentials::new(KEY, &Secret::new("other"));
    let query = other.sign_request("POST", "/apps/3/events", &[], BODY, NOW);
    let refused = verify("POST", &format!("/apps/3/events?{query}"), BODY, NOW);
    assert!(
        matches!(refused, Err(Rejection::InvalidRequestSignature { .. })),
        "{refused:?}"
    );
}

#[test]
fn another_method_or_path_does_not_verify() {
    let target = signed(&[], b"");
    assert_eq!(verify("POST", &target, b"", NOW), Ok(()));
    for (method, target) in [
        ("GET", target.clone()),
        ("POST", target.replace("/3/", "/4/")),
    ] {
        let refused = verify(method, &target, b"", NOW);
        assert!(
            matches!(refused, Err(Rejection::InvalidRequestSignature { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn timestamps_are_good_for_less_than_600_seconds_either_way() {
    let target = signed(&[], BODY);
    for now in [NOW - 599, NOW, NOW + 599] {
        assert_eq!(verify("POST", &target, BODY, now), Ok(()));
    }
    for now in [0, NOW - 601, NOW - 600, NOW + 600, NOW + 601, u64::MAX] {
        assert_eq!(
            verify("POST", &target, BODY, now),
            Err(Rejection::TimestampExpired {
                given: UnixTime(NOW),
                now: UnixTime(now)
            })
        );
    }
}

#[test]
fn timestamps_are_whole_numbers() {
    for given in [
        "",
        "1e9",
        " 1353088179",
        "1353088179 ",
        "+1353088179",
        "-1",
        "1353088179.0",
        "99999999999999999999",
    ] {
        let query = format!("auth_key={KEY}&auth_timestamp={given}&auth_version=1.0");
        let text = format!("POST\n/apps/3/events\n{query}");
        let target = target("/apps/3/events", &query, &text);
        assert_eq!(
            verify("POST", &target, b"", NOW),
            Err(Rejection::TimestampRequired),
            "{given:?}"
        );
    }
}

#[test]
fn iso_times_are_those_of_the_calendar() {
    let table = [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (951_868_800, "2000-03-01T00:00:00Z"),
        (1_353_088_179, "2012-11-16T17:49:39Z"),
        (4_107_542_399, "2100-02-28T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ];
    for (seconds, text) in table {
        assert_eq!(UnixTime(seconds).to_string(), text);
    }
    assert!(UnixTime(u64::MAX).to_string().ends_with('Z'));
}

#[test]
fn duplicate_parameters_and_case_twins_are_refused() {
    for (query, name) in [
        ("auth_key=a&auth_key=b", "auth_key"),
        ("auth_key=a&AUTH_KEY=a", "auth_key"),
        ("auth_key=a&%61uth_key=b", "auth_key"),
        ("auth_key=a&x[]=1&X[]=2", "x[]"),
        ("auth_key=a&x[]=1&x=2", "x"),
        ("auth_key=a&x=1&x[]=2&x[]=3", "x[]"),
        ("auth_key=a&auth_key[]=b", "auth_key[]"),
        (
            "auth_key=a&auth_signature=1&auth_signature=2",
            "auth_signature",
        ),
        ("auth_key=a&x&x=", "x"),
    ] {
        let target = format!("/apps/3/channels?{query}");
        let refused = SignedRequest::parse("GET", &target);
        let expected = Rejection::DuplicateParameter { name: name.into() };
        assert_eq!(refused.map(|_| ()), Err(expected), "{query}");
    }
}

#[test]
fn the_values_of_a_list_are_signed_in_the_order_sent_and_under_its_bare_name() {
    let auth = format!("auth_key={KEY}&auth_timestamp={NOW}&auth_version=1.0");
    // what is sent, what is signed
    for (sent, signed) in [
        ("x[]=1&x[]=2", "x[]=1&x[]=2"),
        ("x[]=2&x%5B%5D=1", "x[]=2&x[]=1"),
        // By whole names `x[]` would come behind `x.y`.
        ("x.y=3&x[]=1&x[]=2", "x[]=1&x[]=2&x.y=3"),
    ] {
        let text = format!("GET\n/apps/3/channels\n{auth}&{signed}");
        let target = target("/apps/3/channels", &format!("{sent}&{auth}"), &text);
        assert_eq!(verify("GET", &target, b"", NOW), Ok(()), "{sent}");
    }
    let text = format!("GET\n/apps/3/channels\n{auth}&x[]=1&x[]=2");
    for sent in ["x[]=2&x[]=1", "x[]=1", "x[]=1&x[]=2&x[]=3", "x=1,2"] {
        let target = target("/apps/3/channels", &format!("{sent}&{auth}"), &text);
        assert!(verify("GET", &target, b"", NOW).is_err(), "{sent}");
    }
    // What we sign ourselves we accept.
    let lists = [("x[]", "b"), ("x[]", "a"), ("x.y", "c")];
    let target = signed(&lists, b"");
    assert_eq!(verify("POST", &target, b"", NOW), Ok(()), "{target}");
}

#[test]
fn a_parameter_is_read_as_it_was_signed() {
    let auth = format!("auth_key={KEY}&auth_timestamp={NOW}&auth_version=1.0");
    // what is sent, what is signed, what is read
    for (sent, signed, read) in [
        ("info=a+b", "info=a+b", "a+b"),
        ("info=a+b", "info=a b", "a b"),
        ("info=a%2Bb+c", "info=a+b c", "a+b c"),
        ("INFO=a%b%2", "info=a%b%2", "a%b%2"),
        ("info=%ff", "info=\u{fffd}", "\u{fffd}"),
    ] {
        let signature = match sent {
            // The bytes are signed, whatever text they are shown as.
            "info=%ff" => {
                let text = format!("GET\n/apps/3/channels\n{auth}&info=");
                app().sign_webhook(&[text.as_bytes(), b"\xff"].concat())
            }
            _ => app().sign_webhook(format!("GET\n/apps/3/channels\n{auth}&{signed}").as_bytes()),
        };
        let target = format!("/apps/3/channels?{sent}&{auth}&auth_signature={signature}");
        let request = SignedRequest::parse("GET", &target).unwrap();
        let verified = app().verify_head(&request, NOW).unwrap();
        assert_eq!(verified.parameter("info").as_deref(), Some(read), "{sent}");
    }
}

#[test]
fn a_head_is_verified_without_the_body_and_does_not_vouch_for_it() {
    let target = signed(&[], BODY);
    let request = SignedRequest::parse("POST", &target).unwrap();
    let verified = app().verify_head(&request, NOW).unwrap();
    assert_eq!(verified.verify_body(BODY), Ok(()));
    let changed = [BODY, b" "].concat();
    assert_eq!(
        verified.verify_body(&changed),
        Err(Rejection::InvalidBodyMd5)
    );
    let target = signed(&[], b"");
    let request = SignedRequest::parse("POST", &target).unwrap();
    let verified = app().verify_head(&request, NOW).unwrap();
    assert_eq!(verified.verify_body(BODY), Err(Rejection::MissingBodyMd5));
}

#[test]
fn methods_are_capital_letters() {
    for method in ["", "get", "G T", "1.1:private-a", "GET\n/x"] {
        let refused = SignedRequest::parse(method, "/apps/3/channels?auth_key=a");
        assert_eq!(
            refused.map(|_| ()),
            Err(Rejection::MethodNotAllowed),
            "{method:?}"
        );
    }
}

#[test]
fn values_are_decoded_in_the_ways_of_all_libraries() {
    // what is sent, what is signed
    let table = [
        ("info=a%2Cb", "info=a,b"),
        ("info=a,b", "info=a,b"),
        ("info=a+b", "info=a+b"),
        ("info=a%2Bb", "info=a+b"),
        ("info=a+b", "info=a b"),
        ("info=a%20b", "info=a b"),
        ("info=a%b", "info=a%b"),
        ("info=a%2", "info=a%2"),
        ("info=100%", "info=100%"),
        ("info=%C3%A9", "info=\u{e9}"),
        ("INFO=x", "info=x"),
        ("%69nfo=x", "info=x"),
        ("info", "info="),
        ("info=a=b", "info=a=b"),
        ("info=x&", "info=x"),
    ];
    for (sent, signed) in table {
        let auth = format!("auth_key={KEY}&auth_timestamp={NOW}&auth_version=1.0");
        let text = format!("GET\n/apps/3/channels\n{auth}&{signed}");
        let target = target("/apps/3/channels", &format!("{sent}&{auth}"), &text);
        assert_eq!(verify("GET", &target, b"", NOW), Ok(()), "{sent}");
    }
}

#[test]
fn paths_are_signed_as_received_or_percent_decoded() {
    let auth = format!("auth_key={KEY}&auth_timestamp={NOW}&auth_version=1.0");
    let received = "/apps/3/channels/a%3Bb%2C";
    for signed in [received, "/apps/3/channels/a;b,"] {
        let target = target(received, &auth, &format!("GET\n{signed}\n{auth}"));
        assert_eq!(verify("GET", &target, b"", NOW), Ok(()), "{signed}");
    }
    let text = format!("GET\n/apps/3/channels/a\n{auth}");
    assert!(verify("GET", &target(received, &auth, &text), b"", NOW).is_err());
}

#[test]
fn trap_08_the_md5_of_no_body_is_accepted_and_signed() {
    let md5 = ("body_md5", "d41d8cd98f00b204e9800998ecf8427e");
    let target = signed(&[md5], b"");
    assert_eq!(verify("POST", &target, b"", NOW), Ok(()));
    let stripped = target.replace("&body_md5=d41d8cd98f00b204e9800998ecf8427e", "");
    assert_ne!(stripped, target);
    assert!(verify("POST", &stripped, b"", NOW).is_err());
}

#[test]
fn trap_09_a_path_without_an_app_is_verified_by_its_key() {
    let path = "/users/user-42/terminate_connections";
    let query = app().sign_request("POST", path, &[], b"{}", NOW);
    assert_eq!(
        verify("POST", &format!("{path}?{query}"), b"{}", NOW),
        Ok(())
    );
}

#[test]
fn flipping_any_byte_of_the_body_is_noticed() {
    let target = signed(&[], BODY);
    assert_eq!(verify("POST", &target, BODY, NOW), Ok(()));
    for at in 0..BODY.len() {
        let mut body = BODY.to_vec();
        body[at] ^= 1;
        assert_eq!(
            verify("POST", &target, &body, NOW),
            Err(Rejection::InvalidBodyMd5)
        );
    }
}

#[test]
fn the_query_of_the_documentation_is_reproduced() {
    assert_eq!(
        signed(&[], BODY),
        "/apps/3/events?auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0\
         &body_md5=ec365a775a4cd0599faeb73354201b6f\
         &auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"
    );
}

#[test]
fn secrets_do_not_print() {
    let secret = Secret::new(SECRET);
    assert_eq!(format!("{secret:?}"), "***");
    assert_eq!(secret.expose(), SECRET);
    let credentials = format!("{:?}", app());
    assert!(
        credentials.contains(KEY) && !credentials.contains(SECRET),
        "{credentials}"
    );
}
