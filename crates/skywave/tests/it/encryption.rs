//! Encrypted channels: what is sent can be read by subscribers only, and nothing goes out readable.

use serde_json::{Value, json};
use skywave::driver::{ChannelName, MasterKey};
use skywave::{Broadcast, Broadcaster, Embedded, EncryptedChannel, Error, Null};

use crate::stage::{self, KEY, SECRET};

const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn master_key() -> MasterKey {
    MasterKey::parse(MASTER_KEY).unwrap()
}

fn embedded() -> Embedded {
    Embedded::new("3", KEY, SECRET).encryption_master_key(MASTER_KEY)
}

fn broadcaster(embedded: Embedded) -> Broadcaster {
    Broadcaster::builder()
        .driver("embedded", embedded)
        .driver("null", Null)
        .users(|_| async { Some("ada".to_owned()) })
        .authorize("private-encrypted-{room}", |_: &String, room: String| {
            room != "vault"
        })
        .authorize("private-encrypted-cache-{room}", |_: &String, _: String| {
            true
        })
        .build()
        .unwrap()
}

async fn send(broadcast: Broadcast, channels: &[&str]) -> Result<skywave::Report, Error> {
    broadcast.channel(channels, "e", json!({ "k": 1 })).await
}

#[tokio::test]
async fn a_subscriber_gets_the_key_that_official_libraries_give() {
    let vectors: Value = serde_json::from_str(include_str!("../encrypted-vectors.json")).unwrap();
    let app = broadcaster(embedded()).routes();
    for vector in vectors["authorised"].as_array().unwrap() {
        let fields = [
            ("socket_id", vector["socket_id"].as_str().unwrap()),
            ("channel_name", vector["channel_name"].as_str().unwrap()),
        ];
        let answer = stage::form("/broadcasting/authorize", &fields)
            .to(&app)
            .await;
        assert_eq!(answer.json(), vector["response"]);
    }
}

#[tokio::test]
async fn who_may_not_listen_gets_no_key() {
    let app = broadcaster(embedded()).routes();
    let answer = stage::channel("private-encrypted-vault").to(&app).await;
    assert_eq!(answer.status, 403);
    assert!(!answer.body.contains("shared_secret"));
}

#[tokio::test]
async fn without_a_master_key_nothing_is_sent_and_nobody_is_authorised() {
    let broadcaster = broadcaster(Embedded::new("3", KEY, SECRET));
    let error = send(broadcaster.as_system(), &["private-encrypted-room"]).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "channel `private-encrypted-room` is encrypted: expected an encryption master key for \
         driver `embedded`"
    );
    let answer = stage::channel("private-encrypted-room")
        .to(&broadcaster.routes())
        .await;
    answer.refused(
        http::StatusCode::INTERNAL_SERVER_ERROR,
        if cfg!(debug_assertions) {
            "no encryption master key"
        } else {
            ""
        },
    );
}

#[tokio::test]
async fn an_event_goes_to_one_encrypted_channel_alone() {
    let broadcaster = broadcaster(embedded());
    for broadcast in [
        broadcaster.as_system(),
        // A driver that keeps it to itself has the same rules, so that tests find out.
        broadcaster.as_system().driver("null"),
    ] {
        for channels in [
            ["private-encrypted-a", "private-encrypted-b"],
            ["c", "private-encrypted-b"],
        ] {
            let error = send(broadcast.clone(), &channels).await.unwrap_err();
            let Error::EncryptedAmongOthers { count: 2, .. } = error else {
                panic!("{error:?}");
            };
        }
        let report = send(broadcast, &["private-encrypted-a"]).await.unwrap();
        assert_eq!(report.sent, [EncryptedChannel::new("a")]);
    }
}

#[tokio::test]
async fn the_limit_is_about_what_travels() {
    // 10,240 bytes of JSON are allowed, but their encrypted form has a third more.
    let broadcast = broadcaster(embedded()).as_system();
    let data = "x".repeat(9_000);
    broadcast.channel("private-a", "e", &data).await.unwrap();
    let error = broadcast
        .channel(EncryptedChannel::new("a"), "e", &data)
        .await
        .unwrap_err();
    let Error::TooLarge { bytes, limit, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(limit, 10_240);
    assert!(bytes > 12_000, "{bytes}");
}

#[test]
fn a_master_key_that_is_none_is_a_mistake_at_start() {
    let built = Broadcaster::builder()
        .driver(
            "embedded",
            Embedded::generated().encryption_master_key("c2hvcnQ="),
        )
        .build();
    assert_eq!(
        built.unwrap_err().to_string(),
        "driver `embedded`: the encryption master key has 5 bytes: expected base64 of 32 bytes, as \
         `openssl rand -base64 32` makes it"
    );
}

#[test]
fn the_key_of_a_channel_opens_its_events() {
    let room = ChannelName::parse("private-encrypted-room").unwrap();
    let sealed = master_key().seal(&room, r#"{"k":1}"#).unwrap();
    assert!(!sealed.contains("\"k\""));
    assert_eq!(
        master_key().open(&room, &sealed).as_deref(),
        Some(r#"{"k":1}"#)
    );
}
