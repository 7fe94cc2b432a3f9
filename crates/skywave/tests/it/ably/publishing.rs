//! Requests that publish, checked against Ably's rules by the stub and against the vectors here.

use axum::Router;
use axum::routing::post;
use http::StatusCode;
use serde_json::{Value, json};
use skywave::driver::AblyNames;
use skywave::{Broadcast, Broadcaster, Channel, Error, IntoChannels};

use super::stub::{Asked, Delivered, Stub};
use super::{ably, broadcaster, vectors};
use crate::stage::form;

fn order() -> Value {
    json!({ "id": 7 })
}

/// The body without its random id.
fn without_id(asked: &Asked) -> Value {
    let mut body = asked.json();
    let message = match body.pointer_mut("/0/messages/0") {
        Some(message) => message,
        None => &mut body,
    };
    message.as_object_mut().unwrap().remove("id").unwrap();
    body
}

async fn send(stub: &Stub, names: AblyNames, channels: impl IntoChannels) -> Result<(), Error> {
    let broadcaster = broadcaster(ably(stub.port()).channels(names));
    let sending = broadcaster
        .as_system()
        .channel(channels, "OrderShipped", order());
    sending.await.map(|_| ())
}

#[tokio::test]
async fn one_channel_is_one_request_of_the_vectors() {
    let stub = Stub::start().await;
    let channel = Channel::private("orders.7");
    send(&stub, AblyNames::Namespaced, channel).await.unwrap();

    let vector = &vectors()["driverPublishExamples"]["single"];
    let asked = stub.only();
    assert_eq!(asked.path, vector["path"]);
    let mut expected: Value = serde_json::from_str(vector["body"].as_str().unwrap()).unwrap();
    expected.as_object_mut().unwrap().remove("id");
    assert_eq!(without_id(&asked), expected);
    for (name, value) in vector["headers"].as_object().unwrap() {
        // Whose library it is differs.
        if name != "ably-agent" {
            assert_eq!(asked.headers[name.as_str()], value.as_str().unwrap());
        }
    }
}

#[tokio::test]
async fn several_channels_are_one_request_of_the_vectors() {
    let stub = Stub::start().await;
    let channels = ["private-orders.7", "news"];
    send(&stub, AblyNames::Namespaced, channels).await.unwrap();

    let vector = &vectors()["driverPublishExamples"]["multiChannel"];
    let asked = stub.only();
    assert_eq!(asked.path, vector["path"]);
    let expected: Value = serde_json::from_str(vector["body"].as_str().unwrap()).unwrap();
    assert_eq!(without_id(&asked), expected);
}

#[tokio::test]
async fn any_number_of_channels_is_as_few_requests_as_can_be() {
    for (count, requests) in [(1, 1), (2, 1), (100, 1), (101, 2), (250, 3)] {
        let stub = Stub::start().await;
        let channels: Vec<String> = (0..count).map(|n| format!("c{n}")).collect();
        send(&stub, AblyNames::Verbatim, &channels).await.unwrap();
        assert_eq!(stub.asked().len(), requests, "{count} channels");
        let to: Vec<_> = stub.delivered().into_iter().map(|d| d.channel).collect();
        assert_eq!(to, channels);
    }
}

#[tokio::test]
async fn names_are_escaped_and_stay_as_they_are_unless_asked() {
    for (name, verbatim, namespaced) in [
        ("news", "news", "public%3Anews"),
        ("private-orders.7", "private-orders.7", "private%3Aorders.7"),
        ("presence-a_b", "presence-a_b", "presence%3Aa_b"),
        (
            "a=b@c,d;e",
            "a%3Db%40c%2Cd%3Be",
            "public%3Aa%3Db%40c%2Cd%3Be",
        ),
    ] {
        for (names, expected) in [
            (AblyNames::Verbatim, verbatim),
            (AblyNames::Namespaced, namespaced),
        ] {
            let stub = Stub::start().await;
            send(&stub, names, name).await.unwrap();
            assert_eq!(stub.only().path, format!("/channels/{expected}/messages"));
        }
    }
}

