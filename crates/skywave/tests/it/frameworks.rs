//! The authorisation route on the types of the crate `http`, for frameworks other than axum.

use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use skywave::Actor;

use crate::stage::{Recorder, User, builder, channel};

#[tokio::test]
async fn the_answer_is_the_one_that_the_axum_route_gives() {
    let broadcaster = builder(&Recorder::new())
        .authorize("private-orders.{id}", |user: &User, id: u64| id == user.id)
        .build()
        .unwrap();
    let app = broadcaster.routes();
    for name in ["private-orders.7", "private-orders.8", "no spaces"] {
        let routed = channel(name).by(7).to(&app).await;
        let body = json!({ "socket_id": "1234.1234", "channel_name": name }).to_string();
        let request = Request::post("/anywhere")
            .header("x-user", "7")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .unwrap();
        let answer = broadcaster.answer(request).await;
        assert_eq!(answer.status(), routed.status, "{name}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], routed.content_type);
        assert_eq!(answer.body(), &routed.body);
    }
}

#[tokio::test]
async fn the_future_can_be_moved_to_another_thread() {
    let broadcaster = builder(&Recorder::new()).build().unwrap();
    let request = Request::new("socket_id=1.2&channel_name[]=private-a".to_owned());
    let answer = tokio::spawn(broadcaster.answer(request)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["private-a"]["status"], 403);
}

#[tokio::test]
async fn a_broadcast_for_a_request_knows_its_user_and_connection() {
    let broadcaster = builder(&Recorder::new()).build().unwrap();
    let parts = |headers: &[(&str, &str)]| {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request.into_parts().0
    };
    let request = parts(&[("x-user", "7"), ("x-socket-id", "1.2")]);
    let broadcast = broadcaster.broadcast_for(request).await.unwrap();
    assert_eq!(broadcast.actor(), &Actor::User("7".to_owned()));
    assert_eq!(broadcast.socket_id(), Some("1.2".parse().unwrap()));

    let broadcast = broadcaster.broadcast_for(parts(&[])).await.unwrap();
    assert_eq!(broadcast.actor(), &Actor::Visitor);

    let request = parts(&[("x-socket-id", "one")]);
    let refused = broadcaster.broadcast_for(request).await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
}
