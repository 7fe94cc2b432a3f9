//! The documents' behaviours that no other module is about, and `docs/behaviours.md` itself: every
//! row is there, and every test that it names exists.

use std::fs;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::json;
use skywave::{AuthError, AuthReply, AuthRequest, Broadcaster, CanBroadcast, Log, Null};

use crate::stage::{KEY, Recorder, builder, form};

const GUIDE: &str = include_str!("../../../../docs/behaviours.md");

/// An event of the documents' examples.
#[derive(serde::Serialize)]
struct UserAdded {
    name: &'static str,
}

impl CanBroadcast for UserAdded {
    fn broadcast_on(&self) -> impl skywave::IntoChannels {
        "users"
    }
}

#[tokio::test]
async fn f23_the_named_driver_is_the_one_that_signs() {
    async fn authorize(
        State(broadcaster): State<Broadcaster>,
        ask: AuthRequest,
    ) -> Result<AuthReply, AuthError> {
        match &ask {
            AuthRequest::Channel(ask) => {
                let name = ask.channel().trim_start_matches("private-");
                broadcaster.driver(name).authorize(ask)
            }
            AuthRequest::User(_) => Err(AuthError::denied("only channels")),
        }
    }
    let broadcaster = builder(&Recorder::new())
        .driver("log", Log::new())
        .driver("null", Null)
        .build()
        .unwrap();
    let app = Router::new()
        .route("/auth", post(authorize))
        .with_state(broadcaster);
    for (driver, beginning) in [("recorder", KEY), ("log", "log:"), ("null", "")] {
        let channel = format!("private-{driver}");
        let ask = form("/auth", &[("socket_id", "1.2"), ("channel_name", &channel)]);
        let reply = ask.to(&app).await.json();
        let auth = reply["auth"].as_str().unwrap();
        assert!(auth.starts_with(beginning), "{driver}: {auth}");
        assert_eq!(auth.contains(KEY), driver == "recorder", "{driver}: {auth}");
    }
}

#[tokio::test]
async fn f24_every_driver_takes_every_form_of_sending() {
    let builder = builder(&Recorder::new())
        .driver("log", Log::new())
        .driver("null", Null);
    #[cfg(feature = "embedded")]
    let builder = builder.driver("embedded", skywave::Embedded::generated());
    let mut names = vec!["recorder", "log", "null"];
    names.extend(cfg!(feature = "embedded").then_some("embedded"));
    let broadcaster = builder.build().unwrap();
    for name in names {
        let broadcast = broadcaster.as_system().driver(name);
        for (sending, sent) in [
            (
                broadcast.channel(["c1", "private-c2"], "e", json!({ "key": "value" })),
                &["c1", "private-c2"][..],
            ),
            (broadcast.to("c1").event("e", 1), &["c1"]),
            (broadcast.to("c1").message("hello"), &["c1"]),
            (broadcast.emit(UserAdded { name: "ada" }), &["users"]),
            (broadcast.to("c1").message("x").to_others(), &["c1"]),
        ] {
            let report = sending.await.unwrap();
            assert_eq!(report.sent, sent, "{name}");
            assert_eq!(report.skipped, [], "{name}");
        }
    }
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn b15_what_is_for_one_user_reaches_nobody_else() {
    /// Where an application of the documents would have notified a user.
    #[derive(serde::Serialize)]
    struct InvoicePaid {
        user: &'static str,
    }

    impl CanBroadcast for InvoicePaid {
        fn broadcast_on(&self) -> impl skywave::IntoChannels {
            skywave::Channel::private(format!("users.{}", self.user))
        }
    }

    let (broadcaster, recording) = Broadcaster::builder()
        .users(|_parts| async { None::<String> })
        .authorize("private-users.{id}", |user: &String, id: String| {
            *user == id
        })
        .fake()
        .unwrap();
    let mut ada = recording.browser(&"ada".to_owned());
    let mut eve = recording.browser(&"eve".to_owned());
    ada.subscribe(["broadcast", "private-users.ada"])
        .await
        .unwrap();
    eve.subscribe(["broadcast", "private-users.eve"])
        .await
        .unwrap();
    eve.subscribe("private-users.ada").await.unwrap_err();

    let paid = || InvoicePaid { user: "ada" };
    broadcaster.as_system().emit(paid()).await.unwrap();
    ada.expect_on("private-users.ada", "InvoicePaid", paid());
    ada.expect_nothing();
    eve.expect_nothing();
    recording.assert_nothing_on("broadcast");
}

/// What is wrong with the page: rows that are missing, too many or malformed, tests that are not
/// where it says.
fn mistakes(page: &str) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut ids = Vec::new();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        let line = line.strip_prefix("| ").and_then(|l| l.strip_suffix(" |"));
        let cells: Vec<_> = line.unwrap_or_default().split(" | ").collect();
        let [id, topic, answer, tests] = cells.as_slice() else {
            if line.is_some() {
                mistakes.push(format!("not four cells: {cells:?}"));
            }
            continue;
        };
        if *id == "#" {
            continue; // a head
        }
        ids.push((*id).to_owned());
        if topic.is_empty() || answer.is_empty() {
            mistakes.push(format!("{id}: an empty cell"));
        }
        let verdicts = ["**Works.**", "**Otherwise.**", "**Not ours.**"];
        if id.starts_with('F') && !verdicts.iter().any(|v| answer.starts_with(v)) {
            mistakes.push(format!("{id}: expected one of {verdicts:?}"));
        }
        let nothing_to_show = answer.starts_with("**Not ours.**");
        if !(nothing_to_show && tests.is_empty()) {
            for link in tests.split("<br>") {
                if let Err(mistake) = check(link) {
                    mistakes.push(format!("{id}: {link}: {mistake}"));
                }
            }
        }
    }
    let expected: Vec<_> = [("F", 65), ("C", 13), ("B", 20)]
        .into_iter()
        .flat_map(|(letter, last)| (1..=last).map(move |number| format!("{letter}{number}")))
        .collect();
    if ids != expected {
        mistakes.push(format!("expected the rows {expected:?}, found {ids:?}"));
    }
    mistakes
}

