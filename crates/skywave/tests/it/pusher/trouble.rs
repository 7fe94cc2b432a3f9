//! Servers that are dead, slow, broken, or say no: errors are typed and bounded in time, and
//! nothing is sent twice.

use std::time::{Duration, Instant};

use skywave::driver::HttpError;
use skywave::{Broadcaster, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

use super::pusher;
use super::stub::Stub;

async fn send(port: u16) -> Result<skywave::Report, Error> {
    let pusher = pusher(port)
        .connect_timeout(Duration::from_millis(200))
        .timeout(Duration::from_millis(600));
    let broadcaster = Broadcaster::builder()
        .driver("pusher", pusher)
        .build()
        .unwrap();
    broadcaster.as_system().channel("c", "e", 1).await
}

#[tokio::test]
async fn a_200_with_json_and_a_202_are_accepted_and_nothing_else() {
    for (status, body, accepted) in [
        (200, "{}", true),
        (200, r#"{"channels":{}}"#, true),
        (202, "", true),
        (202, "Accepted", true),
        (200, "", false),
        (200, "<html>Log in to the wireless network</html>", false),
        (200, "[]", false),
        (201, "{}", false),
        (302, "", false),
        (400, "Invalid socket id", false),
        (401, "Unknown auth_key", false),
        (403, "over quota", false),
        (413, "too big", false),
        (500, "", false),
        (503, "try later", false),
    ] {
        let stub = Stub::answering(&[(status, body)]).await;
        let outcome = send(stub.port()).await;
        assert_eq!(outcome.is_ok(), accepted, "{status} {body}");
        assert_eq!(stub.asked().len(), 1, "{status} {body}: sent once");
        let Err(error) = outcome else { continue };
        match error.http().unwrap() {
            HttpError::Status {
                server,
                status: given,
                text,
            } => {
                assert_eq!(*given, status);
                assert_eq!(*server, format!("127.0.0.1:{}", stub.port()));
                assert!(text.contains(body), "{text}");
            }
            HttpError::Broken { .. } => assert!((200..300).contains(&status)),
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_quoted_signature_is_not_in_the_error() {
    // Quotes the whole query, which a real server does only in part.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let count = stream.read(&mut request).await.unwrap();
        let request = String::from_utf8_lossy(&request[..count]).into_owned();
        let query = request.split([' ', '?']).nth(2).unwrap().to_owned();
        let head = format!("HTTP/1.1 401 x\r\ncontent-length: {}\r\n\r\n", query.len());
        stream.write_all((head + &query).as_bytes()).await.unwrap();
        query
    });
    let error = send(port).await.unwrap_err();
    let query = server.await.unwrap();
    let signature = query.split("auth_signature=").nth(1).unwrap();
    assert_eq!(signature.len(), 64);
    let shown = format!("{error:?}");
    assert!(shown.contains("auth_signature=***"), "{shown}");
    assert!(!shown.contains(signature), "{shown}");
}

#[tokio::test]
async fn questions_are_repeated_after_server_errors() {
    let stub = Stub::answering(&[(503, ""), (200, r#"{"users":[]}"#)]).await;
    let api = pusher(stub.port()).api().unwrap();
    assert_eq!(api.users("presence-a").await.unwrap(), [""; 0]);
    assert_eq!(stub.asked().len(), 2);

    let stub = Stub::answering(&[(400, "no"), (200, r#"{"users":[]}"#)]).await;
    let api = pusher(stub.port()).api().unwrap();
    let error = api.users("presence-a").await.unwrap_err();
    assert!(matches!(
        error.http(),
        Some(HttpError::Status { status: 400, .. })
    ));
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn a_dead_server_is_a_typed_error_soon() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = send(port).await.unwrap_err();
    let http = error.http().unwrap();
    assert!(matches!(http, HttpError::Connect { .. }), "{http:?}");
    assert_eq!(http.server(), format!("127.0.0.1:{port}"));
    assert!(!http.may_have_arrived());
    assert!(error.sent_to().is_empty());
}

#[tokio::test]
async fn a_server_that_comes_back_gets_the_event_once() {
    // On a stalled machine it may come back after the last attempt: then once more.
    for _ in 0..10 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let port = socket.local_addr().unwrap().port();
        let sending = tokio::spawn(send(port));
        tokio::time::sleep(Duration::from_millis(20)).await;
        let listener = socket.listen(8).unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
            stream.write_all(answer).await.unwrap();
            // Nobody comes a second time.
            let again = tokio::time::timeout(Duration::from_millis(200), listener.accept());
            assert!(again.await.is_err());
        });
        if sending.await.unwrap().is_ok() {
            return server.await.unwrap();
        }
    }
    panic!("no event arrived");
}

#[tokio::test]
async fn events_one_after_the_other_go_over_one_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (connected, mut connections) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            connected.send(()).unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    // The body is an object, and there is none before it.
                    if buffer[read - 1] != b'}' {
                        continue;
                    }
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    let broadcaster = Broadcaster::builder().driver("pusher", pusher(port));
    let broadcast = broadcaster.build().unwrap().as_system();
    for n in 0..3 {
        broadcast.channel("c", "e", n).await.unwrap();
    }
    connections.recv().await.unwrap();
    assert!(connections.try_recv().is_err(), "there was a second one");
}

#[tokio::test]
async fn a_silent_server_and_half_an_answer_end_in_time_and_are_not_asked_again() {
    for half in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let mut open = Vec::new();
            let mut requests = 0;
            loop {
                let accepting = tokio::time::timeout(Duration::from_millis(800), listener.accept());
                let Ok(Ok((mut stream, _))) = accepting.await else {
                    return requests;
                };
                if stream.read(&mut [0; 4096]).await.unwrap() > 0 {
                    requests += 1;
                }
                stream.write_all(half.as_bytes()).await.unwrap();
                open.push(stream);
            }
        });
        let start = Instant::now();
        let error = send(port).await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(2));
        let http = error.http().unwrap();
        assert!(matches!(http, HttpError::Timeout { .. }), "{http:?}");
        assert!(http.may_have_arrived());
        assert_eq!(server.await.unwrap(), 1);
    }
}
