//! The routes of the example, asked without a network.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use site::User;
use skywave::{Broadcaster, Embedded};
use tower::ServiceExt;

fn app() -> Router {
    let user: User = serde_json::from_str(r#"{"name":"Ada","role":"user"}"#).unwrap();
    let builder = Broadcaster::builder()
        .driver("embedded", Embedded::generated())
        .users(move |parts| {
            let user = parts.headers.contains_key("x-ada").then(|| user.clone());
            async { user }
        });
    let broadcaster = vault::rules(builder).build().unwrap();
    vault::router(Path::new("nowhere"))
        .merge(broadcaster.routes())
        .with_state(broadcaster)
}

async fn post(path: &str, logged_in: bool, form: &'static str) -> (StatusCode, String) {
    let mut request =
        Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if logged_in {
        request = request.header("x-ada", "");
    }
    let request = request.body(Body::from(form)).unwrap();
    let response = app().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_user_puts_in_a_note_and_a_visitor_does_not() {
    let (status, body) = post("/vault", true, "text=gold").await;
    assert_eq!(
        (status, body.as_str()),
        (
            StatusCode::OK,
            r#"{"sent":["private-encrypted-vault"],"skipped":[]}"#
        )
    );
    let (_, body) = post("/vault", false, "text=gold").await;
    assert!(body.contains(r#""sent":[]"#), "{body}");
}

#[tokio::test]
async fn only_a_user_gets_the_key() {
    let ask = "socket_id=1.2&channel_name=private-encrypted-vault";
    let (status, body) = post("/broadcasting/authorize", true, ask).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("\"shared_secret\":"), "{body}");
    let (status, body) = post("/broadcasting/authorize", false, ask).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(!body.contains("shared_secret"), "{body}");
}
