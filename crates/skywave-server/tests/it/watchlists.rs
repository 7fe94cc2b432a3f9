//! Who is online, as clients see it. Protocol §1.13.

use serde_json::{Value, json};
use skywave_server::{App, AppSettings};

use crate::node::{APP_ID, Node, credentials};
use crate::peer::Peer;

fn sign_in(peer: &mut Peer, user_data: &Value) {
    let user_data = user_data.to_string();
    let auth = credentials().sign_user(peer.id, &user_data);
    peer.say(
        "pusher:signin",
        &json!({"auth": auth, "user_data": user_data}),
    );
    assert_eq!(peer.next()["event"], "pusher:signin_success");
}

#[track_caller]
fn hears_of(peer: &mut Peer, name: &str, user_ids: &[&str]) {
    let data = json!({"events": [{"name": name, "user_ids": user_ids}]}).to_string();
    let expected = json!({"event": "pusher_internal:watchlist_events", "data": data});
    assert_eq!(peer.next(), expected);
}

#[test]
fn a_user_comes_with_a_first_connection_and_goes_with_the_last_wherever_they_are() {
    let settings = AppSettings {
        watchlists: true,
        ..AppSettings::new(credentials())
    };
    let node = Node::with(|config| config.apps = vec![App::new(APP_ID, settings)]);
    let mut ann = node.connect();
    let watchlist: Vec<_> = (0..101).map(|number| format!("u{number}")).collect();
    sign_in(&mut ann, &json!({"id": "ann", "watchlist": watchlist}));
    let watched: Vec<_> = watchlist[..100].iter().map(String::as_str).collect();
    hears_of(&mut ann, "offline", &watched);
    let truncated = ann.next();
    assert_eq!(truncated["data"]["code"], 4302, "{truncated}");

    let mut connections: Vec<_> = (0..4).map(|_| node.connect()).collect();
    for connection in &mut connections {
        sign_in(connection, &json!({"id": "u0"}));
    }
    hears_of(&mut ann, "online", &["u0"]);
    drop(connections);
    hears_of(&mut ann, "offline", &["u0"]);
}
