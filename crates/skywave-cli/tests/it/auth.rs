//! `skywave auth` and `skywave completions`: what needs no server.

use std::fs;

use crate::world::{folder, run};

/// The example of the documentation of hosted Pusher.
const APP: [&str; 4] = [
    "--app-key",
    "278d425bdf160c739803",
    "--app-secret",
    "7ad3773142a6692b25b8",
];

fn auth(arguments: &[&str]) -> (i32, String) {
    let folder = folder();
    fs::write(folder.join("body"), "{\"time_ms\":1}").unwrap();
    let mut all = vec!["auth"];
    all.extend(arguments);
    all.extend(APP);
    let (code, told, errors) = run(&folder, &all);
    (code, told + &errors)
}

#[test]
fn what_is_signed_is_what_the_documentation_says() {
    let (code, told) = auth(&["channel", "1234.1234", "private-foobar"]);
    let expected = "278d425bdf160c739803:\
                    58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4\n";
    assert_eq!((code, told.as_str()), (0, expected));
    let data = "{\"user_id\":10,\"user_info\":{\"name\":\"Mr. Channels\"}}";
    let (code, told) = auth(&["channel", "1234.1234", "presence-foobar", data]);
    let expected = "278d425bdf160c739803:\
                    31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80\n";
    assert_eq!((code, told.as_str()), (0, expected));
}

#[test]
fn what_was_signed_is_verified() {
    for (arguments, other) in [
        (
            &["channel", "1.2", "private-a"] as &[&str],
            &["channel", "1.3", "private-a"] as &[&str],
        ),
        (
            &["channel", "1.2", "presence-a", "{\"user_id\":\"1\"}"],
            &["channel", "1.2", "presence-a", "{\"user_id\":\"2\"}"],
        ),
        (
            &["user", "1.2", "{\"id\":\"1\"}"],
            &["user", "1.2", "{\"id\":\"2\"}"],
        ),
        (&["webhook", "body"], &["webhook", "/dev/null"]),
    ] {
        let (code, signature) = auth(arguments);
        assert_eq!(code, 0, "{signature}");
        let verify = format!("--verify={}", signature.trim_end());
        let verified = |arguments: &[&str]| {
            let mut all = arguments.to_vec();
            all.push(&verify);
            auth(&all)
        };
        assert_eq!(
            verified(arguments),
            (0, "valid\n".to_owned()),
            "{arguments:?}"
        );
        let (code, told) = verified(other);
        assert_eq!(code, 1, "{other:?}");
        assert!(told.to_lowercase().contains("signature"), "{told}");
    }
}

#[test]
fn a_request_is_signed_and_verified() {
    let sign = [
        "request",
        "POST",
        "/apps/3/events",
        "--body",
        "body",
        "--at",
        "1353088179",
    ];
    let (code, request) = auth(&sign);
    assert_eq!(code, 0, "{request}");
    let request = request.trim_end();
    assert!(
        request.starts_with("/apps/3/events?auth_key=278d425bdf160c739803&"),
        "{request}"
    );
    let verify = |method: &str, path: &str, at: &str| {
        auth(&[
            "request", method, path, "--body", "body", "--verify", "--at", at,
        ])
    };
    assert_eq!(
        verify("POST", request, "1353088179"),
        (0, "valid\n".to_owned())
    );
    for (method, path, at, expected) in [
        ("PUT", request, "1353088179", "signature"),
        ("POST", request, "1353089179", "imestamp"),
        ("POST", "/apps/3/events", "1353088179", "auth_key"),
    ] {
        let (code, told) = verify(method, path, at);
        assert_eq!(code, 1, "{told}");
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_program_gets_json() {
    let (code, told) = auth(&["channel", "1.2", "private-a", "--json"]);
    assert_eq!(code, 0);
    assert!(
        told.starts_with("{\"auth\":\"278d425bdf160c739803:"),
        "{told}"
    );
    let (code, told) = auth(&["channel", "1.2", "private-a", "--verify", "x:y", "--json"]);
    assert_eq!(code, 1);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["valid"], false);
    assert!(told["problem"].is_string(), "{told}");
}

#[test]
fn what_makes_no_sense_is_told() {
    for (arguments, expected) in [
        (&["channel", "12", "private-a"] as &[&str], "12"),
        (&["channel", "1.2", "a/b"], "a/b"),
        (&["webhook", "gone"], "cannot read gone"),
        (&["chanel", "1.2", "a"], "channel"),
    ] {
        let (code, told) = auth(arguments);
        assert_ne!(code, 0, "{arguments:?}");
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn every_shell_gets_its_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, errors) = run(&folder(), &["completions", shell]);
        assert_eq!((code, errors.as_str()), (0, ""), "{shell}");
        assert!(script.contains("trigger"), "{shell}");
    }
    let (code, ..) = run(&folder(), &["completions", "csh"]);
    assert_eq!(code, 2);
}
