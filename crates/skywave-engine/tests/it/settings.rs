//! Apps whose settings change while connections are open.

use std::sync::Arc;

use skywave_engine::{App, AppSettings, Apps, DuplicateApp, Engine};
use skywave_protocol::{Credentials, Secret};

use crate::world::{World, credentials, ignore};

fn settings(key: &str) -> AppSettings {
    AppSettings::new(Credentials::new(key, &Secret::new("secret")))
}

fn wanted(apps: &[(&str, AppSettings)]) -> Vec<(String, AppSettings)> {
    apps.iter()
        .map(|(id, settings)| ((*id).to_owned(), settings.clone()))
        .collect()
}

#[test]
fn a_connection_stays_and_its_next_message_meets_the_new_settings() {
    let world = World::new(1);
    let (ann, bob) = (world.browser(0, 1), world.browser(0, 2));
    for browser in [&ann, &bob] {
        browser.subscribe_signed("private-room", None);
    }
    ignore(&[&ann, &bob]);
    let silent = AppSettings {
        client_events: false,
        ..AppSettings::new(credentials())
    };
    let gone = world.engine.replace_apps(wanted(&[("1", silent)]));
    assert!(gone.expect("one app").is_empty());

    let greeting = serde_json::json!({"event": "client-hi", "channel": "private-room", "data": {}});
    ann.say(&greeting);
    world.publish("private-room", "still", None);
    world.tick();
    assert_eq!(ann.events(), ["pusher:error", "still"]);
    assert_eq!(bob.events(), ["still"]);
}

#[test]
fn apps_come_and_go_and_those_that_go_are_named() {
    let apps = Apps::new([App::new("1", settings("a")), App::new("2", settings("b"))]);
    let engine = Engine::new(apps.expect("two apps"), 1, None);
    let first = Arc::clone(engine.apps().by_id("1").expect("app 1"));
    let gone = engine.replace_apps(wanted(&[("1", settings("a2")), ("3", settings("c"))]));
    let gone: Vec<String> = gone
        .expect("two apps")
        .iter()
        .map(|app| app.id().into())
        .collect();
    assert_eq!(gone, ["2"]);
    let apps = engine.apps();
    assert!(Arc::ptr_eq(apps.by_key("a2").expect("app 1"), &first));
    for old in ["a", "b"] {
        assert!(apps.by_key(old).is_none(), "{old}");
    }
    assert_eq!(apps.by_key("c").expect("app 3").id(), "3");
}

#[test]
fn a_duplicate_changes_nothing() {
    let apps = Apps::new([App::new("1", settings("a"))]).expect("one app");
    let engine = Engine::new(apps, 1, None);
    for (apps, duplicate) in [
        (
            [("1", settings("x")), ("1", settings("y"))],
            DuplicateApp::Id("1".into()),
        ),
        (
            [("1", settings("x")), ("2", settings("x"))],
            DuplicateApp::Key("x".into()),
        ),
    ] {
        assert_eq!(engine.replace_apps(wanted(&apps)).map(drop), Err(duplicate));
        let apps = engine.apps();
        assert_eq!(
            apps.by_key("a")
                .expect("as before")
                .settings()
                .credentials
                .key(),
            "a"
        );
        assert_eq!(apps.iter().count(), 1);
    }
}
