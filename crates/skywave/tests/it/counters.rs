//! What a broadcaster counts.

use axum::Router;
use axum::routing::post;
use skywave::{Broadcast, Counters};

use crate::stage::{Recorder, User, builder, channel, form, sign_in};

fn counted(counters: Counters) -> [u64; 6] {
    let json = serde_json::to_value(counters).unwrap();
    [
        "published",
        "skipped",
        "failed",
        "authorised",
        "denied",
        "undecided",
    ]
    .map(|name| json[name].as_u64().unwrap())
}

#[tokio::test]
async fn what_is_published_skipped_and_failed_is_counted() {
    let broadcaster = builder(&Recorder::new())
        .driver("broken", Recorder::broken())
        .build()
        .unwrap();
    let send = post(async |broadcast: Broadcast| {
        let report = broadcast
            .to(["news", "private-a", "private-b"])
            .message("x");
        report.await.unwrap();
        let nothing = broadcast.to(["private-a"]).message("x");
        nothing.await.unwrap();
        broadcast
            .driver("broken")
            .to("news")
            .message("x")
            .await
            .unwrap_err();
        let invalid = broadcast.to("no spaces").message("x");
        invalid.await.unwrap_err();
    });
    let app = Router::new()
        .route("/", send)
        .with_state(broadcaster.clone());
    form("/", &[]).to(&app).await;
    assert_eq!(counted(broadcaster.counters()), [1, 3, 1, 0, 0, 0]);
}

#[tokio::test]
async fn what_is_authorised_denied_and_undecided_is_counted_by_channel() {
    let broadcaster = builder(&Recorder::new())
        .authorize("private-orders.{id}", |user: &User, id: u64| id == user.id)
        .authorize("private-failing", |_: &User| Err::<bool, _>("no database"))
        .build()
        .unwrap();
    let app = broadcaster.routes();
    assert_eq!(counted(broadcaster.counters()), [0; 6]);
    channel("private-orders.7").by(7).to(&app).await;
    sign_in().by(7).to(&app).await;
    channel("private-orders.8").by(7).to(&app).await;
    sign_in().to(&app).await;
    channel("private-failing").by(7).to(&app).await;
    assert_eq!(counted(broadcaster.counters()), [0, 0, 0, 2, 2, 1]);

    let fields = [
        ("socket_id", "1.2"),
        ("channel_name[]", "private-orders.7"),
        ("channel_name[]", "private-orders.8"),
        ("channel_name[]", "private-failing"),
        ("channel_name[]", "not a name"),
    ];
    form("/broadcasting/authorize", &fields)
        .by(7)
        .to(&app)
        .await;
    assert_eq!(counted(broadcaster.counters()), [0, 0, 0, 3, 3, 2]);
}
