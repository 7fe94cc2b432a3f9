//! What refusals say, and what they keep to themselves.

use skywave_protocol::{Rejection, ServerMessage, SignedRequest};

use super::{KEY, SECRET, app, channel, encoded, socket};

#[test]
fn no_refusal_reveals_the_secret_or_the_digest_that_would_be_right() {
    let (id, name) = (socket("1.2"), channel("presence-a"));
    let digest = |auth: String| auth.split_once(':').expect("auth has a colon").1.to_owned();
    let wrong = format!("{KEY}:{}", "0".repeat(64));

    let query = app().sign_request("GET", "/apps/3/channels", &[], b"", 1_000);
    let (unsigned, right) = query
        .split_once("&auth_signature=")
        .expect("the query is signed");
    let target = format!("/apps/3/channels?{unsigned}");
    let request = SignedRequest::parse("GET", &target).unwrap();

    let refusals = [
        (
            app().verify_channel(&wrong, id, &name, None),
            digest(app().sign_channel(id, &name, None)),
        ),
        (
            app().verify_channel(&wrong, id, &name, Some("{}")),
            digest(app().sign_channel(id, &name, Some("{}"))),
        ),
        (
            app().verify_user(&wrong, id, "{}"),
            digest(app().sign_user(id, "{}")),
        ),
        (app().verify_request(&request, b"", 1_000), right.to_owned()),
    ];
    for (refused, digest) in refusals {
        let refusal = refused.expect_err("the signature is wrong");
        let shown = [
            refusal.to_string(),
            format!("{refusal:?}"),
            encoded(ServerMessage::Error(&refusal)),
            encoded(ServerMessage::SubscriptionError {
                channel: "presence-a",
                rejection: &refusal,
            }),
        ];
        for text in shown {
            assert!(!text.contains(&digest) && !text.contains(SECRET), "{text}");
        }
    }
}

#[test]
fn refusals_are_compared_by_what_they_say() {
    let of = |channel: &str| Rejection::NotSubscribed {
        channel: channel.into(),
    };
    assert_eq!(of("a"), of("a"));
    assert_ne!(of("a"), of("b"));
}

#[test]
fn no_refused_signature_grows_with_what_was_to_be_signed() {
    let (id, long) = (socket("1.2"), "x".repeat(100_000));
    let auth = format!("{KEY}:{long}");
    let refusals = [
        app().verify_channel(&auth, id, &channel("presence-a"), Some(&long)),
        app().verify_channel(&long, id, &channel("presence-a"), Some(&long)),
        app().verify_channel(&format!("{long}:"), id, &channel("presence-a"), Some(&long)),
        app().verify_user(&auth, id, &long),
    ];
    for refused in refusals {
        let refusal = refused.expect_err("the signature is wrong");
        assert!(refusal.to_string().len() < 2_500, "{refusal}");
    }
}
