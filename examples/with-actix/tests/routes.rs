//! The routes without a browser. `conformance/node` asks them with the official client.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use actix_web::{App, http::header};
use serde_json::{Value, json};

/// The status and the body of the answer to this request.
async fn asked(request: TestRequest) -> (StatusCode, Value) {
    let broadcaster = with_actix::broadcaster("http://127.0.0.1:6001").unwrap();
    let app = App::new()
        .app_data(Data::new(broadcaster))
        .configure(with_actix::routes);
    let response = call_service(&init_service(app).await, request.to_request()).await;
    let status = response.status();
    let body = read_body(response).await;
    let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
    (
        status,
        serde_json::from_slice(&body).unwrap_or_else(|_| text()),
    )
}

fn authorise(channel: &str) -> TestRequest {
    TestRequest::post()
        .uri("/broadcasting/authorize")
        .set_form([("socket_id", "1.2"), ("channel_name", channel)])
}

#[actix_web::test]
async fn the_rules_decide_for_the_requests_user() {
    let ada = |request: TestRequest| request.insert_header((header::AUTHORIZATION, "Bearer ada"));
    let (status, body) = asked(ada(authorise("private-users.ada"))).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body["auth"].as_str().unwrap().starts_with("with-actix:"));
    for request in [
        ada(authorise("private-users.ben")),
        authorise("private-users.ada"),
    ] {
        assert_eq!(asked(request).await.0, StatusCode::FORBIDDEN);
    }
    let (status, _) = asked(ada(authorise("no spaces"))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[actix_web::test]
async fn the_page_is_told_where_the_connections_go_and_where_to_ask() {
    let (status, body) = asked(TestRequest::get().uri("/client.json")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["options"]["wsPort"], 6001);
    assert_eq!(body["options"]["authEndpoint"], "/broadcasting/authorize");
}

#[actix_web::test]
async fn a_note_goes_to_the_pages_of_its_user() {
    let note = || TestRequest::post().uri("/notes").set_form([("text", "hi")]);
    let by_ada = note()
        .insert_header((header::AUTHORIZATION, "Bearer ada"))
        .insert_header(("x-socket-id", "1.2"));
    let (status, body) = asked(by_ada).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        body,
        json!({ "sent": ["private-users.ada"], "skipped": [] })
    );
    assert_eq!(asked(note()).await.0, StatusCode::UNAUTHORIZED);
}
