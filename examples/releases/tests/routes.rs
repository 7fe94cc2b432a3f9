//! The routes of the example, asked without a network.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use skywave::{Broadcaster, CanBroadcast, Null};
use tower::ServiceExt;

async fn release(form: &'static str) -> (StatusCode, String) {
    let broadcaster = Broadcaster::builder().driver("null", Null).build().unwrap();
    let request = Request::post("/releases")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    let app = releases::router().with_state(broadcaster);
    let response = app.oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_visitor_may_release_on_the_public_channel() {
    let (status, body) = release("version=4.0.0").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::OK, r#"{"sent":["releases"],"skipped":[]}"#)
    );
}

#[tokio::test]
async fn a_version_that_is_none_is_refused_by_its_name() {
    for (form, expected) in [
        ("", "version"),
        ("version=", "version: must be 1 to 40 characters, got 0"),
        ("version=%0A", "version: must be 1 to 40 characters, got 0"),
        (
            "version=11111111111111111111111111111111111111111",
            "version: must be 1 to 40 characters, got 41",
        ),
    ] {
        let (status, body) = release(form).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        assert!(body.contains(expected), "{form}: {body}");
    }
}

#[test]
fn the_event_has_the_name_and_the_words_of_the_documents() {
    let event: releases::NewRelease = serde_json::from_str(r#"{"version":"4.0.0"}"#).unwrap();
    assert_eq!(event.broadcast_as(), "NewRelease");
    let data = serde_json::to_string(&event.broadcast_with()).unwrap();
    assert_eq!(data, r#"{"message":"Version 4.0.0 has been released !"}"#);
}
