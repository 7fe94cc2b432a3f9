//! The demo's contract, asked without a network: what can be driven without its pages.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use tower::ServiceExt;

fn application() -> Router {
    demo::application(Path::new("there/is/nothing/here")).unwrap()
}

async fn ask(
    app: &Router,
    method: Method,
    path: &str,
    form: &'static str,
    cookie: &str,
) -> Response {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "127.0.0.1:3000")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookie)
        .body(Body::from(form))
        .unwrap();
    app.clone().oneshot(request).await.unwrap()
}

async fn get(app: &Router, path: &str) -> Response {
    ask(app, Method::GET, path, "", "").await
}

async fn post(app: &Router, path: &str, form: &'static str, cookie: &str) -> (StatusCode, String) {
    let response = ask(app, Method::POST, path, form, cookie).await;
    (response.status(), text(response).await)
}

async fn text(response: Response) -> String {
    let body = to_bytes(response.into_body(), 1_000_000).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

async fn log_in(app: &Router, form: &'static str) -> String {
    let response = ask(app, Method::POST, "/login", form, "").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/");
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn every_page_says_which_file_to_read_and_loads_nothing_from_elsewhere() {
    let app = application();
    for (path, file) in [
        ("/", "examples/demo/src/lib.rs"),
        ("/releases", "examples/releases/src/lib.rs"),
        ("/alerts", "examples/admin-alerts/src/lib.rs"),
        ("/chat", "examples/chat/src/lib.rs"),
    ] {
        let page = text(get(&app, path).await).await;
        assert!(page.contains(file), "{path}");
        assert!(!page.contains("https://"), "{path}");
        for asset in page.split("\"/assets/").skip(1) {
            let asset = format!("/assets/{}", asset.split('"').next().unwrap());
            if asset != "/assets/pusher.min.js" {
                assert_eq!(
                    get(&app, &asset).await.status(),
                    StatusCode::OK,
                    "{asset} of {path}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_missing_pusher_js_is_explained() {
    let response = get(&application(), "/assets/pusher.min.js").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let text = text(response).await;
    assert!(
        text.contains("there/is/nothing/here") && text.contains("cargo xtask demo"),
        "{text}"
    );
}

#[tokio::test]
async fn client_json_is_what_new_pusher_takes() {
    let client = text(get(&application(), "/client.json").await).await;
    let client: Value = serde_json::from_str(&client).unwrap();
    assert!(client["key"].is_string());
    assert_eq!(client["options"]["wsHost"], "127.0.0.1");
    assert_eq!(client["options"]["wsPort"], 3000);
    let options = &client["options"];
    assert_eq!(options["authEndpoint"], "/pusher/user-auth");
    assert_eq!(
        options["userAuthentication"]["endpoint"],
        "/pusher/user-auth"
    );
}

#[tokio::test]
async fn one_route_authorises_channels_and_users_by_role() {
    let app = application();
    let user = log_in(&app, "name=Grace&role=user").await;
    let admin = log_in(&app, "name=Ada&role=admin").await;
    let (ok, no) = (StatusCode::OK, StatusCode::FORBIDDEN);
    for (form, statuses) in [
        ("socket_id=1.2&channel_name=private-admins", [no, no, ok]),
        (
            "socket_id=1.2&channel_name=presence-room.lobby",
            [no, ok, ok],
        ),
        (
            "socket_id=1.2&channel_name=presence-room.cellar",
            [no, no, no],
        ),
        ("socket_id=1.2", [no, ok, ok]),
    ] {
        for (cookie, expected) in ["", &user, &admin].into_iter().zip(statuses) {
            let (status, body) = post(&app, "/pusher/user-auth", form, cookie).await;
            assert_eq!(status, expected, "{form}: {body}");
        }
    }
}

#[tokio::test]
async fn events_are_sent_and_a_visitors_alert_is_skipped() {
    let app = application();
    let user = log_in(&app, "name=Grace&role=user").await;
    for (path, form, cookie, answer) in [
        (
            "/releases",
            "version=4.0.0",
            "",
            r#"{"sent":["releases"],"skipped":[]}"#,
        ),
        (
            "/alerts",
            "message=x&level=info",
            &user,
            r#"{"sent":["private-admins"],"skipped":[]}"#,
        ),
        (
            "/alerts",
            "message=x&level=info",
            "",
            r#"{"sent":[],"skipped":[{"channel":"private-admins","reason":"nobody is logged in"}]}"#,
        ),
    ] {
        let answered = post(&app, path, form, cookie).await;
        assert_eq!(answered, (StatusCode::OK, answer.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn logging_out_ends_the_session() {
    let app = application();
    let cookie = log_in(&app, "name=Ada&role=admin").await;
    let who = ask(&app, Method::GET, "/user.json", "", &cookie).await;
    let who: Value = serde_json::from_str(&text(who).await).unwrap();
    assert_eq!(
        (&who["name"], &who["role"]),
        (&Value::from("Ada"), &Value::from("admin"))
    );

    assert_eq!(
        post(&app, "/logout", "", &cookie).await.0,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        text(ask(&app, Method::GET, "/user.json", "", &cookie).await).await,
        "null"
    );
}
