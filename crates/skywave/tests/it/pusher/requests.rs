//! The requests that the driver sends, against a strict stub.

use axum::Router;
use axum::routing::post;
use http::Method;
use serde_json::{Value, json};
use skywave::driver::{BatchEvent, ChannelAttribute, ChannelName, Driver, MasterKey};
use skywave::{Broadcast, Broadcaster, EncryptedChannel, Error, PusherApi, SocketId};

use super::pusher;
use super::stub::{PREFIX, Stub};
use crate::stage;

fn broadcaster(api: &PusherApi) -> Broadcaster {
    Broadcaster::builder()
        .driver("pusher", api.clone())
        .build()
        .unwrap()
}

async fn stub(answers: &[(u16, &str)]) -> (Stub, PusherApi) {
    let stub = Stub::answering(answers).await;
    let api = pusher(stub.port()).api().unwrap();
    (stub, api)
}

#[tokio::test]
async fn an_event_for_several_channels_is_one_request() {
    let (stub, api) = stub(&[]).await;
    let report = broadcaster(&api)
        .as_system()
        .channel(
            ["c1", "private-c2"],
            "event_name",
            json!({ "key": "välue" }),
        )
        .await
        .unwrap();
    assert_eq!(report.sent, ["c1", "private-c2"]);
    let asked = stub.only();
    assert_eq!(asked.method, Method::POST);
    assert_eq!(asked.path, "/apps/3/events");
    assert_eq!(
        asked.json(),
        json!({ "name": "event_name", "channels": ["c1", "private-c2"], "data": "{\"key\":\"välue\"}" })
    );
    assert_eq!(asked.headers["content-type"], "application/json");
    assert!(
        asked.headers["x-pusher-library"]
            .to_str()
            .unwrap()
            .starts_with("skywave ")
    );
}

#[tokio::test]
async fn to_others_leaves_out_a_connection() {
    async fn handler(broadcast: Broadcast) -> Result<(), Error> {
        broadcast.channel("c", "e", 1).to_others().await?;
        Ok(())
    }
    let (stub, api) = stub(&[]).await;
    let app = Router::new()
        .route("/", post(handler))
        .with_state(broadcaster(&api));
    let answer = stage::form("/", &[])
        .header("x-socket-id", "123.456")
        .to(&app)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        stub.only().json(),
        json!({ "name": "e", "channels": ["c"], "data": "1", "socket_id": "123.456" })
    );
}

