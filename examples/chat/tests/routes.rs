//! The room as its users see it, without a network: what is posted comes through the routes, and
//! simulated browsers receive.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use serde_json::json;
use site::{Role, User};
use skywave::testing::Recording;
use skywave::{BroadcastUser, Broadcaster, SocketId};
use tower::ServiceExt;

fn application() -> (Router, Recording<User>) {
    let builder = Broadcaster::builder().users(site::current_user);
    let (broadcaster, recording) = chat::rules(builder).fake().unwrap();
    let app = chat::router()
        .merge(site::accounts())
        .merge(broadcaster.routes())
        .layer(site::sessions())
        .with_state(broadcaster);
    (app, recording)
}

fn user(name: &str) -> User {
    User {
        name: name.to_owned().try_into().unwrap(),
        role: Role::User,
    }
}

async fn post(
    app: &Router,
    (path, form): (&str, &'static str),
    cookie: &str,
    page: SocketId,
) -> axum::response::Response {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookie)
        .header("X-Socket-ID", page.to_string())
        .body(Body::from(form))
        .unwrap();
    app.clone().oneshot(request).await.unwrap()
}

async fn log_in(app: &Router, form: &'static str, page: SocketId) -> String {
    let response = post(app, ("/login", form), "", page).await;
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn body(response: axum::response::Response) -> String {
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

const LOBBY: &str = "presence-room.lobby";

#[tokio::test]
async fn who_comes_and_goes_is_seen_and_known_by_name() {
    let (_, recording) = application();
    let (ada, bob) = (user("Ada"), user("Bob"));
    let mut page = recording.browser(&ada);
    page.subscribe(LOBBY).await.unwrap();
    let mut other = recording.browser(&bob);
    other.subscribe(LOBBY).await.unwrap();
    page.expect_joined(LOBBY, &bob.broadcast_id());
    let info = other.member_info(LOBBY, &ada.broadcast_id());
    assert_eq!(info, Some(json!({ "name": "Ada", "role": "user" })));
    drop(other);
    page.expect_left(LOBBY, &bob.broadcast_id());
}

#[tokio::test]
async fn the_same_name_is_the_same_member_in_every_browser() {
    let (_, recording) = application();
    let mut first = recording.browser(&user("Ada"));
    let mut second = recording.browser(&user("ada"));
    first.subscribe(LOBBY).await.unwrap();
    second.subscribe(LOBBY).await.unwrap();
    assert_eq!(first.members(LOBBY), [user("Ada").broadcast_id()]);
}

#[tokio::test]
async fn visitors_and_other_rooms_are_refused() {
    let (_, recording) = application();
    let ada = user("Ada");
    let users = [("visitor", None), ("ada", Some(&ada))];
    let matrix = recording
        .matrix(users, [LOBBY, "presence-room.cellar"])
        .await;
    matrix.assert(&format!(
        "
                              visitor  ada
        presence-room.lobby   no       {}
        presence-room.cellar  no       no
        ",
        ada.broadcast_id()
    ));
}

#[tokio::test]
async fn a_message_goes_to_all_others_in_the_lobby_and_a_visitors_does_not() {
    let (app, recording) = application();
    let mut ada = recording.browser(&user("Ada"));
    let mut bob = recording.browser(&user("Bob"));
    ada.subscribe(LOBBY).await.unwrap();
    bob.subscribe(LOBBY).await.unwrap();
    let cookie = log_in(&app, "name=Ada&role=user", ada.socket_id()).await;

    let said = post(&app, ("/chat", "text=Hello"), &cookie, ada.socket_id()).await;
    assert_eq!(
        body(said).await,
        r#"{"sent":["presence-room.lobby"],"skipped":[]}"#
    );
    let id = user("Ada").broadcast_id();
    bob.expect(
        "NewMessage",
        json!({ "user_id": id, "name": "Ada", "text": "Hello" }),
    );
    ada.expect_nothing();

    let visitors = post(&app, ("/chat", "text=Hello"), "", ada.socket_id()).await;
    assert_eq!(visitors.status(), StatusCode::UNAUTHORIZED);
    assert!(body(visitors).await.contains("log in first"));

    let empty = post(&app, ("/chat", "text="), &cookie, ada.socket_id()).await;
    assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        body(empty)
            .await
            .contains("text: must be 1 to 500 characters")
    );
    recording.assert_times(1, "NewMessage");
}

#[tokio::test]
async fn typing_is_seen_by_the_others() {
    let (_, recording) = application();
    let mut ada = recording.browser(&user("Ada"));
    let mut bob = recording.browser(&user("Bob"));
    ada.subscribe(LOBBY).await.unwrap();
    bob.subscribe(LOBBY).await.unwrap();
    ada.trigger(LOBBY, "client-typing", json!({}));
    bob.expect("client-typing", json!({}));
    recording.assert_nothing_emitted();
}
