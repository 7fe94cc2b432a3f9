//! The testing kit, as an application's tests use it.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skywave::testing::Recording;
use skywave::{
    AuthError, BroadcastUser, Broadcaster, Builder, CanBroadcast, Channel, IntoChannels, Member,
    NoUser, Null, SocketId,
};

#[derive(Clone)]
struct User {
    id: u64,
    admin: bool,
}

impl BroadcastUser for User {
    fn broadcast_id(&self) -> String {
        self.id.to_string()
    }
}

const ADA: User = User {
    id: 7,
    admin: false,
};
const ROOT: User = User { id: 1, admin: true };

#[derive(Debug, Serialize, Deserialize)]
struct OrderShipped {
    order_id: u64,
}

impl CanBroadcast for OrderShipped {
    fn broadcast_on(&self) -> impl IntoChannels {
        Channel::private(format!("orders.{}", self.order_id))
    }
}

fn rules(builder: Builder<NoUser>) -> Builder<User> {
    builder
        .users(|parts| async move { parts.extensions.get::<User>().cloned() })
        .authorize("private-orders.{id}", |user: &User, id: u64| user.id == id)
        .authorize("private-admins", |user: &User| user.admin)
        .authorize("private-broken", |_: &User| {
            Err::<bool, _>("the database is down")
        })
        .join("presence-room.{room}", |user: &User, room: String| {
            (room != "closed").then(|| Member::new(user.id).info(json!({ "admin": user.admin })))
        })
}

fn fake() -> (Broadcaster, Recording<User>) {
    rules(Broadcaster::builder()).fake().unwrap()
}

/// What the messages of failed assertions have in them.
fn explained<const N: usize>(failures: [(String, Vec<&str>); N]) {
    for (message, parts) in failures {
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    }
}

/// An order shipped, an alert skipped, and an event that has the order's name and other data.
async fn eventful() -> Recording<User> {
    let (broadcaster, recording) = fake();
    let system = broadcaster.as_system();
    system.emit(OrderShipped { order_id: 7 }).await.unwrap();
    let visitor = recording.guest().broadcast();
    visitor.channel("private-admins", "Alert", 1).await.unwrap();
    let other = system.channel("private-orders.9", "OrderShipped", json!({ "id": 9 }));
    other.await.unwrap();
    recording
}

/// How the list of those events begins.
const THERE_ARE: &str = "there are 2:\n  1. OrderShipped on private-orders.7: {\"order_id\":7}";

/// The message of the panic of `assertion`.
fn failure<T: Debug>(assertion: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(assertion)).expect_err("the assertion fails");
    *panic.downcast::<String>().expect("it says why")
}

#[tokio::test]
async fn what_is_sent_is_recorded_with_everything_about_it() {
    let (broadcaster, recording) = fake();
    let ada = recording.browser(&ADA);
    broadcaster
        .as_system()
        .emit(OrderShipped { order_id: 7 })
        .await
        .unwrap();
    let sending = ada
        .broadcast()
        .channel(["news", "c2"], "Added", json!({ "id": 1 }));
    sending.to_others().await.unwrap();

    let events = recording.events();
    let [shipped, added] = events.as_slice() else {
        panic!("two events: {events:?}");
    };
    assert_eq!(shipped.channels, ["private-orders.7"]);
    assert_eq!(shipped.data, json!({ "order_id": 7 }));
    assert_eq!((shipped.except, shipped.driver.as_str()), (None, "fake"));
    assert_eq!(added.channels, ["news", "c2"]);
    assert_eq!(added.except, Some(ada.socket_id()));

    recording.assert_emitted("Added");
    recording.assert_emitted(("Added", json!({ "id": 1 })));
    recording.assert_emitted(|shipped: &OrderShipped| shipped.order_id == 7);
    recording.assert_emitted_on(["news", "c2"], "Added");
    recording.assert_emitted_on("private-orders.7", |_: &OrderShipped| true);
    recording.assert_emitted_except(ada.socket_id(), "Added");
    recording.assert_not_emitted("Removed");
    recording.assert_not_emitted(|shipped: &OrderShipped| shipped.order_id == 8);
    recording.assert_times(1, "OrderShipped");
    recording.assert_order(["OrderShipped", "Added"]);
    recording.assert_nothing_on(["private-orders.8", "private-admins"]);

    recording.clear();
    recording.assert_nothing_emitted();
}

