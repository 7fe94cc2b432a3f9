//! Refusals, dead, slow and broken servers: errors are typed and bounded in time, a repeated request
//! delivers once, and the key is in no error.

use std::time::{Duration, Instant};

use serde_json::json;
use skywave::driver::{ChannelName, HttpError};
use skywave::{Error, IntoChannels};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::stub::{Answer, Stub};
use super::{KEY, ably, broadcaster, vectors};

async fn send(port: u16, channels: impl IntoChannels) -> Result<(), Error> {
    let ably = ably(port)
        .connect_timeout(Duration::from_millis(200))
        .timeout(Duration::from_millis(700));
    let broadcast = broadcaster(ably).as_system();
    broadcast.channel(channels, "e", json!({ "n": 1 })).await?;
    Ok(())
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[tokio::test]
async fn a_refusal_has_ablys_code_and_message() {
    let vectors = vectors();
    let body = vectors["restResponses"]["error401"]["body"]
        .as_str()
        .unwrap();
    for channels in [vec!["a"], vec!["a", "b"]] {
        let stub = Stub::answering([Answer::Refusing(401, body.to_owned())]).await;
        let error = send(stub.port(), channels).await.unwrap_err();
        assert_eq!(stub.asked().len(), 1, "a refusal is final");
        let ably = error.ably().unwrap();
        assert_eq!(
            (ably.code(), ably.status(), ably.message()),
            (40160, 401, "denied")
        );
        assert_eq!(ably.channel(), None);
        assert!(error.sent_to().is_empty());
        assert_eq!(
            chain(&error),
            format!(
                "driver `ably` did not accept the event: the request was refused: error 40160 of \
                 Ably: denied: 127.0.0.1:{} answered 401: see https://help.ably.io/error/40160",
                stub.port()
            )
        );
        assert!(!error.http().unwrap().may_have_arrived());
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_in_part_says_which_channels_were_sent() {
    let stub = Stub::start().await.denying(&["b", "d"]);
    let error = send(stub.port(), ["a", "b", "c", "d"]).await.unwrap_err();
    let sent: Vec<_> = error.sent_to().iter().map(ChannelName::as_str).collect();
    assert_eq!(sent, ["a", "c"]);
    let ably = error.ably().unwrap();
    assert_eq!((ably.code(), ably.status()), (40160, 401));
    assert_eq!(ably.channel().unwrap().as_str(), "b");
    assert_eq!(
        chain(&error),
        "driver `ably` did not accept the event: 2 of 4 channels were refused (after sending to 2 \
         channels, `a` to `c`): error 40160 of Ably for channel `b`: Channel denied access based \
         on given capability"
    );

    // Over two requests: the first is whole, the second is not sent.
    let stub = Stub::start().await.denying(&["c7"]);
    let many: Vec<String> = (0..150).map(|n| format!("c{n}")).collect();
    let error = send(stub.port(), &many).await.unwrap_err();
    assert_eq!(error.sent_to().len(), 99);
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_delivers_once() {
    for channels in [vec!["a"], vec!["a", "b"]] {
        let lost = || Answer::Taking(503, "overloaded".to_owned());
        let stub = Stub::answering([lost(), lost()]).await;
        let delivered = channels.len();
        send(stub.port(), channels).await.unwrap();
        let asked = stub.asked();
        assert_eq!(asked.len(), 3);
        assert!(
            asked.iter().all(|a| a.body == asked[0].body),
            "the same id each time"
        );
        assert_eq!(stub.delivered().len(), delivered);
    }
}

#[tokio::test]
async fn it_gives_up_after_three_attempts() {
    let error = json!({ "error": { "code": 50003, "statusCode": 503, "message": "later" } });
    let stub = Stub::answering((0..9).map(|_| Answer::Refusing(503, error.to_string()))).await;
    let error = send(stub.port(), "a").await.unwrap_err();
    assert_eq!(stub.asked().len(), 3);
    assert_eq!(error.ably().unwrap().code(), 50003);
    assert!(error.http().unwrap().may_have_arrived());
}

#[tokio::test]
async fn what_is_no_answer_of_ably_is_no_success() {
    for (status, body, expected) in [
        (
            200,
            "<html>Log in to the wireless network</html>",
            "not the answer",
        ),
        (201, "", "not the answer"),
        (201, "[]", "not the answer"),
        (201, "{}", "not the answer"),
        (302, "", "answered 302"),
        (404, "no such page", "answered 404: no such page"),
        (413, r#"{"error":"too big"}"#, "answered 413"),
    ] {
        for channels in [vec!["a"], vec!["a", "b"]] {
            let stub = Stub::answering([Answer::Refusing(status, body.to_owned())]).await;
            let error = send(stub.port(), channels).await.unwrap_err();
            assert!(chain(&error).contains(expected), "{}", chain(&error));
            assert_eq!(error.ably(), None);
            assert!(error.http().is_some());
            assert_eq!(stub.asked().len(), 1);
        }
    }
    // A batch's answer that is silent about a channel.
    let vectors = vectors();
    let body = vectors["restResponses"]["batch201"].as_str().unwrap();
    let stub = Stub::answering([Answer::Refusing(201, body.to_owned())]).await;
    let error = send(stub.port(), ["c1", "c3"]).await.unwrap_err();
    assert!(
        chain(&error).contains("it says nothing about `c3`"),
        "{}",
        chain(&error)
    );
}

#[tokio::test]
async fn answers_of_the_vectors_are_understood() {
    let vectors = vectors();
    let answers = &vectors["restResponses"];
    let one = answers["publish201"].as_str().unwrap().to_owned();
    let stub = Stub::answering([Answer::Taking(201, one)]).await;
    send(stub.port(), "room").await.unwrap();

    let batch = answers["batch201"].as_str().unwrap();
    // An array of results, and a single one.
    let single = batch
        .strip_prefix('[')
        .and_then(|b| b.strip_suffix(']'))
        .unwrap();
    for body in [batch, single] {
        let stub = Stub::answering([Answer::Taking(201, body.to_owned())]).await;
        let error = send(stub.port(), ["c1", "c2"]).await.unwrap_err();
        assert_eq!(error.sent_to().len(), 1);
        assert_eq!(error.ably().unwrap().channel().unwrap().as_str(), "c2");
    }
}

/// Answers every connection with these bytes and closes it; `None` stays silent.
async fn raw(answer: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                match answer {
                    Some(answer) => stream.write_all(answer.as_bytes()).await,
                    None => std::future::pending().await,
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn dead_slow_and_broken_servers_are_told_apart_and_nothing_hangs() {
    let start = Instant::now();
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = send(closed, "a").await.unwrap_err();
    assert!(
        matches!(error.http(), Some(HttpError::Connect { .. })),
        "{error:?}"
    );

    let error = send(raw(None).await, "a").await.unwrap_err();
    assert!(
        matches!(error.http(), Some(HttpError::Timeout { .. })),
        "{error:?}"
    );
    assert!(error.http().unwrap().may_have_arrived());

    for half in [
        "HTTP/1.1 20",
        "HTTP/1.1 201 x\r\ncontent-length: 99\r\n\r\n{\"chan",
        "",
    ] {
        let error = send(raw(Some(half)).await, "a").await.unwrap_err();
        assert!(
            matches!(error.http(), Some(HttpError::Broken { .. })),
            "{error:?}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn the_key_is_in_no_error_even_if_the_server_quotes_it() {
    let basic = vectors()["basicAuthHeader"].as_str().unwrap().to_owned();
    let quoted = format!("bad key {KEY} in {basic}");
    let refusal = json!({ "error": { "code": 40005, "statusCode": 400, "message": quoted } });
    let in_batch = json!([{ "results": [
        { "channel": "a", "error": { "code": 40005, "message": quoted } },
        { "channel": "b", "error": { "code": 40005, "message": quoted } },
    ] }]);
    for (status, body) in [
        (400, refusal.to_string()),
        (400, quoted.clone()),
        (201, in_batch.to_string()),
        (201, quoted.clone()),
    ] {
        let stub = Stub::answering([Answer::Refusing(status, body)]).await;
        let error = send(stub.port(), ["a", "b"]).await.unwrap_err();
        for shown in [chain(&error), format!("{error:?}")] {
            assert!(!shown.contains("Secret"), "{shown}");
            assert!(
                !shown.contains(basic.trim_start_matches("Basic ")),
                "{shown}"
            );
        }
    }
}

#[tokio::test]
async fn a_queued_event_that_is_sent_again_keeps_its_id() {
    // The driver's own three attempts fail, then the queue comes back with the same event.
    let lost = || Answer::Taking(503, "overloaded".to_owned());
    let stub = Stub::answering((0..4).map(|_| lost())).await;
    let broadcaster = broadcaster(ably(stub.port()));
    let sending = broadcaster.as_system().channel("a", "e", 1);
    sending.later().unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(10), broadcaster.close());
    closed.await.unwrap().unwrap();
    assert!(stub.asked().len() >= 3);
    assert_eq!(stub.delivered().len(), 1);
}
