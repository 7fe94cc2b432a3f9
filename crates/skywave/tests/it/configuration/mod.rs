//! Configuration from a file and from the environment.

mod environment;
mod kinds;
mod mistakes;

use axum::extract::FromRequestParts;
use http::StatusCode;
use serde_json::json;
use skywave::config::Configure;
use skywave::{
    Broadcast, Broadcaster, BuildError, Builder, Embedded, Log, NoUser, NotQueued, Null, SkipReason,
};

use crate::stage::{Recorder, channel, form};

/// A configuration whose environment is these variables.
fn with_variables(variables: &'static [(&'static str, &'static str)]) -> Configure {
    Broadcaster::configure().variables(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

const VARIABLES: &[(&str, &str)] = &[
    ("DRIVER", "log"),
    ("KEY", "my-key"),
    ("SECRET", "hush"),
    ("NO", "false"),
    ("PLACEHOLDER", "29382xx.."),
    ("EMPTY", ""),
];

fn read(text: &str) -> Result<Builder<NoUser>, BuildError> {
    with_variables(VARIABLES).text("b.toml", text)
}

/// The names of the drivers and the default among them.
fn drivers(broadcaster: &Broadcaster) -> String {
    format!("{broadcaster:?}")
}

fn mistakes(read: Result<Builder<NoUser>, BuildError>) -> Vec<String> {
    read.unwrap_err().mistakes().to_vec()
}

#[test]
fn the_documents_file_is_read() {
    let text = r#"
        default = "${BROADCAST_DRIVER:-main}"
        public_url = "https://example.com"

        [drivers.main]
        driver = "embedded"
        app_id = "7"
        client = "${KEY}"          # as in the documents; `key` is the same
        secret = "${SECRET}"
        client_events = "${NO}"

        [drivers.log]

        [drivers.loud]             # a second one of one kind
        driver = "log"
        data = true

        [drivers.later]
        driver = "not yet there"
        enabled = false
        token = "${GONE}"
    "#;
    let broadcaster = read(text).unwrap().build().unwrap();
    assert_eq!(
        drivers(&broadcaster),
        r#"Broadcaster { drivers: ["main", "log", "loud"], default_driver: "main", .. }"#
    );
    let request = http::Request::get("/").body(()).unwrap().into_parts().0;
    let options = broadcaster.client_options(&request).unwrap();
    assert_eq!(options.key(), "my-key");
    assert_eq!(options.option("wsHost"), Some(&json!("example.com")));
    assert_eq!(
        options.option("authEndpoint"),
        Some(&json!("/broadcasting/authorize"))
    );
}

#[test]
fn one_driver_is_the_default_without_saying_so() {
    for text in [
        "[drivers.null]",
        "[drivers.null]\n[drivers.log]\nenabled = false",
    ] {
        let broadcaster = read(text).unwrap().build().unwrap();
        assert!(drivers(&broadcaster).contains(r#"default_driver: "null""#));
    }
}

#[tokio::test]
async fn the_table_auth_decides_paths_and_who_may_subscribe() {
    for (word, by_visitor, by_user) in [
        ("logged-in", StatusCode::FORBIDDEN, StatusCode::OK),
        ("everyone", StatusCode::OK, StatusCode::OK),
        ("deny", StatusCode::FORBIDDEN, StatusCode::FORBIDDEN),
    ] {
        let text = format!(
            "[drivers.null]\n[auth]\npath = \"/auth\"\naliases = [\"/pusher/user-auth\"]\n\
             private = \"{word}\""
        );
        let broadcaster = read(&text)
            .unwrap()
            .users(crate::stage::user_of)
            .build()
            .unwrap();
        assert_eq!(
            broadcaster.csrf_exempt_paths(),
            ["/auth", "/pusher/user-auth"]
        );
        let app = broadcaster.routes();
        for path in ["/auth", "/pusher/user-auth"] {
            let ask = || form(path, &[("socket_id", "1.2"), ("channel_name", "private-x")]);
            assert_eq!(ask().to(&app).await.status, by_visitor, "{word} {path}");
            assert_eq!(ask().by(7).to(&app).await.status, by_user, "{word} {path}");
        }
        assert_eq!(
            channel("private-x").to(&app).await.status,
            StatusCode::NOT_FOUND
        );
    }
}

#[tokio::test]
async fn the_table_auth_decides_who_may_publish() {
    for (word, sent) in [("logged-in", 0), ("anyone", 1)] {
        let text = format!("[drivers.null]\n[auth]\npublish_private = \"{word}\"");
        let broadcaster = read(&text).unwrap().build().unwrap();
        let mut parts = http::Request::get("/").body(()).unwrap().into_parts().0;
        let broadcast = Broadcast::from_request_parts(&mut parts, &broadcaster)
            .await
            .unwrap();
        let report = broadcast.to("private-x").message("hello").await.unwrap();
        assert_eq!(report.sent.len(), sent, "{word}");
    }
}

#[tokio::test]
async fn a_driver_that_fails_does_what_the_file_says() {
    for (word, fails) in [("error", true), ("log", false)] {
        let text = format!("driver_failure = \"{word}\"\ndefault = \"null\"\n[drivers.null]");
        let builder = read(&text).unwrap().driver("broken", Recorder::broken());
        let broadcast = builder.build().unwrap().as_system().driver("broken");
        let sent = broadcast.to("c").message("hello").await;
        assert_eq!(sent.is_err(), fails, "{word}");
        if let Ok(report) = sent {
            assert_eq!(report.skipped[0].reason, SkipReason::DriverFailed);
        }
    }
}

#[tokio::test]
async fn the_table_queue_is_about_the_queue() {
    let text = "default = \"null\"\n[drivers.null]\n[queue]\ncapacity = 2\nattempts = 2\n\
                first_delay = \"1ms\"\nclose_within = \"20s\"";
    let builder = read(text).unwrap().driver("broken", Recorder::broken());
    let broadcaster = builder.build().unwrap();
    let broadcast = broadcaster.as_system().driver("broken");
    let later = || broadcast.to("c").message("hello").later();
    assert!(later().is_ok() && later().is_ok());
    assert!(matches!(
        later(),
        Err(skywave::Error::NotQueued {
            problem: NotQueued::Full { capacity: 2 },
            ..
        })
    ));
    broadcaster.close().await.unwrap();
    let status = broadcaster.queue();
    assert_eq!((status.retried, status.dropped), (2, 2), "{status:?}");
}

#[tokio::test]
async fn a_driver_is_chosen_by_its_type() {
    let broadcaster = read("default = \"b\"\n[drivers.null]\n[drivers.a]\ndriver = \"log\"\n[drivers.b]\ndriver = \"log\"")
        .unwrap()
        .build()
        .unwrap();
    let broadcast = broadcaster.as_system();
    broadcast
        .driver_of::<Null>()
        .unwrap()
        .to("c")
        .message("hello")
        .await
        .unwrap();
    assert!(format!("{:?}", broadcast.driver_of::<Null>()).contains(r#"Some(["null"])"#));
    // Of two, the default one.
    assert!(format!("{:?}", broadcaster.driver_of::<Log>()).contains(r#"Some("b")"#));
    assert_eq!(
        broadcast.driver_of::<Embedded>().unwrap_err().to_string(),
        "there is no driver of type `Embedded`: expected the type of one of `null`, `a`, `b`"
    );
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn a_fake_has_the_drivers_of_the_file() {
    let (broadcaster, recording) = read("default = \"log\"\n[drivers.log]\n[drivers.null]")
        .unwrap()
        .fake()
        .unwrap();
    let broadcast = broadcaster.as_system().driver_of::<Null>().unwrap();
    broadcast.to("c").message("hello").await.unwrap();
    assert_eq!(recording.events()[0].driver, "null");
}
