//! Mistakes of the one who builds a broadcaster.

use skywave::{Broadcaster, Member, Null};

use crate::stage::{Recorder, User, builder};

#[test]
fn every_mistake_is_reported_not_only_the_first() {
    let error = builder(&Recorder::new())
        .driver("recorder", Null)
        .authorize("orders.{id}", |_: &User, _: u64| true)
        .authorize("private-orders.{id}", |_: &User| true)
        .auth_path("broadcasting/authorize")
        .public_url("example.com")
        .default_driver("ably")
        .build()
        .unwrap_err();
    assert_eq!(
        error.mistakes(),
        [
            "pattern `orders.{id}`: channels of this name need no authorisation; expected the full \
             name, with `private-` or `presence-`",
            "pattern `private-orders.{id}`: placeholders: 1, parameters of its rule after the \
             user: 0; expected as many of both",
            "auth path `broadcasting/authorize`: expected a path that starts with `/`",
            "public url `example.com` is not an address: expected one like https://example.com",
            "default driver `ably`: expected one of `recorder`, `recorder`",
            "driver `recorder`: there are two; expected different names",
        ]
    );
    assert_eq!(error.to_string(), error.mistakes().join("\n"));
}

#[test]
fn a_rule_fits_its_patterns_kind() {
    let build = |pattern: &str| {
        let built = builder(&Recorder::new())
            .authorize(pattern, |_: &User| true)
            .build();
        built.map(drop).map_err(|error| error.to_string())
    };
    for pattern in ["private-x", "private-encrypted-x", "private-cache-x"] {
        assert_eq!(build(pattern), Ok(()));
    }
    for pattern in ["presence-x", "presence-cache-x"] {
        assert_eq!(
            build(pattern).unwrap_err(),
            format!(
                "pattern `{pattern}`: a presence channel needs to know who joins; expected `join`"
            )
        );
    }
    for pattern in ["x", "cache-x", "#server-to-user-7"] {
        let error = build(pattern).unwrap_err();
        assert!(error.contains("need no authorisation"), "{error}");
    }

    let join = |pattern: &str| {
        let member = |user: &User| Some(Member::new(user.id));
        let built = builder(&Recorder::new()).join(pattern, member).build();
        built.map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(join("presence-x"), Ok(()));
    assert_eq!(join("presence-cache-x"), Ok(()));
    assert_eq!(
        join("private-x").unwrap_err(),
        "pattern `private-x`: only presence channels are joined; expected `authorize`"
    );
}

#[test]
fn a_malformed_pattern_is_named_with_its_mistake() {
    let error = builder(&Recorder::new())
        .authorize("private-orders.{id", |_: &User, _: u64| true)
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "pattern `private-orders.{id`: `{` in `{id` is not closed by `}`"
    );
}

#[test]
fn no_channel_may_have_two_rules() {
    for (one, two) in [
        ("private-{a}", "private-{a}"),
        ("private-{a}", "private-{b}"),
    ] {
        let error = builder(&Recorder::new())
            .authorize(one, |_: &User, _: u64| true)
            .authorize(two, |_: &User, _: u64| true)
            .build()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "pattern `{two}`: some channels match `{one}`, too; expected one rule for every \
                 channel"
            )
        );
    }
    builder(&Recorder::new())
        .authorize("private-{a}", |_: &User, _: u64| true)
        .authorize("private-encrypted-{a}", |_: &User, _: u64| true)
        .join("presence-{a}", |_: &User, _: u64| None)
        .build()
        .expect("different kinds do not meet");
}

#[test]
fn there_must_be_a_driver() {
    let error = Broadcaster::builder().build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no driver: expected at least one `.driver(name, ..)`"
    );
}

#[test]
fn an_unknown_default_driver_is_named_beside_the_known_ones() {
    let error = Broadcaster::builder()
        .driver("null", Null)
        .driver("void", Null)
        .default_driver("embeded")
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "default driver `embeded`: expected one of `null`, `void`"
    );
}

#[test]
fn every_path_for_authorisation_is_checked() {
    for (paths, expected) in [
        (
            &[] as &[&str],
            "auth path ``: there is none; expected at least one",
        ),
        (
            &["/a", "b"],
            "auth path `b`: expected a path that starts with `/`",
        ),
        (
            &["/a", "/a"],
            "auth path `/a`: there are two; expected different paths",
        ),
    ] {
        let built = builder(&Recorder::new()).auth_paths(paths.to_vec()).build();
        assert_eq!(built.unwrap_err().to_string(), expected);
    }
    let built = builder(&Recorder::new()).auth_paths(["/a", "/b"]).build();
    assert_eq!(built.unwrap().csrf_exempt_paths(), ["/a", "/b"]);
}

#[test]
fn b05_a_driver_needs_nothing_of_another() {
    Broadcaster::builder().driver("null", Null).build().unwrap();
}
