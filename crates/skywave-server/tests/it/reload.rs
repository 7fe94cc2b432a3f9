//! Apps that come, go and change while connections are open.

use skywave_protocol::{Credentials, Secret};
use skywave_server::AppSettings;

use crate::node::{APP_ID, EVENTS, KEY, Node, OTHER_APP_ID, OTHER_KEY, SECRET, credentials, until};
use crate::peer::Peer;
use crate::wire::{Wire, app_target};

fn settings(key: &str, secret: &str) -> AppSettings {
    AppSettings::new(Credentials::new(key, &Secret::new(secret)))
}

/// The two apps of every node, unchanged.
fn both() -> [(String, AppSettings); 2] {
    [
        (APP_ID.into(), AppSettings::new(credentials())),
        (OTHER_APP_ID.into(), settings(OTHER_KEY, SECRET)),
    ]
}

fn other_target() -> String {
    app_target().replace(KEY, OTHER_KEY)
}

/// Replaces the apps; the new ones are in force when this returns.
fn replace(node: &Node, apps: impl IntoIterator<Item = (String, AppSettings)>) {
    node.server.replace_apps(apps).expect("ids and keys differ");
}

#[test]
fn an_app_that_is_gone_loses_its_connections_and_the_others_notice_nothing() {
    let node = Node::start();
    let mut others: Vec<Peer> = (0..10)
        .map(|_| Peer::over_at(crate::node::connect(node.address), &other_target()))
        .collect();
    let mut staying = node.subscriber("news");
    let [ours, _] = both();
    replace(&node, [ours]);

    for other in &mut others {
        assert_eq!(other.next()["data"]["code"], 4003);
        other.is_closed_with(4003);
    }
    node.publish("news", "e", "{}");
    staying.hears("news", "e", "{}");
    until("only one is left", || node.server.connections() == 1);
    assert!(node.server.app(OTHER_APP_ID).is_none());
    let mut late = node.wire();
    late.send(crate::wire::handshake(&other_target(), &[]));
    assert_eq!(late.reply().status, 101);
    late.is_refused_with(4001);
}

#[test]
fn a_disabled_app_is_closed_and_refused_until_it_is_enabled_again() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let mut staying = Peer::over_at(crate::node::connect(node.address), &other_target());
    let [(id, ours), other] = both();
    let disabled = AppSettings {
        enabled: false,
        ..ours.clone()
    };
    replace(&node, [(id.clone(), disabled), other.clone()]);

    assert_eq!(peer.next()["data"]["code"], 4003);
    peer.is_closed_with(4003);
    let mut late = node.wire();
    late.send(crate::wire::handshake(&app_target(), &[]));
    assert_eq!(late.reply().status, 101);
    late.is_refused_with(4003);
    let body = r#"{"name":"e","channel":"news","data":""}"#;
    let refused = node.wire().post(body);
    assert_eq!(
        (refused.status, refused.text()),
        (403, "Application disabled".into())
    );

    replace(&node, [(id, ours), other]);
    node.connect().is_answered();
    assert_eq!(node.wire().post(body).status, 200);
    staying.is_answered();
}

#[test]
fn a_new_app_is_served_at_once_beside_those_that_were_there() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let [one, two] = both();
    replace(&node, [one, two, ("9".into(), settings("new-key", SECRET))]);
    let target = app_target().replace(KEY, "new-key");
    Peer::over_at(crate::node::connect(node.address), &target).is_answered();
    peer.is_answered();
}

#[test]
fn a_new_key_and_secret_hold_for_what_is_authorised_from_now_on() {
    let node = Node::start();
    let mut peer = node.connect();
    peer.subscribe("private-before");
    let [(id, _), other] = both();
    replace(
        &node,
        [(id, settings("second-key", "second-secret")), other],
    );

    // What it has, it keeps.
    node.publish("private-before", "e", "{}");
    peer.hears("private-before", "e", "{}");
    // The signature of the old secret opens nothing any more.
    let channel = crate::node::channel("private-after");
    let auth = |credentials: &Credentials| credentials.sign_channel(peer.id, &channel, None);
    let old = auth(&credentials());
    let new = auth(&Credentials::new(
        "second-key",
        &Secret::new("second-secret"),
    ));
    let subscribe = |auth: &str| serde_json::json!({"channel": "private-after", "auth": auth});
    peer.say("pusher:subscribe", &subscribe(&old));
    assert_eq!(peer.next()["event"], "pusher:subscription_error");
    assert_eq!(peer.next()["event"], "pusher:error");
    peer.say("pusher:subscribe", &subscribe(&new));
    assert_eq!(
        peer.next()["event"],
        "pusher_internal:subscription_succeeded"
    );

    let body = r#"{"name":"e","channel":"news","data":""}"#;
    assert_eq!(
        node.wire().post(body).status,
        401,
        "signed with the old secret"
    );
    let mut late = node.wire();
    late.send(crate::wire::handshake(&app_target(), &[]));
    assert_eq!(late.reply().status, 101);
    late.is_refused_with(4001);
    let target = app_target().replace(KEY, "second-key");
    Peer::over_at(crate::node::connect(node.address), &target).is_answered();
}

#[test]
fn apps_that_share_an_id_or_a_key_change_nothing_and_are_named() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let [(id, ours), other] = both();
    let quiet = AppSettings {
        client_events: false,
        ..ours.clone()
    };
    let twin_id = (id.clone(), settings("third-key", SECRET));
    let twin_key = ("9".into(), settings(OTHER_KEY, SECRET));
    for (twin, message) in [
        (twin_id, "two apps have the id \"7\"; ids must differ"),
        (
            twin_key,
            "two apps have the key \"other-key\"; keys must differ",
        ),
    ] {
        let apps = [(id.clone(), quiet.clone()), other.clone(), twin];
        let error = node.server.replace_apps(apps).expect_err("a twin");
        assert_eq!(error.to_string(), message);
        assert!(node.app().settings().client_events, "nothing has changed");
        assert!(node.server.app("9").is_none());
    }
    peer.is_answered();
}

#[test]
fn publishers_and_connections_survive_many_replacements() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let mut wire: Wire = node.wire();
    for number in 0..100 {
        let [ours, other] = both();
        if number % 2 == 0 {
            replace(&node, [ours]);
        } else {
            replace(&node, [other, ours]);
        }
        let body = serde_json::json!({"name": "e", "channel": "news", "data": number.to_string()});
        let target = crate::node::signed("POST", EVENTS, body.to_string().as_bytes());
        assert_eq!(
            wire.request("POST", &target, body.to_string().as_bytes())
                .status,
            200
        );
        peer.hears("news", "e", &number.to_string());
    }
}
