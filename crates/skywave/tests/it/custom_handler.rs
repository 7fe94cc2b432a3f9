//! An authorisation handler of the application's own, as the newest document's second example.

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::routing::post;
use http::StatusCode;
use http::request::Parts;
use serde_json::json;
use skywave::{AuthError, AuthReply, AuthRequest, Broadcaster, Member};
use skywave_protocol::ChannelName;

use crate::stage::{Ask, Recorder, builder, credentials, form};

/// The application's own way to know its users.
struct CurrentUser(Option<u64>);

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let id = parts.headers.get("x-user").and_then(|id| id.to_str().ok());
        Ok(Self(id.and_then(|id| id.parse().ok())))
    }
}

async fn authorize(
    State(broadcaster): State<Broadcaster>,
    CurrentUser(user): CurrentUser,
    ask: AuthRequest,
) -> Result<AuthReply, AuthError> {
    let driver = broadcaster.driver("recorder");
    let user = user.ok_or_else(|| AuthError::denied("log in first"))?;
    match &ask {
        AuthRequest::Channel(ask) if ask.channel() == "private-admins" && user != 1 => {
            Err(AuthError::denied("only admins may listen"))
        }
        AuthRequest::Channel(ask) if ask.kind().is_presence() => {
            driver.authorize_member(ask, &Member::new(user).info(json!({ "from": "a handler" })))
        }
        AuthRequest::Channel(ask) => driver.authorize(ask),
        AuthRequest::User(ask) => driver.authenticate(ask, &Member::new(user)),
    }
}

/// The opposite of what each channel needs.
async fn confused(
    State(broadcaster): State<Broadcaster>,
    ask: AuthRequest,
) -> Result<AuthReply, AuthError> {
    let driver = broadcaster.default_driver();
    match &ask {
        AuthRequest::Channel(ask) if ask.kind().is_presence() => driver.authorize(ask),
        AuthRequest::Channel(ask) => driver.authorize_member(ask, &Member::new(1)),
        AuthRequest::User(ask) => driver.authenticate(ask, &Member::new("")),
    }
}

async fn unknown(
    State(broadcaster): State<Broadcaster>,
    ask: AuthRequest,
) -> Result<AuthReply, AuthError> {
    match &ask {
        AuthRequest::Channel(ask) => broadcaster.driver("pusher").authorize(ask),
        AuthRequest::User(ask) => broadcaster
            .driver("pusher")
            .authenticate(ask, &Member::new(1)),
    }
}

fn app() -> Router {
    let broadcaster = builder(&Recorder::new())
        .auth_path("/pusher/user-auth")
        .build()
        .unwrap();
    Router::new()
        .route("/pusher/user-auth", post(authorize))
        .route("/confused", post(confused))
        .route("/unknown", post(unknown))
        .merge(broadcaster.driver_routes())
        .with_state(broadcaster)
}

fn ask(path: &str, channel: &str) -> Ask {
    form(path, &[("socket_id", "1.2"), ("channel_name", channel)])
}

#[tokio::test]
async fn the_handler_decides_and_the_driver_signs() {
    let app = app();
    for (channel, user, allowed) in [
        ("private-admins", 1, true),
        ("private-admins", 7, false),
        ("private-anything", 7, true),
    ] {
        let answer = ask("/pusher/user-auth", channel).by(user).to(&app).await;
        if !allowed {
            answer.denied("only admins may listen");
            continue;
        }
        let name = ChannelName::parse(channel).unwrap();
        let reply = answer.json();
        let auth = reply["auth"].as_str().unwrap();
        credentials()
            .verify_channel(auth, "1.2".parse().unwrap(), &name, None)
            .unwrap();
    }
    ask("/pusher/user-auth", "private-anything")
        .to(&app)
        .await
        .denied("log in first");
}

#[tokio::test]
async fn members_and_users_are_signed_too() {
    let app = app();
    let reply = ask("/pusher/user-auth", "presence-room")
        .by(7)
        .to(&app)
        .await
        .json();
    assert_eq!(
        reply["channel_data"],
        r#"{"user_id":"7","user_info":{"from":"a handler"}}"#
    );
    let reply = form("/pusher/user-auth", &[("socket_id", "1.2")])
        .by(7)
        .to(&app)
        .await
        .json();
    assert_eq!(reply["user_data"], r#"{"id":"7"}"#);
}

#[tokio::test]
async fn the_handler_gets_only_well_formed_requests() {
    let answer = form("/pusher/user-auth", &[("socket_id", "1.2:x")])
        .by(7)
        .to(&app())
        .await;
    answer.refused(StatusCode::UNPROCESSABLE_ENTITY, "field `socket_id`");
}

#[tokio::test]
async fn what_cannot_be_signed_is_a_500_that_says_what_to_call() {
    let app = app();
    for (channel, reason) in [
        (
            "presence-room",
            "sign it with `authorize_member`, which says who joins",
        ),
        (
            "private-x",
            "`private-x` is not a presence channel: sign it with `authorize`",
        ),
    ] {
        let answer = ask("/confused", channel).to(&app).await;
        let reason = if cfg!(debug_assertions) {
            reason
        } else {
            "Internal Server Error"
        };
        answer.refused(StatusCode::INTERNAL_SERVER_ERROR, reason);
    }
    let answer = form("/confused", &[("socket_id", "1.2")]).to(&app).await;
    answer.refused(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
}

#[tokio::test]
async fn an_unknown_driver_is_a_500_that_lists_the_known_ones() {
    let answer = ask("/unknown", "private-x").to(&app()).await;
    let reason = if cfg!(debug_assertions) {
        "there is no driver `pusher`: expected one of `recorder`"
    } else {
        "Internal Server Error"
    };
    answer.refused(StatusCode::INTERNAL_SERVER_ERROR, reason);
}