#[tokio::test]
async fn a_failed_assertion_shows_what_was_sent_instead() {
    let (_, recording) = fake();
    let nothing = failure(|| recording.assert_emitted("Added"));
    assert_eq!(nothing, "expected an event `Added`; there are none");

    let recording = eventful().await;
    explained([
        (
            failure(|| recording.assert_emitted("Alert")),
            vec![
                "expected an event `Alert`; there are 2:",
                "\n  2. OrderShipped on private-orders.9: {\"id\":9}",
                "\nskipped were \n  Alert on private-admins: nobody is logged in",
            ],
        ),
        (
            failure(|| recording.assert_emitted(|shipped: &OrderShipped| shipped.order_id == 8)),
            vec![
                "expected an event `OrderShipped` that fits; there are 2:",
                "{\"order_id\":7}  <- does not fit",
                "{\"id\":9}  <- cannot be read as `it::testing::OrderShipped`: missing field `order_id`",
            ],
        ),
        (
            failure(|| recording.assert_emitted(("OrderShipped", json!({ "order_id": 8 })))),
            vec![
                "expected an event `OrderShipped` with {\"order_id\":8}; ",
                "<- other data",
            ],
        ),
    ]);
}

#[tokio::test]
async fn so_does_one_about_channels_numbers_and_absence() {
    let recording = eventful().await;
    explained([
        (
            failure(|| recording.assert_emitted_on("private-admins", "OrderShipped")),
            vec![
                "expected on `private-admins` an event `OrderShipped`; ",
                THERE_ARE,
            ],
        ),
        (
            failure(|| recording.assert_emitted_except(SocketId::new(1, 9), "OrderShipped")),
            vec![
                "expected to all but 1.9 an event `OrderShipped`; ",
                THERE_ARE,
            ],
        ),
        (
            failure(|| recording.assert_times(1, "OrderShipped")),
            vec!["expected 1, not 2, of event `OrderShipped`; ", THERE_ARE],
        ),
        (
            failure(|| recording.assert_not_emitted("OrderShipped")),
            vec!["expected 0, not 2, of event `OrderShipped`; "],
        ),
        (
            failure(|| recording.assert_order(["OrderShipped"])),
            vec!["expected exactly the events OrderShipped; ", THERE_ARE],
        ),
        (
            failure(|| recording.assert_nothing_emitted()),
            vec!["expected no events; ", THERE_ARE],
        ),
        (
            failure(|| recording.assert_nothing_on("private-orders.7")),
            vec!["expected no events on `private-orders.7`; ", THERE_ARE],
        ),
        (
            failure(|| recording.assert_skipped("private-orders.7", "OrderShipped")),
            vec![
                "expected `OrderShipped` to be skipped on `private-orders.7`; ",
                "skipped were \n  Alert on private-admins: nobody is logged in",
                THERE_ARE,
            ],
        ),
    ]);
}

#[tokio::test]
async fn a_visitors_event_for_a_private_channel_is_seen_as_skipped() {
    let (_, recording) = fake();
    let broadcast = recording.guest().broadcast();
    broadcast
        .channel(["news", "private-admins"], "Alert", 1)
        .await
        .unwrap();
    recording.assert_emitted_on("news", "Alert");
    recording.assert_nothing_on("private-admins");
    recording.assert_skipped("private-admins", "Alert");
    assert_eq!(recording.skipped().len(), 1);
}

#[tokio::test]
async fn an_event_is_kept_by_the_driver_that_it_was_sent_through_and_none_is_started() {
    let starts = || Null; // its settings are not looked at
    let builder = Broadcaster::builder()
        .driver("embedded", starts())
        .driver("ably", starts());
    let (broadcaster, recording) = rules(builder).default_driver("ably").fake().unwrap();
    let mut guest = recording.guest();
    guest.subscribe("news").await.unwrap();
    let broadcast = broadcaster.as_system();
    broadcast.channel("news", "one", 1).await.unwrap();
    broadcast
        .driver("embedded")
        .channel("news", "two", 2)
        .await
        .unwrap();
    let drivers: Vec<_> = recording.events().into_iter().map(|e| e.driver).collect();
    assert_eq!(drivers, ["ably", "embedded"]);
    guest.expect("one", 1);
    guest.expect_nothing(); // the page is connected to the default driver
    assert!(
        broadcast
            .driver("pusher")
            .channel("news", "three", 3)
            .await
            .is_err()
    );
}

#[test]
fn a_fake_reports_the_mistakes_of_its_builder() {
    let builder = Broadcaster::builder().driver("a", Null).driver("a", Null);
    let built = rules(builder)
        .authorize("private-{id", |_: &User| true)
        .fake();
    let mistakes = built.map(|_| ()).unwrap_err().to_string();
    for part in ["driver `a`: there are two", "is not closed"] {
        assert!(mistakes.contains(part), "{mistakes}");
    }
}

