//! Many channels in one authorisation request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use http::StatusCode;
use serde_json::{Value, json};
use skywave::{Member, Unruled};
use skywave_protocol::ChannelName;
use tokio::sync::Barrier;

use crate::stage::{Ask, Recorder, User, builder, credentials, form, post, without_users};

const PATH: &str = "/broadcasting/authorize";

fn app() -> Router {
    builder(&Recorder::new())
        .authorize("private-orders.{id}", |user: &User, id: u64| id == user.id)
        .authorize("private-failing", |_: &User| {
            Err::<bool, _>("the database is away")
        })
        .authorize("private-panicking", |user: &User| -> bool {
            panic!("at user {}", user.id)
        })
        .join("presence-room.{room}", |user: &User, _: String| {
            Some(Member::new(user.id))
        })
        .unruled(Unruled::Deny)
        .build()
        .unwrap()
        .routes()
}

/// A form that asks for these channels.
fn channels(names: &[&str]) -> Ask {
    let names = names.iter().map(|name| ("channel_name[]", *name));
    let fields: Vec<_> = [("socket_id", "1234.1234")]
        .into_iter()
        .chain(names)
        .collect();
    form(PATH, &fields)
}

/// Asserts that the answer grants this channel with the right signature; gives its data.
#[track_caller]
fn granted(answer: &Value, name: &str) -> Value {
    assert_eq!(answer[name]["status"], 200, "{answer}");
    let data = &answer[name]["data"];
    let auth = data["auth"].as_str().expect("auth is text");
    credentials()
        .verify_channel(
            auth,
            "1234.1234".parse().unwrap(),
            &ChannelName::parse(name).unwrap(),
            data["channel_data"].as_str(),
        )
        .unwrap();
    data.clone()
}

