//! Channels as types: names, sending, rules, and what is refused.

use std::error::Error as _;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use skywave::typed::{BoxError, ruled};
use skywave::{Authorize, CanBroadcast, Channel, Error, IntoChannels, Join, Member, TypedChannel};

use crate::stage::{KEY, Recorder, User, builder, channel};

#[derive(Channel, Clone, Debug, PartialEq)]
#[channel(private = "orders.{order}")]
struct OrderChannel {
    order: u64,
}

#[derive(Channel, Debug, PartialEq)]
#[channel(private = "notes.v{version}.{author}-draft")]
struct Notes {
    author: String,
    version: u8,
}

#[derive(Channel)]
#[channel(presence = "room.{room}")]
struct Room {
    room: String,
}

#[derive(Channel)]
#[channel(public = "releases")]
struct Releases;

/// What the rules need.
#[derive(Clone, Default)]
struct Orders {
    owners: Arc<Vec<u64>>,
}

impl Authorize for OrderChannel {
    type User = User;
    type State = Orders;

    async fn authorize(&self, user: &User, orders: &Orders) -> Result<bool, BoxError> {
        let owner = orders
            .owners
            .get(usize::try_from(self.order)?)
            .ok_or("no such order")?;
        Ok(*owner == user.id)
    }
}

impl Join for Room {
    type User = User;
    type State = Orders;

    async fn join(&self, user: &User, _: &Orders) -> Result<Option<Member>, BoxError> {
        let open = self.room != "closed";
        Ok(open.then(|| Member::new(user.id).info(json!({ "room": self.room }))))
    }
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(on = OrderChannel { order: self.order_id }, channel = "all", on = Releases)]
struct OrderShipped {
    order_id: u64,
}

#[test]
fn a_value_and_its_name_stand_for_each_other() {
    assert_eq!(Notes::PATTERN, "private-notes.v{version}.{author}-draft");
    let notes = Notes {
        author: "ada-l".into(),
        version: 2,
    };
    let name = "private-notes.v2.ada-l-draft";
    assert_eq!(notes.channel().unwrap(), name);
    assert_eq!(Notes::from_name(name), Ok(notes));
    assert_eq!(
        OrderChannel { order: 7 }.channel().unwrap(),
        Channel::private("orders.7")
    );
    assert_eq!(Releases.channel().unwrap(), "releases");
    assert_eq!(
        OrderChannel::from_name("private-orders.7"),
        Ok(OrderChannel { order: 7 })
    );
    assert!(Releases::from_name("releases").is_ok());
}

