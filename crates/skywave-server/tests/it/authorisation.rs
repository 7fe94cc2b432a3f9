//! Connections that must authorise themselves in time. Protocol §1.13.

use std::time::{Duration, Instant};

use skywave_server::{App, AppSettings};

use crate::node::{APP_ID, Node, credentials};

const TIMEOUT: Duration = Duration::from_millis(500);

#[test]
fn who_has_neither_signed_in_nor_subscribed_with_a_signature_is_closed_with_4009() {
    let settings = AppSettings {
        authorisation_timeout: Some(TIMEOUT),
        ..AppSettings::new(credentials())
    };
    let node = Node::with(|config| {
        config.apps = vec![App::new(APP_ID, settings)];
        // So that deadlines are looked at in their order.
        config.workers = Some(1);
    });
    let begin = Instant::now();
    let [mut user, mut subscriber, mut silent, mut listener] = [(); 4].map(|()| node.connect());
    listener.subscribe("news");
    user.sign_in("ann");
    subscriber.subscribe("private-news");

    for closed in [&mut silent, &mut listener] {
        let error = closed.next();
        assert_eq!(error["data"]["code"], 4009, "{error}");
        closed.is_closed_with(4009);
        assert!(begin.elapsed() >= TIMEOUT, "it had its time");
    }
    user.is_answered();
    subscriber.is_answered();
}
