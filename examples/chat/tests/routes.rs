//! The routes of the example, asked without a network.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use skywave::{Broadcaster, Embedded};
use tower::ServiceExt;

fn application() -> Router {
    let builder = Broadcaster::builder()
        .driver("embedded", Embedded::generated())
        .users(site::current_user);
    let broadcaster = chat::rules(builder).build().unwrap();
    chat::router()
        .merge(site::accounts())
        .merge(broadcaster.routes())
        .layer(site::sessions())
        .with_state(broadcaster)
}

async fn send(
    app: &Router,
    path: &str,
    form: &'static str,
    cookie: &str,
) -> axum::response::Response {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookie)
        .header("X-Socket-ID", "1.2")
        .body(Body::from(form))
        .unwrap();
    app.clone().oneshot(request).await.unwrap()
}

async fn post(app: &Router, path: &str, form: &'static str, cookie: &str) -> (StatusCode, String) {
    let response = send(app, path, form, cookie).await;
    let status = response.status();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn log_in(app: &Router, form: &'static str) -> String {
    let response = send(app, "/login", form, "").await;
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

const LOBBY: &str = "socket_id=1.2&channel_name=presence-room.lobby";

#[tokio::test]
async fn every_user_may_join_the_lobby_and_is_known_by_name() {
    let app = application();
    let ada = log_in(&app, "name=Ada&role=user").await;
    let (status, body) = post(&app, "/broadcasting/authorize", LOBBY, &ada).await;
    assert_eq!(status, StatusCode::OK);
    let reply: serde_json::Value = serde_json::from_str(&body).unwrap();
    let member: serde_json::Value =
        serde_json::from_str(reply["channel_data"].as_str().unwrap()).unwrap();
    assert_eq!(member["user_info"]["name"], "Ada");
}

#[tokio::test]
async fn the_same_name_is_the_same_member_in_every_browser() {
    let app = application();
    let mut seen = Vec::new();
    for form in ["name=Ada&role=user", "name=ada&role=user"] {
        let cookie = log_in(&app, form).await;
        let body = post(&app, "/broadcasting/authorize", LOBBY, &cookie)
            .await
            .1;
        let reply: serde_json::Value = serde_json::from_str(&body).unwrap();
        let member = reply["channel_data"].as_str().unwrap().to_owned();
        let member: serde_json::Value = serde_json::from_str(&member).unwrap();
        seen.push(member["user_id"].clone());
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn visitors_and_other_rooms_are_refused() {
    let app = application();
    let ada = log_in(&app, "name=Ada&role=user").await;
    for (form, cookie) in [
        (LOBBY, ""),
        (
            "socket_id=1.2&channel_name=presence-room.cellar",
            ada.as_str(),
        ),
    ] {
        let (status, body) = post(&app, "/broadcasting/authorize", form, cookie).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{form}");
        assert!(!body.contains("\"auth\""), "{form}: {body}");
    }
}

#[tokio::test]
async fn a_message_goes_to_the_lobby_and_a_visitors_does_not() {
    let app = application();
    let ada = log_in(&app, "name=Ada&role=user").await;
    let (status, body) = post(&app, "/chat", "text=Hello", &ada).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body, r#"{"sent":["presence-room.lobby"],"skipped":[]}"#);

    let (status, body) = post(&app, "/chat", "text=Hello", "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(body.contains("log in first"), "{body}");

    let (status, body) = post(&app, "/chat", "text=", &ada).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body.contains("text: must be 1 to 500 characters"), "{body}");
}