#[tokio::test]
async fn more_than_a_hundred_channels_go_out_in_several_requests_over_one_connection() {
    let (stub, api) = stub(&[]).await;
    let channels: Vec<_> = (0..250).map(|number| format!("c{number}")).collect();
    let report = broadcaster(&api)
        .as_system()
        .channel(&channels, "e", 1)
        .await
        .unwrap();
    assert_eq!(report.sent.len(), 250);
    let asked = stub.asked();
    let counts: Vec<_> = asked
        .iter()
        .map(|asked| asked.json()["channels"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [100, 100, 50]);
    assert_eq!(stub.connections(), 1);
}

#[tokio::test]
async fn an_error_says_which_channels_were_sent_to_before_it() {
    let (stub, api) = stub(&[(200, "{}"), (503, "full")]).await;
    let channels: Vec<_> = (0..250).map(|number| format!("c{number}")).collect();
    let error = broadcaster(&api)
        .as_system()
        .channel(&channels, "e", 1)
        .await
        .unwrap_err();
    assert_eq!(stub.asked().len(), 2, "the rest is not tried");
    let sent: Vec<_> = error.sent_to().iter().map(ToString::to_string).collect();
    assert_eq!(sent, channels[..100]);
    assert!(error.http().unwrap().may_have_arrived());
    let Error::Driver { source, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(
        source.to_string(),
        "the request failed (after sending to 100 channels, `c0` to `c99`)"
    );
}

#[tokio::test]
async fn what_the_server_would_refuse_is_not_sent() {
    let (stub, api) = stub(&[]).await;
    let broadcast = broadcaster(&api).as_system();
    let big = "x".repeat(10_239);
    for (channel, event, data) in [
        ("c", "e", big.as_str()),
        ("no/slash", "e", ""),
        ("c", "pusher:e", ""),
    ] {
        let error = broadcast.channel(channel, event, data).await.unwrap_err();
        assert!(error.http().is_none(), "{error}");
        let entries = [
            BatchEvent::new("fine", "e", 1),
            BatchEvent::new(channel, event, data),
        ];
        let batched = api.publish_batch(entries).await.unwrap_err();
        assert_eq!(batched.to_string(), error.to_string());
    }
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn a_batch_goes_out_ten_at_a_time() {
    let (stub, api) = stub(&[(200, "{}"), (200, "{\"batch\":[]}"), (400, "no")]).await;
    let event = |number| BatchEvent::new(format!("c{number}"), "e", json!({ "n": number }));
    let error = api.publish_batch((0..31).map(event)).await.unwrap_err();
    let asked = stub.asked();
    assert_eq!(asked.len(), 3, "the fourth is not tried");
    for asked in &asked {
        assert_eq!(asked.path, "/apps/3/batch_events");
        assert_eq!(asked.json()["batch"].as_array().unwrap().len(), 10);
    }
    assert_eq!(
        asked[1].json()["batch"][0],
        json!({ "channel": "c10", "name": "e", "data": "{\"n\":10}" })
    );
    assert_eq!(error.sent_to().len(), 20);
    assert_eq!(error.sent_to()[19].as_str(), "c19");
    assert!(!error.http().unwrap().may_have_arrived());
}

#[tokio::test]
async fn an_event_of_a_batch_may_leave_out_a_connection_and_go_to_a_user() {
    let (stub, api) = stub(&[]).await;
    let socket_id = SocketId::parse("1.2").unwrap();
    api.publish_batch([BatchEvent::new("c", "e", 1).except(socket_id)])
        .await
        .unwrap();
    api.send_to_user("user-42", "dm", json!({ "t": 1 }))
        .await
        .unwrap();
    let asked = stub.asked();
    assert_eq!(
        asked[0].json(),
        json!({ "batch": [{ "channel": "c", "name": "e", "data": "1", "socket_id": "1.2" }] })
    );
    assert_eq!(
        asked[1].json(),
        json!({ "name": "dm", "channels": ["#server-to-user-user-42"], "data": "{\"t\":1}" })
    );
}

#[tokio::test]
async fn channels_are_asked_for_with_scalar_info_and_no_body_digest() {
    let (stub, api) = stub(&[
        (
            200,
            r#"{"channels":{"presence-a":{"user_count":2},"presence-b":{}}}"#,
        ),
        (200, r#"{"channels":{}}"#),
        (
            200,
            r#"{"occupied":true,"user_count":42,"subscription_count":51,"extra":1}"#,
        ),
        (200, r#"{"occupied":true,"cache":{"data":"{}","ttl":60}}"#),
        (200, r#"{"occupied":false}"#),
        (200, r#"{"users":[{"id":"a"},{"id":7}]}"#),
    ])
    .await;
    let both = [
        ChannelAttribute::UserCount,
        ChannelAttribute::SubscriptionCount,
    ];

    let channels = api.channels("presence-", &both).await.unwrap();
    assert_eq!(channels["presence-a"].user_count, Some(2));
    assert_eq!(channels["presence-b"].user_count, None);
    assert!(api.channels("", &[]).await.unwrap().is_empty());

    let room = api.channel("presence-room", &both).await.unwrap();
    assert!(room.occupied);
    assert_eq!(
        (room.user_count, room.subscription_count),
        (Some(42), Some(51))
    );
    let cached = api.channel("cache-a", &[ChannelAttribute::Cache]).await;
    assert_eq!(cached.unwrap().cache.unwrap().ttl, 60);
    let nobody = api.channel("#server-to-user-a@b", &[]).await.unwrap();
    assert!(!nobody.occupied);
    assert_eq!(api.users("presence-room").await.unwrap(), ["a", "7"]);
    assert!(matches!(
        api.users("no/slash").await,
        Err(Error::InvalidChannel { .. })
    ));

    let asked: Vec<_> = stub
        .asked()
        .into_iter()
        .map(|asked| {
            assert_eq!(asked.method, Method::GET);
            assert_eq!(asked.body, "");
            format!("{}?{}", asked.path, asked.query)
        })
        .collect();
    assert_eq!(
        asked,
        [
            "/apps/3/channels?filter_by_prefix=presence-&info=user_count%2Csubscription_count",
            "/apps/3/channels?",
            "/apps/3/channels/presence-room?info=user_count%2Csubscription_count",
            "/apps/3/channels/cache-a?info=cache",
            "/apps/3/channels/%23server-to-user-a@b?",
            "/apps/3/channels/presence-room/users?",
        ]
    );
}

#[tokio::test]
async fn connections_of_a_user_are_ended() {
    let (stub, api) = stub(&[]).await;
    api.terminate_connections("user/42").await.unwrap();
    let asked = stub.only();
    assert_eq!(asked.method, Method::POST);
    assert_eq!(asked.path, "/apps/3/users/user%2F42/terminate_connections");
    assert_eq!(asked.body, "{}");
}

#[tokio::test]
async fn a_path_before_the_servers_own_is_not_signed() {
    let stub = Stub::answering(&[]).await;
    let api = pusher(stub.port())
        .path(format!("{PREFIX}/"))
        .api()
        .unwrap();
    api.send_to_user("7", "dm", 1).await.unwrap();
    assert_eq!(stub.only().path, "/sockets/apps/3/events");
}

#[tokio::test]
async fn what_is_sent_to_an_encrypted_channel_is_encrypted() {
    const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let stub = Stub::answering(&[]).await;
    let api = pusher(stub.port())
        .encryption_master_key(MASTER_KEY)
        .api()
        .unwrap();
    let data = json!({ "message": "hello world" });
    broadcaster(&api)
        .as_system()
        .channel(EncryptedChannel::new("room"), "e", &data)
        .await
        .unwrap();
    let event = BatchEvent::new("private-encrypted-room", "e", &data);
    api.publish_batch([event, BatchEvent::new("c", "e", &data)])
        .await
        .unwrap();

    let asked = stub.asked();
    let room = ChannelName::parse("private-encrypted-room").unwrap();
    let key = MasterKey::parse(MASTER_KEY).unwrap();
    let mut seen = Vec::new();
    for event in [asked[0].json(), asked[1].json()["batch"][0].clone()] {
        assert_eq!(event["channel"], "private-encrypted-room", "{event}");
        let sealed = event["data"].as_str().unwrap();
        assert_eq!(key.open(&room, sealed), Some(data.to_string()));
        seen.push(sealed.to_owned());
    }
    assert_ne!(seen[0], seen[1], "every event has a nonce of its own");
    assert_eq!(asked[1].json()["batch"][1]["data"], data.to_string());

    // Without the key nothing leaves.
    let api = pusher(stub.port()).api().unwrap();
    let event = BatchEvent::new("private-encrypted-room", "e", &data);
    assert!(matches!(
        api.publish_batch([event]).await,
        Err(Error::NoMasterKey { .. })
    ));
    assert_eq!(stub.asked().len(), 2);
}

#[tokio::test]
async fn it_signs_what_official_libraries_sign() {
    let vectors = include_str!("../../../../skywave-protocol/tests/it/vectors.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let api = pusher(443).api().unwrap();
    for vector in vectors["channel_auth"].as_array().unwrap() {
        let socket_id = SocketId::parse(vector["socket_id"].as_str().unwrap()).unwrap();
        let channel = ChannelName::parse(vector["channel_name"].as_str().unwrap()).unwrap();
        let channel_data = text(&vector["response"]["channel_data"]);
        let reply = api.authorize(socket_id, &channel, channel_data.as_deref());
        let reply = reply.unwrap();
        assert_eq!(reply.auth(), vector["response"]["auth"], "{vector}");
        assert_eq!(reply.channel_data(), channel_data.as_deref());
    }
    for vector in vectors["user_auth"].as_array().unwrap() {
        let socket_id = SocketId::parse(vector["socket_id"].as_str().unwrap()).unwrap();
        let user_data = vector["response"]["user_data"].as_str().unwrap();
        let reply = api.authenticate(socket_id, user_data).unwrap();
        assert_eq!(serde_json::to_value(&reply).unwrap(), vector["response"]);
    }
}