#[tokio::test]
async fn every_channel_has_its_own_answer() {
    let names = [
        "private-orders.7",
        "presence-room.lobby",
        "private-orders.8",
        "private-failing",
        "private-panicking",
        "private-unruled",
        "news",
        "no spaces",
    ];
    let answer = channels(&names).by(7).to(&app()).await.json();
    let object = answer.as_object().unwrap();
    assert_eq!(object.len(), names.len(), "{answer}");

    let private = granted(&answer, "private-orders.7");
    assert_eq!(private.as_object().unwrap().len(), 1, "{private}");
    let presence = granted(&answer, "presence-room.lobby");
    assert_eq!(presence["channel_data"], r#"{"user_id":"7"}"#);

    for (name, status, reason) in [
        (
            "private-orders.8",
            403,
            "the rule of `private-orders.{id}` says no",
        ),
        ("private-failing", 500, "the database is away"),
        ("private-panicking", 500, "a rule panicked"),
        ("private-unruled", 403, "no rule's pattern matches"),
        ("news", 403, "needs no authorisation"),
    ] {
        assert_eq!(answer[name]["status"], status, "{name}");
        assert_eq!(answer[name].get("data"), None, "{name}");
        let error = answer[name]["error"].as_str().unwrap();
        let plain = if status == 403 {
            "Forbidden"
        } else {
            "Internal Server Error"
        };
        let expected = if cfg!(debug_assertions) {
            reason
        } else {
            plain
        };
        assert!(error.contains(expected), "{name}: {error}");
    }
    assert_eq!(
        answer["no spaces"],
        json!({
            "status": 422,
            "error": "field `channel_name[]`: ' ' at byte 2 is not one of the letters, digits and _-=@,.; of a channel name"
        })
    );
}

#[tokio::test]
async fn a_visitor_is_denied_channel_by_channel() {
    let answer = channels(&["private-orders.7", "presence-room.a"])
        .to(&app())
        .await
        .json();
    for name in ["private-orders.7", "presence-room.a"] {
        assert_eq!(answer[name]["status"], 403, "{answer}");
    }
}

#[tokio::test]
async fn forms_and_json_name_many_channels_alike() {
    let names = r#"["private-orders.7","presence-room.a"]"#;
    let form = "application/x-www-form-urlencoded";
    for (content_type, body) in [
        (
            form,
            "socket_id=1234.1234&channel_name[]=private-orders.7&channel_name[]=presence-room.a",
        ),
        (
            form,
            "socket_id=1234.1234&channel_name%5B0%5D=private-orders.7&channel_name%5B1%5D=presence-room.a",
        ),
        (
            "application/json",
            &format!(r#"{{"socket_id":"1234.1234","channel_name":{names}}}"#),
        ),
        (
            "application/json",
            &format!(r#"{{"socket_id":"1234.1234","channel_name[]":{names},"channel_name":null}}"#),
        ),
    ] {
        let answer = post(PATH, content_type, body).by(7).to(&app()).await.json();
        granted(&answer, "private-orders.7");
        granted(&answer, "presence-room.a");
        assert_eq!(answer.as_object().unwrap().len(), 2, "{body}");
    }
}

#[tokio::test]
async fn a_channel_asked_for_twice_is_answered_once() {
    let answer = channels(&["private-orders.7", "private-orders.7"])
        .by(7)
        .to(&app())
        .await;
    assert_eq!(answer.body.matches("private-orders.7").count(), 1);
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused_as_a_whole() {
    let many: Vec<String> = (0..=100)
        .map(|number| format!("private-{number}"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    channels(&many[..100]).by(7).to(&app()).await.json();
    let json = |body: &str| post(PATH, "application/json", body);
    for (ask, reason) in [
        (
            channels(&many),
            "field `channel_name[]`: expected 1 to 100 channels, got 101",
        ),
        (
            json(r#"{"socket_id":"1.2","channel_name":[]}"#),
            "field `channel_name[]`: expected 1 to 100 channels, got 0",
        ),
        (
            json(r#"{"socket_id":"1.2","channel_name":["private-a",7]}"#),
            "field `channel_name[]` is not text: expected a JSON string",
        ),
        (
            json(r#"{"socket_id":"1.2","channel_name[]":"private-a"}"#),
            "field `channel_name[]` is not a list",
        ),
        (
            form(
                PATH,
                &[
                    ("socket_id", "1.2"),
                    ("channel_name", "private-a"),
                    ("channel_name[]", "private-b"),
                ],
            ),
            "fields `channel_name` and `channel_name[]`: expected one of them",
        ),
        (
            form(PATH, &[("channel_name[]", "private-a")]),
            "field `socket_id` is missing",
        ),
        (
            form(PATH, &[("socket_id", "1"), ("channel_name[]", "private-a")]),
            "field `socket_id`: ",
        ),
    ] {
        let answer = ask.by(7).to(&app()).await;
        answer.refused(StatusCode::UNPROCESSABLE_ENTITY, reason);
    }
}

#[tokio::test]
async fn the_user_is_found_once_and_the_rules_wait_side_by_side() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    // Nobody passes before all three rules have been asked.
    let barrier = Arc::new(Barrier::new(3));
    let app = without_users(&Recorder::new())
        .users(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            async { Some("ada".to_owned()) }
        })
        .authorize_async("private-{name}", move |_: String, _: String| {
            let barrier = Arc::clone(&barrier);
            async move {
                barrier.wait().await;
                true
            }
        })
        .build()
        .unwrap()
        .routes();
    let ask = channels(&["private-a", "private-b", "private-c"]);
    let answer = tokio::time::timeout(Duration::from_secs(10), ask.to(&app))
        .await
        .expect("the rules do not wait for each other")
        .json();
    for name in ["private-a", "private-b", "private-c"] {
        granted(&answer, name);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_users_hook_that_panics_fails_the_whole_batch() {
    let app = without_users(&Recorder::new())
        .users(|parts| async move {
            let user = parts
                .headers
                .get("x-user")
                .expect("a layer has set the user");
            user.to_str().ok().map(str::to_owned)
        })
        .build()
        .unwrap()
        .routes();
    let ask = || channels(&["private-a", "private-b"]);
    let answer = ask().to(&app).await;
    answer.refused(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    granted(&ask().by(7).to(&app).await.json(), "private-a");
}
