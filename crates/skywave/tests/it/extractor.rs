//! What a handler's `Broadcast` knows of its request.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::post;
use http::StatusCode;
use skywave::{Actor, Broadcast, Broadcaster, Error};

use crate::stage::{Recorder, builder, form, without_users};

#[derive(Clone)]
struct AppState {
    broadcaster: Broadcaster,
}

impl FromRef<AppState> for Broadcaster {
    fn from_ref(state: &AppState) -> Self {
        state.broadcaster.clone()
    }
}

async fn who(broadcast: Broadcast) -> String {
    broadcast.actor().to_string()
}

async fn to_others(broadcast: Broadcast) -> Result<(), Error> {
    broadcast.to("c").message("to others").to_others().await?;
    broadcast.to("c").message("to all").await?;
    Ok(())
}

async fn to_other_users(broadcast: Broadcast) -> Result<(), Error> {
    let sending = broadcast.to("c").message("to other users");
    sending.to_other_users().await?;
    Ok(())
}

fn app(broadcaster: Broadcaster) -> Router {
    Router::new()
        .route("/who", post(who))
        .route("/to-others", post(to_others))
        .route("/to-other-users", post(to_other_users))
        .with_state(AppState { broadcaster })
}

#[tokio::test]
async fn b10_the_actor_is_the_requests_own_user() {
    let app = app(builder(&Recorder::new()).build().unwrap());
    assert_eq!(form("/who", &[]).by(7).to(&app).await.body, "user `7`");
    assert_eq!(form("/who", &[]).by(1).to(&app).await.body, "user `1`");
    assert_eq!(form("/who", &[]).to(&app).await.body, "a visitor");
}

#[tokio::test]
async fn without_a_users_hook_everyone_is_a_visitor() {
    let app = app(without_users(&Recorder::new()).build().unwrap());
    assert_eq!(form("/who", &[]).by(7).to(&app).await.body, "a visitor");
}

#[tokio::test]
async fn outside_of_requests_the_actor_is_said() {
    let broadcaster = builder(&Recorder::new()).build().unwrap();
    assert_eq!(broadcaster.as_system().actor(), &Actor::System);
    assert_eq!(broadcaster.as_user(7).actor(), &Actor::User("7".into()));
}

#[tokio::test]
async fn to_others_leaves_out_the_connection_of_the_header() {
    let recorder = Recorder::new();
    let app = app(builder(&recorder).build().unwrap());
    let answer = form("/to-others", &[])
        .header("X-Socket-ID", "12.34")
        .to(&app)
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let except: Vec<_> = recorder.envelopes().iter().map(|e| e.except).collect();
    assert_eq!(except, [Some("12.34".parse().unwrap()), None]);
}

#[tokio::test]
async fn to_other_users_leaves_out_the_requests_user_and_its_connection() {
    let recorder = Recorder::new();
    let broadcaster = builder(&recorder).build().unwrap();
    let app = app(broadcaster.clone());
    let ask = || form("/to-other-users", &[]);
    let here = |ask: crate::stage::Ask| ask.header("X-Socket-ID", "12.34");
    for ask in [here(ask().by(7)), ask().by(7), here(ask()), ask()] {
        assert_eq!(ask.to(&app).await.status, StatusCode::OK);
    }
    for broadcast in [broadcaster.as_user(7), broadcaster.as_system()] {
        let sending = broadcast.to("c").message("m").to_other_users();
        sending.await.unwrap();
    }
    let left_out = |envelope: &skywave::driver::Envelope| {
        let socket_id = envelope.except.map(|id| id.to_string());
        (envelope.except_user.clone(), socket_id)
    };
    let (user, socket_id) = (Some("7".to_owned()), Some("12.34".to_owned()));
    let left_out: Vec<_> = recorder.envelopes().iter().map(left_out).collect();
    assert_eq!(
        left_out,
        [
            (user.clone(), socket_id.clone()),
            (user.clone(), None),
            (None, socket_id),
            (None, None),
            (user, None),
            (None, None),
        ]
    );
}

#[cfg(all(feature = "ably", feature = "pusher"))]
#[tokio::test]
async fn a_driver_that_cannot_leave_out_a_user_says_so_and_sends_nothing() {
    let broadcaster = Broadcaster::builder()
        .driver("null", skywave::Null)
        .driver("log", skywave::Log::new())
        .driver("embedded", skywave::Embedded::generated())
        // Nothing listens at this port: what would be sent would fail.
        .driver(
            "pusher",
            skywave::Pusher::new("3", "k", "s")
                .host("127.0.0.1")
                .port(9)
                .ssl(false),
        )
        .driver(
            "ably",
            skywave::Ably::new("a.b:c").base_url("http://127.0.0.1:9"),
        )
        .build()
        .unwrap();
    for (driver, can) in [
        ("null", true),
        ("log", true),
        ("embedded", true),
        ("pusher", false),
        ("ably", false),
    ] {
        let broadcast = broadcaster.as_user(7).driver(driver);
        let sent = broadcast.to("c").message("m").to_other_users().await;
        if can {
            assert!(sent.is_ok(), "{driver}: {sent:?}");
            continue;
        }
        let error = sent.unwrap_err();
        assert!(matches!(error, Error::NotLeftOut { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "event `base-event` cannot go to others only: driver `{driver}` cannot leave out \
                 all connections of a user, only one"
            )
        );
    }
}

#[tokio::test]
async fn to_others_without_the_header_leaves_nobody_out() {
    let recorder = Recorder::new();
    let app = app(builder(&recorder).build().unwrap());
    assert_eq!(
        form("/to-others", &[]).to(&app).await.status,
        StatusCode::OK
    );
    assert!(
        recorder
            .envelopes()
            .iter()
            .all(|envelope| envelope.except.is_none())
    );
}

#[tokio::test]
async fn a_malformed_header_is_refused_and_named() {
    let app = app(builder(&Recorder::new()).build().unwrap());
    for value in ["", "12", "12.34.56", "-1.2", "undefined"] {
        let answer = form("/who", &[])
            .header("X-Socket-ID", value)
            .to(&app)
            .await;
        answer.refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            "header `x-socket-id`: a socket id is",
        );
    }
}

#[tokio::test]
async fn b20_a_handler_decides_what_a_failing_driver_means_and_the_default_tells_nothing() {
    async fn regardless(broadcast: Broadcast) -> &'static str {
        match broadcast.to("c").message("hello").await {
            Ok(_) => "sent",
            Err(_) => "saved, but not announced",
        }
    }
    let broadcaster = builder(&Recorder::broken()).build().unwrap();
    let app = Router::new()
        .route("/regardless", post(regardless))
        .route("/to-others", post(to_others))
        .with_state(broadcaster);
    assert_eq!(
        form("/regardless", &[]).to(&app).await.body,
        "saved, but not announced"
    );
    let answer = form("/to-others", &[]).to(&app).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body, "Internal Server Error");
}