/// A link is [`file::test`](path of the file), and the file has that test.
fn check(link: &str) -> Result<(), String> {
    let parts = link.strip_prefix("[`").and_then(|l| l.strip_suffix(')'));
    let (text, target) = parts
        .and_then(|parts| parts.split_once("`]("))
        .ok_or("expected [`file::test`](path)")?;
    let (file, test) = text.split_once("::").ok_or("expected `file::test`")?;
    if !target.ends_with(&format!("/{file}")) {
        return Err(format!("{target} is another file than {file}"));
    }
    let path = docs().join(target);
    let source = fs::read_to_string(&path).map_err(|error| format!("{target}: {error}"))?;
    let found = match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => source
            .split("test]\n")
            .skip(1)
            .any(|item| item.lines().take(4).any(|line| is_function(line, test))),
        Some("js") => source.contains(&format!("test('{test}'")),
        _ => false,
    };
    found
        .then_some(())
        .ok_or_else(|| format!("no such test in {target}"))
}

fn is_function(line: &str, name: &str) -> bool {
    let line = line.trim_start().trim_start_matches("async ");
    let rest = line.strip_prefix("fn ").and_then(|l| l.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with("()"))
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

#[test]
fn the_page_of_behaviours_is_complete_and_its_tests_exist() {
    assert_eq!(mistakes(GUIDE), [] as [&str; 0]);
}

#[test]
fn a_slip_in_the_page_of_behaviours_is_noticed() {
    let row = |id: &str| {
        let start = GUIDE.find(&format!("\n| {id} |")).unwrap() + 1;
        let end = start + GUIDE[start..].find('\n').unwrap();
        &GUIDE[start..=end]
    };
    for (from, to) in [
        (row("F7"), ""),
        (row("C13"), &row("C13").repeat(2)),
        (row("B20"), &row("B20").replace("| B20 |", "| B21 |")),
        ("b07_denial_is_403", "b07_denial_is_404"),
        ("::b07_denial_is_403", "::b07_denial"),
        ("it/sending.rs)", "it/sendings.rs)"),
        ("it/sending.rs)", "it/typed.rs)"),
        (
            "::a release is shown to every visitor",
            "::a release is shown",
        ),
        ("| **Works.", "| **Work."),
        ("<br>[`", "<br> [`"),
    ] {
        assert!(GUIDE.contains(from), "{from}");
        let slip = GUIDE.replacen(from, to, 1);
        assert_eq!(
            mistakes(&slip).len(),
            1,
            "{from} -> {to}: {:?}",
            mistakes(&slip)
        );
    }
}
