//! What is logged, and what is not.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::json;
use skywave::{Broadcast, Broadcaster, Log, Member, Unruled};
use tracing::Level;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::stage::{KEY, Recorder, SECRET, User, builder, channel, form, user_of};

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged while this runs.
fn logged<F: Future>(work: impl FnOnce() -> F) -> String {
    logged_with(FmtSpan::NONE, work)
}

/// The same with these moments of spans.
fn logged_with<F: Future>(spans: FmtSpan, work: impl FnOnce() -> F) -> String {
    let log = Lines::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_ansi(false)
        .with_span_events(spans)
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        // A place that logs may have been taken for silent by a test beside this one, which has no
        // subscriber, at the very moment when ours came.
        tracing::callsite::rebuild_interest_cache();
        runtime.block_on(work());
    });
    String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
}

fn broadcaster() -> Broadcaster {
    builder(&Recorder::new()).build().unwrap()
}

#[test]
fn bare_text_as_data_is_warned_of_in_debug_builds() {
    let system = broadcaster().as_system();
    // The order of the documents' first versions: channel, message, event.
    let log = logged(|| {
        system
            .channel("c", "the message", "the-event")
            .into_future()
    });
    assert_eq!(log.contains("WARN"), cfg!(debug_assertions), "{log}");
    assert_eq!(
        log.contains("channel(channels, event, data)"),
        cfg!(debug_assertions),
        "{log}"
    );

    for sending in [
        system.channel("c", "event", json!({ "key": "value" })),
        system.to("c").event("event", "text on purpose"),
        system.to("c").message("text"),
    ] {
        assert_eq!(logged(|| sending.into_future()), "");
    }
}

#[test]
fn b11_a_skipped_channel_is_warned_of() {
    async fn alert(broadcast: Broadcast) {
        broadcast
            .to(["news", "private-admins"])
            .message("hello")
            .await
            .unwrap();
    }
    let app = axum::Router::new()
        .route("/", axum::routing::post(alert))
        .with_state(broadcaster());
    let log = logged(|| form("/", &[]).to(&app));
    assert!(
        log.contains("WARN") && log.contains("private-admins"),
        "{log}"
    );
    assert!(
        log.contains("nobody is logged in") && !log.contains("news"),
        "{log}"
    );
}

#[test]
fn opening_private_channels_to_everyone_is_warned_of() {
    for (unruled, warned) in [
        (Unruled::LoggedIn, false),
        (Unruled::Everyone, true),
        (Unruled::Deny, false),
    ] {
        let log = logged(async || builder(&Recorder::new()).unruled(unruled).build().unwrap());
        assert_eq!(
            log.contains("open to everyone"),
            warned,
            "{unruled:?}: {log}"
        );
    }
}

#[test]
fn a_denial_is_told_at_debug_level_with_its_reason() {
    let app = broadcaster().routes();
    let log = logged(|| channel("private-x").to(&app));
    assert!(
        log.contains("DEBUG") && log.contains("denied: nobody is logged in"),
        "{log}"
    );
}

#[cfg(all(feature = "config", feature = "pusher"))]
#[test]
fn missing_tls_is_warned_of_once_with_its_place() {
    let build = |more: &str| {
        let text = format!(
            "[drivers.pusher]\napp_id = \"1\"\nkey = \"k\"\nsecret = \"hush\"\nssl = false\n{more}"
        );
        logged(async || {
            Broadcaster::configure()
                .text("b.toml", &text)
                .unwrap()
                .build()
                .unwrap()
        })
    };
    let log = build("host = \"example.com\"");
    let warning = "b.toml:5:7: drivers.pusher.ssl: events and their data go to the server without \
                   TLS (ssl = false)";
    assert_eq!(
        (log.contains(warning), log.matches("WARN").count()),
        (true, 1),
        "{log}"
    );
    assert!(!log.contains("hush"), "{log}");
    assert!(!build("host = \"127.0.0.1\"").contains("WARN"));
}

#[test]
fn the_log_driver_logs_events_and_their_data_only_when_asked() {
    for (driver, data_logged) in [(Log::new(), false), (Log::new().data(true), true)] {
        let broadcaster = Broadcaster::builder()
            .driver("log", driver)
            .build()
            .unwrap();
        let system = broadcaster.as_system();
        let sending = system.channel(["c1", "private-c2"], "Sent", json!({ "text": "hush" }));
        let log = logged(|| sending.into_future());
        let line =
            r#" INFO skywave::driver::log: event event="Sent" channels="c1 private-c2" bytes=15"#;
        assert!(log.contains(line), "{log}");
        assert_eq!(log.contains("hush"), data_logged, "{log}");
        assert_eq!(log.contains("DEBUG"), data_logged, "{log}");
    }
}

#[test]
fn the_log_driver_asks_the_rules_and_answers_without_a_signature() {
    let app = Broadcaster::builder()
        .driver("log", Log::new())
        .users(user_of)
        .join("presence-room.{id}", |user: &User, id: u64| {
            (user.id == id).then(|| Member::new(user.id))
        })
        .build()
        .unwrap()
        .routes();
    let mut answer = None;
    let log = logged(|| async { answer = Some(channel("presence-room.7").by(7).to(&app).await) });
    assert_eq!(
        answer.unwrap().json(),
        json!({ "auth": "log:not-signed", "channel_data": r#"{"user_id":"7"}"# })
    );
    assert!(log.contains("authorised channel=presence-room.7"), "{log}");

    let log = logged(|| async { channel("presence-room.8").by(7).to(&app).await.denied("") });
    assert!(!log.contains("authorised"), "{log}");
}

#[test]
fn spans_name_the_driver_and_the_event_and_hold_no_payload() {
    let broadcaster = broadcaster();
    let system = broadcaster.as_system();
    let app = broadcaster.routes();
    let log = logged_with(FmtSpan::NEW, async || {
        let sending = system.channel("news", "added", json!({ "password": "payload" }));
        sending.await.unwrap();
        let many = [("socket_id", "1.2"), ("channel_name[]", "private-a")];
        form("/broadcasting/authorize", &many).by(7).to(&app).await;
    });
    assert!(
        log.contains(r#"publish{driver="recorder" event=added}"#),
        "{log}"
    );
    assert!(log.contains("authorise"), "{log}");
    for hidden in ["payload", SECRET, KEY] {
        assert!(!log.contains(hidden), "{log}");
    }
}

#[test]
fn neither_secrets_nor_signatures_are_logged() {
    let app = broadcaster().routes();
    let mut answer = None;
    let log = logged(|| async { answer = Some(channel("private-x").by(7).to(&app).await) });
    let signature = answer.unwrap().json()["auth"]
        .as_str()
        .unwrap()
        .replace(KEY, "");
    let printed = log + &format!("{:?}", broadcaster());
    assert!(
        !printed.contains(SECRET) && !printed.contains(&signature),
        "{printed}"
    );
}