#[tokio::test]
async fn data_of_every_kind_arrives_as_it_was() {
    let stub = Stub::start().await;
    let broadcast = broadcaster(ably(stub.port())).as_system();
    for data in [
        json!({ "é": ["\u{2028}", null, 1.5] }),
        json!([]),
        json!("text with \"quotes\"\n"),
        json!(""),
        json!(7),
        json!(true),
        json!(null),
    ] {
        broadcast.to("c").event("e", &data).await.unwrap();
        let Delivered { data: arrived, .. } = stub.delivered().pop().unwrap();
        assert_eq!(arrived, data);
    }
    // Text needs no encoding, as with ably-js.
    broadcast.to("c").event("e", "hello").await.unwrap();
    let asked = stub.asked().pop().unwrap();
    assert_eq!(without_id(&asked), json!({ "name": "e", "data": "hello" }));
    // The documents' message is an object on every driver.
    broadcast.to("c").message("hello").await.unwrap();
    let arrived = stub.delivered().pop().unwrap();
    assert_eq!(
        (arrived.name.as_str(), arrived.data),
        ("base-event", json!({ "message": "hello" }))
    );
}

#[tokio::test]
async fn every_sending_has_an_id_of_its_own() {
    let stub = Stub::start().await;
    for _ in 0..3 {
        send(&stub, AblyNames::Verbatim, ["a", "b"]).await.unwrap();
    }
    let mut ids: Vec<_> = stub
        .asked()
        .iter()
        .map(|a| a.message()["id"].clone())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert_eq!(stub.delivered().len(), 6);
}

