//! What pages are given for their clients.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use skywave::{Broadcaster, ClientOptions};
use tower::ServiceExt;

use crate::stage::{KEY, Recorder, without_users};

async fn answer(broadcaster: Broadcaster, request: Request<Body>) -> (StatusCode, String) {
    let app = Router::new()
        .route("/client.json", get(async |options: ClientOptions| options))
        .with_state(broadcaster);
    let response = app.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, String::from_utf8(body.into()).unwrap())
}

fn asked_of(host: &str) -> Request<Body> {
    Request::get("/client.json")
        .header("host", host)
        .body(Body::empty())
        .unwrap()
}

async fn options(broadcaster: Broadcaster, request: Request<Body>) -> Value {
    let (status, body) = answer(broadcaster, request).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn broadcaster() -> Broadcaster {
    without_users(&Recorder::new()).build().unwrap()
}

#[tokio::test]
async fn b16_they_are_right_for_pusher_js_7_and_8_and_for_echo() {
    assert_eq!(
        options(broadcaster(), asked_of("127.0.0.1:3000")).await,
        json!({
            "key": KEY,
            "options": {
                // pusher-js 8 throws without one.
                "cluster": "",
                "wsHost": "127.0.0.1",
                "wsPort": 3000,
                "wssPort": 3000,
                "forceTLS": false,
                "enabledTransports": ["ws", "wss"],
                "enableStats": false,
                // pusher-js 7.0 knows only this one; Echo's CSRF header goes with it, too.
                "authEndpoint": "/broadcasting/authorize",
                // Echo writes into `headers`.
                "userAuthentication": {
                    "endpoint": "/broadcasting/authorize",
                    "transport": "ajax",
                    "headers": {},
                },
            },
        })
    );
}

#[tokio::test]
async fn the_address_is_the_pages_own() {
    for (host, ws_host, ws_port, wss_port) in [
        ("example.com", "example.com", 80, 443),
        ("example.com:8443", "example.com", 8443, 8443),
        ("[::1]:3000", "[::1]", 3000, 3000),
    ] {
        let options = &options(broadcaster(), asked_of(host)).await["options"];
        assert_eq!(options["wsHost"], ws_host);
        assert_eq!(options["wsPort"], ws_port);
        assert_eq!(options["wssPort"], wss_port);
        assert_eq!(options["forceTLS"], false);
    }
    let request = Request::get("https://example.com/client.json").header("host", "other");
    let options = &options(broadcaster(), request.body(Body::empty()).unwrap()).await["options"];
    assert_eq!(
        options["wsHost"], "example.com",
        "the request line goes before `host`"
    );
    assert_eq!(options["forceTLS"], true);
}

#[tokio::test]
async fn a_public_url_goes_before_the_request() {
    let builder = without_users(&Recorder::new()).public_url("https://example.com");
    let options = &options(builder.build().unwrap(), asked_of("10.0.0.7:3000")).await["options"];
    assert_eq!(options["wsHost"], "example.com");
    assert_eq!(options["wssPort"], 443);
    assert_eq!(options["forceTLS"], true);
}

#[tokio::test]
async fn they_name_the_path_that_is_served() {
    let broadcaster = broadcaster();
    let _: Router = broadcaster.routes_at(["/pusher/user-auth", "/pusher/auth"]);
    let options = &options(broadcaster, asked_of("localhost")).await["options"];
    assert_eq!(options["authEndpoint"], "/pusher/user-auth");
    assert_eq!(
        options["userAuthentication"]["endpoint"],
        "/pusher/user-auth"
    );
}

#[tokio::test]
async fn a_request_without_a_host_is_refused() {
    let nameless = Request::get("/client.json").body(Body::empty()).unwrap();
    for request in [
        nameless,
        asked_of(""),
        asked_of("a b"),
        asked_of("<script>"),
    ] {
        let (status, body) = answer(broadcaster(), request).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(
            body,
            "header `host`: expected the host that the page was asked from"
        );
    }
}

#[tokio::test]
async fn options_can_be_added_and_read() {
    let app = Router::new()
        .route(
            "/",
            get(async |options: ClientOptions| {
                let options = options
                    .with("activityTimeout", 30_000)
                    .with("enableStats", true);
                assert_eq!(options.key(), KEY);
                options.option("activityTimeout").unwrap().to_string()
            }),
        )
        .with_state(broadcaster());
    let request = Request::get("/")
        .header("host", "localhost")
        .body(Body::empty())
        .unwrap();
    let body = app.oneshot(request).await.unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "30000");
}