#[tokio::test]
async fn browsers_are_let_in_by_the_real_rules() {
    let (_, recording) = fake();
    let (mut ada, mut root, mut guest) = (
        recording.browser(&ADA),
        recording.browser(&ROOT),
        recording.guest(),
    );
    ada.subscribe(["news", "private-orders.7", "presence-room.1"])
        .await
        .unwrap();
    root.subscribe("private-admins").await.unwrap();
    guest.subscribe("news").await.unwrap();

    let denied = |error| match error {
        AuthError::Denied { reason } => reason,
        other => panic!("{other:?}"),
    };
    let reason = denied(ada.subscribe("private-admins").await.unwrap_err());
    assert!(
        reason.contains("the rule of `private-admins` says no to user `7`"),
        "{reason}"
    );
    let reason = denied(guest.subscribe("private-orders.7").await.unwrap_err());
    assert!(reason.starts_with("nobody is logged in"), "{reason}");
    denied(ada.subscribe("presence-room.closed").await.unwrap_err());
}

#[tokio::test]
async fn what_keeps_a_browser_from_subscribing_is_told_from_a_no() {
    let (_, recording) = fake();
    let mut ada = recording.browser(&ADA);
    ada.subscribe("news").await.unwrap();
    for (channel, cause) in [
        ("private-broken", "the database is down"),
        ("news", "news"), // a second time
        ("no name", "channel `no name`: "),
    ] {
        match ada.subscribe(channel).await {
            Err(AuthError::Failed { source }) => {
                assert!(source.to_string().contains(cause), "{channel}: {source}");
            }
            other => panic!("{channel}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn browsers_receive_what_was_sent_after_they_subscribed_and_in_order() {
    let (broadcaster, recording) = fake();
    let broadcast = broadcaster.as_system();
    let (mut ada, mut root) = (recording.browser(&ADA), recording.browser(&ROOT));
    broadcast.channel("news", "zero", 0).await.unwrap();
    ada.subscribe(["news", "private-orders.7"]).await.unwrap();
    root.subscribe("news").await.unwrap();
    broadcast
        .channel("news", "one", json!({ "n": 1 }))
        .await
        .unwrap();
    broadcast
        .channel("private-orders.7", "two", "x".repeat(9_000))
        .await
        .unwrap();
    root.broadcast()
        .channel("news", "three", 3)
        .to_others()
        .await
        .unwrap();

    ada.expect("one", json!({ "n": 1 }));
    ada.expect_on("private-orders.7", "two", "x".repeat(9_000));
    ada.expect_on(Channel::new("news"), "three", 3);
    ada.expect_nothing();
    root.expect("one", json!({ "n": 1 }));
    root.expect_nothing();

    ada.unsubscribe("news");
    broadcast.channel("news", "four", 4).await.unwrap();
    ada.expect_nothing();
    let received = root.received();
    assert_eq!((received.len(), received[0].event.as_str()), (1, "four"));
}

#[tokio::test]
async fn browsers_of_one_user_that_signed_in_are_left_out_together() {
    let (broadcaster, recording) = fake();
    let (mut page, mut tab) = (recording.browser(&ADA), recording.browser(&ADA));
    let mut root = recording.browser(&ROOT);
    for browser in [&mut page, &mut tab, &mut root] {
        browser.subscribe("news").await.unwrap();
    }
    tab.sign_in().unwrap();
    root.sign_in().unwrap();
    let sending = page.broadcast().channel("news", "Renamed", json!({}));
    sending.to_other_users().await.unwrap();
    let sending = broadcaster.as_user(7).channel("news", "Deleted", json!({}));
    sending.to_other_users().await.unwrap();

    root.expect("Renamed", json!({}));
    root.expect("Deleted", json!({}));
    tab.expect_nothing();
    page.expect("Deleted", json!({})); // nobody knows that it is hers
    page.expect_nothing();
    recording.assert_emitted_except_user("7", "Renamed");
    recording.assert_emitted_except(page.socket_id(), "Renamed");
    let [renamed, deleted] = &recording.events()[..] else {
        panic!("two events were sent");
    };
    assert!(renamed.to_string().ends_with(" (not to user `7` and 1.1)"));
    assert!(deleted.to_string().ends_with(" (not to user `7`)"));

    match recording.guest().sign_in() {
        Err(AuthError::Denied { .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_browser_that_signed_in_gets_what_is_sent_to_its_user() {
    let (broadcaster, recording) = fake();
    let (mut ada, mut root) = (recording.browser(&ADA), recording.browser(&ROOT));
    ada.sign_in().unwrap();
    root.sign_in().unwrap();
    let broadcast = broadcaster.as_system();
    broadcast
        .channel("#server-to-user-7", "Paid", 12)
        .await
        .unwrap();
    ada.expect("Paid", 12);
    root.expect_nothing();
}

#[tokio::test]
async fn an_expectation_that_fails_shows_what_came_instead() {
    let (broadcaster, recording) = fake();
    let mut ada = recording.browser(&ADA);
    ada.subscribe("news").await.unwrap();
    broadcaster
        .as_system()
        .channel("other", "one", 1)
        .await
        .unwrap();
    let message = failure(|| ada.expect("one", 1));
    assert_eq!(
        message,
        "expected one: 1\nbut received nothing; it listens to: news\n\
         emitted: there is 1:\n  1. one on other: 1"
    );
    for number in 2..5 {
        broadcaster
            .as_system()
            .channel("news", "event", number)
            .await
            .unwrap();
    }
    let there_are =
        "there are 3:\n  1. event on news: 2\n  2. event on news: 3\n  3. event on news: 4";
    let message = failure(|| ada.expect_on("news", "event", 9));
    assert_eq!(
        message,
        format!("expected event on news: 9\nbut received: {there_are}")
    );
    let message = failure(|| ada.expect_on("other", "event", 2));
    assert_eq!(
        message,
        format!("expected event on other: 2\nbut received: {there_are}")
    );
    let message = failure(|| ada.expect("event", 3)); // out of order
    assert_eq!(
        message,
        format!("expected event: 3\nbut received: {there_are}")
    );
    ada.expect("event", 2);
    ada.expect("event", 3);
    let message = failure(|| ada.expect_nothing());
    assert_eq!(
        message,
        "expected no more events; there is 1:\n  1. event on news: 4"
    );
    let message = failure(|| ada.expect_joined("presence-room.1", "1"));
    assert!(
        message.contains("expected `1` joined presence-room.1\nbut nobody"),
        "{message}"
    );
    let message = failure(|| ada.unsubscribe("private-orders.7"));
    assert!(
        message.contains("cannot unsubscribe from `private-orders.7`: "),
        "{message}"
    );
}

#[tokio::test]
async fn members_see_each_other_come_and_go() {
    let (_, recording) = fake();
    let room = "presence-room.1";
    let mut ada = recording.browser(&ADA);
    ada.subscribe(room).await.unwrap();
    assert_eq!(ada.members(room), ["7"]);

    let mut root = recording.browser(&ROOT);
    root.subscribe(room).await.unwrap();
    assert_eq!(root.members(room), ["1", "7"]);
    ada.expect_joined(room, "1");
    assert_eq!(ada.member_info(room, "1"), Some(json!({ "admin": true })));

    // A second page of the same user is the same member.
    let mut second = recording.browser(&ROOT);
    second.subscribe(room).await.unwrap();
    drop(root);
    assert_eq!(ada.members(room), ["1", "7"]);
    drop(second);
    ada.expect_left(room, "1");
    assert_eq!(ada.members(room), ["7"]);
    assert_eq!(ada.members("news"), [] as [String; 0]);
}

#[tokio::test]
async fn browsers_send_each_other_client_events_as_often_as_they_like() {
    let (_, recording) = fake();
    let room = "presence-room.1";
    let (mut ada, mut root) = (recording.browser(&ADA), recording.browser(&ROOT));
    ada.subscribe([room, "news"]).await.unwrap();
    root.subscribe(room).await.unwrap();
    for number in 0..50 {
        ada.trigger(room, "client-typing", json!({ "number": number }));
    }
    ada.expect_nothing();
    let received = root.received();
    assert_eq!(received.len(), 50);
    assert_eq!(received[49].data, json!({ "number": 49 }));
    assert_eq!(received[49].user_id.as_deref(), Some("7"));
    let message = failure(|| ada.trigger("news", "client-typing", Value::Null));
    assert!(
        message.starts_with("cannot trigger `client-typing` on `news`: "),
        "{message}"
    );
}

#[tokio::test]
async fn who_may_listen_to_what_is_a_table() {
    let (_, recording) = fake();
    let users = [
        ("visitor", None),
        ("ada", Some(&ADA)),
        ("root", Some(&ROOT)),
    ];
    let channels = [
        "news",
        "private-orders.7",
        "private-admins",
        "private-broken",
        "presence-room.1",
    ];
    let matrix = recording.matrix(users, channels).await;
    let table = "
                  visitor  ada    root
news              yes      yes    yes
private-orders.7  no       yes    no
private-admins    no       no     yes
private-broken    no       error  error
presence-room.1   no       7      1
";
    assert_eq!(matrix.to_string(), &table[1..]);
    matrix.assert(table);
    let reason = matrix.reason("visitor", "private-admins").unwrap();
    assert!(reason.starts_with("nobody is logged in"), "{reason}");
    assert_eq!(matrix.reason("root", "private-admins"), None);

    let message =
        failure(|| matrix.assert(&table.replace("no       no     yes", "no       yes    yes")));
    for part in [
        "private-admins  no  yes  yes",
        table.trim(),
        "ada, private-admins: the rule of `private-admins` says no to user `7`",
    ] {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
    assert!(!message.contains("visitor, private-admins: "), "{message}");
    assert!(
        recording
            .browser(&ADA)
            .members("presence-room.1")
            .is_empty(),
        "nobody subscribed"
    );
}

#[tokio::test]
async fn fakes_do_not_hear_of_each_other() {
    let ((one, recording), (_, other)) = (fake(), fake());
    let mut guest = other.guest();
    guest.subscribe("news").await.unwrap();
    one.as_system().channel("news", "one", 1).await.unwrap();
    recording.assert_times(1, "one");
    other.assert_nothing_emitted();
    guest.expect_nothing();
}

#[tokio::test]
async fn a_recording_can_be_looked_at_from_other_threads() {
    let (broadcaster, recording) = fake();
    let seen = recording.clone();
    let sent = tokio::spawn(async move {
        broadcaster
            .as_system()
            .channel("news", "one", 1)
            .await
            .unwrap();
        seen.events().len()
    });
    assert_eq!(sent.await.unwrap(), 1);
    recording.assert_times(1, "one");
}

#[tokio::test]
async fn what_is_sent_later_is_recorded_once_the_queue_is_empty() {
    let (broadcaster, recording) = fake();
    let mut guest = recording.guest();
    guest.subscribe("news").await.unwrap();
    let broadcast = broadcaster.as_system();
    broadcast.channel("news", "one", 1).later().unwrap();
    broadcast.channel("news", "two", 2).later().unwrap();
    broadcaster.close().await.unwrap();
    recording.assert_order(["one", "two"]);
    guest.expect("one", 1);
    guest.expect("two", 2);
}

#[tokio::test]
async fn encrypted_channels_are_read_as_they_were_sent() {
    let (broadcaster, recording) = fake();
    let mut ada = recording.browser(&ADA);
    ada.subscribe("private-encrypted-vault").await.unwrap();
    let broadcast = broadcaster.as_system();
    broadcast
        .channel("private-encrypted-vault", "Opened", json!({ "by": 7 }))
        .await
        .unwrap();
    recording.assert_emitted(("Opened", json!({ "by": 7 })));
    ada.expect("Opened", json!({ "by": 7 }));
}

#[cfg(feature = "derive")]
#[tokio::test]
async fn typed_channels_are_taken_wherever_channels_are() {
    #[derive(Channel, Clone)]
    #[channel(private = "notes.{author}")]
    struct Notes {
        author: String,
    }
    let builder = rules(Broadcaster::builder());
    let rule = |user: &User, notes: Notes| notes.author == user.broadcast_id();
    let (broadcaster, recording) = builder.authorize_channel(rule).fake().unwrap();
    let notes = |author: &str| Notes {
        author: author.into(),
    };
    let mut ada = recording.browser(&ADA);
    ada.subscribe(notes("7")).await.unwrap();
    assert!(matches!(
        ada.subscribe(notes("8")).await,
        Err(AuthError::Denied { .. })
    ));
    let invalid = ada.subscribe(notes("7.8")).await;
    assert!(
        matches!(invalid, Err(AuthError::Failed { .. })),
        "{invalid:?}"
    );

    broadcaster
        .as_system()
        .to(notes("7"))
        .message("hello")
        .await
        .unwrap();
    recording.assert_emitted_on(notes("7"), "base-event");
    recording.assert_nothing_on([notes("8")]);
    ada.expect_on(notes("7"), "base-event", json!({ "message": "hello" }));
    let matrix = recording
        .matrix([("ada", Some(&ADA))], [notes("7"), notes("8")])
        .await;
    matrix.assert("ada \n private-notes.7 yes \n private-notes.8 no");
}