#[test]
fn a_name_of_another_channel_is_told_apart() {
    for (name, reason) in [
        ("orders.7", "expected `private-orders.{order}`"),
        ("private-orders.7.8", "expected `private-orders.{order}`"),
        (
            "private-orders.x",
            "`x` cannot be `{order}` of `private-orders.{order}`: expected a u64",
        ),
        ("private orders", "' '"),
    ] {
        let error = OrderChannel::from_name(name).unwrap_err().to_string();
        assert!(error.starts_with(&format!("channel `{name}`: ")), "{error}");
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn a_value_is_a_channel_wherever_one_is_named() {
    let recorder = Recorder::new();
    let broadcast = builder(&recorder).build().unwrap().as_system();
    let order = OrderChannel { order: 7 };
    let report = broadcast
        .to([&order, &OrderChannel { order: 8 }])
        .message("hello")
        .await;
    assert_eq!(
        report.unwrap().sent,
        ["private-orders.7", "private-orders.8"]
    );
    broadcast.channel(order, "Paid", 1).await.unwrap();
    let report = broadcast.emit(OrderShipped { order_id: 9 }).await.unwrap();
    assert_eq!(report.sent, ["private-orders.9", "all", "releases"]);
}

#[tokio::test]
async fn a_parameter_that_would_change_the_name_is_an_error() {
    let recorder = Recorder::new();
    let broadcast = builder(&recorder).build().unwrap().as_system();
    for value in ["", "a.b", "a b", "größe", "a:b", "{x}"] {
        let room = Room { room: value.into() };
        let problem = room.channel().unwrap_err();
        let expected = format!(
            "`{value}` cannot be `{{room}}` of `presence-room.{{room}}`: expected one or more \
             ASCII letters, digits and `_ - = @ , ;`"
        );
        assert_eq!(problem.to_string(), expected);
        let error = broadcast.to(room).message("hello").await.unwrap_err();
        assert!(matches!(error, Error::InvalidParameter { .. }), "{error:?}");
        assert_eq!(error.source().unwrap().to_string(), expected);
    }
    assert!(recorder.envelopes().is_empty());
}

#[tokio::test]
async fn the_rules_of_a_list_are_asked_with_the_channel_the_user_and_the_state() {
    let recorder = Recorder::new();
    let orders = Orders {
        owners: Arc::new(vec![1, 7]),
    };
    let broadcaster = builder(&recorder)
        .channel_with::<OrderChannel, _>(orders.clone())
        .channel_with::<Room, _>(orders)
        .channel::<Releases>()
        .build()
        .unwrap();
    let app = broadcaster.routes();
    let reply = channel("private-orders.1").by(7).to(&app).await.json();
    assert!(reply["auth"].as_str().unwrap().starts_with(KEY));
    let says_no = "the rule of `private-orders.{order}` says no to user `7`";
    channel("private-orders.0")
        .by(7)
        .to(&app)
        .await
        .denied(says_no);
    channel("private-orders.1")
        .to(&app)
        .await
        .denied("nobody is logged in");
    let unread = "`x` cannot be `{order}` of `private-orders.{order}`";
    channel("private-orders.x")
        .by(7)
        .to(&app)
        .await
        .denied(unread);
    let failed = channel("private-orders.2").by(7).to(&app).await;
    assert_eq!(failed.status, 500, "{}", failed.body);

    let reply = channel("presence-room.a").by(7).to(&app).await.json();
    assert_eq!(
        reply["channel_data"],
        r#"{"user_id":"7","user_info":{"room":"a"}}"#
    );
    channel("presence-room.closed")
        .by(7)
        .to(&app)
        .await
        .denied("says no to user `7`");
}

#[tokio::test]
async fn closures_are_rules_of_typed_channels_too() {
    let recorder = Recorder::new();
    let broadcaster = builder(&recorder)
        .authorize_channel(|user: &User, channel: OrderChannel| user.id == channel.order)
        .join_channel(|user: &User, _: Room| Ok::<_, BoxError>(Some(Member::new(user.id))))
        .build()
        .unwrap();
    let app = broadcaster.routes();
    channel("private-orders.7").by(7).to(&app).await.json();
    channel("private-orders.8")
        .by(7)
        .to(&app)
        .await
        .denied("says no to user `7`");
    let reply = channel("presence-room.a").by(7).to(&app).await.json();
    assert_eq!(reply["channel_data"], r#"{"user_id":"7"}"#);
}

#[test]
fn rules_of_types_and_of_patterns_may_not_overlap() {
    let recorder = Recorder::new();
    let built = builder(&recorder)
        .authorize("private-orders.{id}", |_: &User, _: u64| true)
        .authorize_channel(|_: &User, _: OrderChannel| true)
        .build();
    let mistake = built.unwrap_err().to_string();
    assert!(
        mistake.contains("some channels match `private-orders.{id}`, too"),
        "{mistake}"
    );
}

#[tokio::test]
async fn a_typed_channel_that_no_rule_is_about_is_not_sent_to() {
    let recorder = Recorder::new();
    let other = |user: &User, _: Room| Some(Member::new(user.id));
    let broadcast = builder(&recorder)
        .join_channel(other)
        .build()
        .unwrap()
        .as_system();
    let sending = broadcast.to(OrderChannel { order: 7 }).message("hello");
    let error = sending.await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no rule says who may listen to `private-orders.7`: expected `.channel::<OrderChannel>()` \
         where the broadcaster is built"
    );
    assert!(recorder.envelopes().is_empty());
    // Public ones need none, and names are the quick way.
    broadcast.to(Releases).message("hello").await.unwrap();
    broadcast
        .to("private-orders.7")
        .message("hello")
        .await
        .unwrap();
    // A pattern's rule will do.
    let with_pattern = builder(&recorder).authorize("private-orders.{id}", |_: &User, _: u64| true);
    let broadcast = with_pattern.build().unwrap().as_system();
    broadcast
        .to(OrderChannel { order: 7 })
        .message("hello")
        .await
        .unwrap();
}

#[test]
fn an_event_written_by_hand_can_ask_for_the_same() {
    #[derive(Serialize)]
    struct Paid;
    impl CanBroadcast for Paid {
        fn broadcast_on(&self) -> impl IntoChannels {
            ruled(OrderChannel { order: 7 })
        }
    }
    assert_eq!(Paid.broadcast_on().into_channels(), ["private-orders.7"]);
}

#[test]
fn a_channel_is_its_name_wherever_it_came_from() {
    let typed = OrderChannel { order: 7 }.into_channels().remove(0);
    let named = Channel::private("orders.7");
    assert_eq!(typed, named);
    assert!(typed <= named);
    let both: std::collections::HashSet<_> = [typed, named].into();
    assert_eq!(both.len(), 1);
}