#[tokio::test]
async fn what_is_too_large_is_not_sent() {
    let stub = Stub::start().await;
    let broadcast = broadcaster(ably(stub.port())).as_system();
    // `"x"` of data and `e` of name: 65,536 bytes are allowed.
    let fits = "x".repeat(65_535);
    broadcast
        .to("c")
        .event("e", json!([fits]))
        .await
        .unwrap_err();
    broadcast
        .to("c")
        .event("e", "x".repeat(65_534))
        .await
        .unwrap();
    assert_eq!(stub.asked().len(), 1);

    let error = broadcast
        .to("c")
        .event("e", "x".repeat(65_535))
        .await
        .unwrap_err();
    let Error::TooLarge {
        bytes: 65_537,
        limit: 65_536,
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    let long_name = broadcast.to("c").event("e".repeat(200), "x".repeat(65_400));
    let error = long_name.await.unwrap_err();
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "the event's name and data have 65600 bytes: at most 65536 are allowed"
    );
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn what_ably_has_no_channels_for_is_an_error() {
    let stub = Stub::start().await;
    for (channel, expected) in [
        ("#server-to-user-7", "has no channels of a user"),
        ("private-encrypted-a", "master key"),
    ] {
        let error = send(&stub, AblyNames::Verbatim, channel).await.unwrap_err();
        let shown = format!("{error} {:?}", std::error::Error::source(&error));
        assert!(shown.contains(expected), "{shown}");
    }
    assert!(stub.asked().is_empty());
}

async fn to_others(broadcast: Broadcast) -> Result<(), Error> {
    broadcast
        .to("a")
        .event("OrderShipped", order())
        .to_others()
        .await?;
    broadcast
        .to(["a", "b"])
        .event("OrderShipped", order())
        .to_others()
        .await?;
    broadcast.to("a").event("OrderShipped", order()).await?;
    Ok(())
}

async fn text(broadcast: Broadcast) -> String {
    match to_others(broadcast).await {
        Ok(()) => "sent".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn app(broadcaster: Broadcaster) -> Router {
    Router::new().route("/", post(text)).with_state(broadcaster)
}

fn with_users(stub: &Stub) -> Broadcaster {
    Broadcaster::builder()
        .driver("ably", ably(stub.port()))
        .users(|parts| async move {
            let user = parts.headers.get("x-user")?.to_str().ok()?;
            Some(user.to_owned())
        })
        .build()
        .unwrap()
}

#[tokio::test]
async fn to_others_leaves_out_the_pages_connection() {
    let vectors = vectors();
    let laravel = vectors["socketIdHeaderLaravelAbly"]["xSocketId"]
        .as_str()
        .unwrap();
    let mut expected: Value = serde_json::from_str(
        vectors["driverPublishExamples"]["toOthers"]["body"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    for (header, user, client) in [
        (laravel, "user-42", true),
        ("connidAAAA!k3yk3yk3y", "user-42", false),
    ] {
        let stub = Stub::start().await;
        let ask = form("/", &[])
            .header("x-user", user)
            .header("X-Socket-ID", header);
        assert_eq!(ask.to(&app(with_users(&stub))).await.body, "sent");
        let [first, second, third] = stub.asked().try_into().unwrap();
        if !client {
            expected.as_object_mut().unwrap().remove("clientId");
        }
        assert_eq!(without_id(&first), expected);
        assert_eq!(second.message()["connectionKey"], expected["connectionKey"]);
        assert_eq!(third.message().get("connectionKey"), None);
        let except: Vec<_> = stub.delivered().into_iter().map(|d| d.except).collect();
        let key = Some("connidAAAA!k3yk3yk3y".to_owned());
        assert_eq!(except, [key.clone(), key.clone(), key, None]);
    }
}

#[tokio::test]
async fn what_cannot_be_left_out_is_an_error_and_nothing_is_sent() {
    let vectors = vectors();
    let laravel = vectors["socketIdHeaderLaravelAbly"]["xSocketId"]
        .as_str()
        .unwrap();
    let stub = Stub::start().await;
    let app = app(with_users(&stub));
    let others = "event `OrderShipped` cannot go to others only: ";
    for (header, user, expected) in [
        (
            "12.34",
            "user-42",
            "connections of driver `ably` have no socket ids such as 12.34",
        ),
        (
            laravel,
            "user-1",
            "the connection is said to be of client `user-42`, the request is of user `user-1`",
        ),
    ] {
        let ask = form("/", &[])
            .header("x-user", user)
            .header("X-Socket-ID", header);
        assert_eq!(ask.to(&app).await.body, format!("{others}{expected}"));
    }
    let visitor = form("/", &[]).header("X-Socket-ID", laravel).to(&app).await;
    assert!(
        visitor.body.ends_with("the request is of a visitor"),
        "{}",
        visitor.body
    );
    let malformed = form("/", &[])
        .header("X-Socket-ID", "undefined")
        .to(&app)
        .await;
    malformed.refused(
        StatusCode::UNPROCESSABLE_ENTITY,
        "header `x-socket-id`: a socket id is",
    );
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn a_driver_of_another_service_does_not_pretend() {
    use crate::stage::{Recorder, builder};
    let recorder = Recorder::new();
    let app = app(builder(&recorder).build().unwrap());
    let answer = form("/", &[])
        .header("X-Socket-ID", "connidAAAA!k3y")
        .to(&app)
        .await;
    assert_eq!(
        answer.body,
        "event `OrderShipped` cannot go to others only: connections of driver `recorder` have no \
         keys such as the one in `x-socket-id`"
    );
    assert!(recorder.envelopes().is_empty());
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn the_driver_passes_the_suite_of_all_drivers() {
    use skywave::testing::{Delivered, DriverSuite};

    let stub = Stub::start().await;
    DriverSuite::new(ably(stub.port()))
        .delivering(move || {
            let delivered = stub.delivered().into_iter();
            delivered
                .map(|event| Delivered::new(event.channel, event.name, event.data))
                .collect()
        })
        .run()
        .await;
}
