//! The client against servers that misbehave, each on a port of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::*;

fn quick() -> Settings {
    Settings {
        connect_timeout: Duration::from_millis(200),
        timeout: Duration::from_millis(400),
        body_limit: 100,
        ..Settings::default()
    }
}

/// What a stub answers, and then closes the connection; `None` keeps it open in silence.
type Answer = Option<&'static str>;

/// Answers every connection's first bytes. Counts the requests it got.
async fn stub(answer: Answer) -> io::Result<(SocketAddr, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_ok_and(|count| count > 0) {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                match answer {
                    Some(answer) => stream.write_all(answer.as_bytes()).await,
                    None => std::future::pending().await,
                }
            });
        }
    });
    Ok((address, requests))
}

async fn call(
    client: &HttpClient,
    address: &str,
    repeat: Repeat,
) -> Result<Response<Bytes>, HttpError> {
    let request = Request::post(format!("{address}/path?auth_signature=hush"))
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    client.call(request, &Retry::new(repeat)).await
}

#[tokio::test]
async fn a_2xx_is_an_answer_and_the_rest_is_failure_with_its_text() {
    let client = HttpClient::new(&quick()).unwrap();
    let (address, _) = stub(Some("HTTP/1.1 202 x\r\ncontent-length: 2\r\n\r\nok"))
        .await
        .unwrap();
    let answer = call(&client, &format!("http://{address}"), Repeat::Unsent)
        .await
        .unwrap();
    assert_eq!(answer.body().as_ref(), b"ok");

    for (answer, status, text) in [
        (
            "HTTP/1.1 401 x\r\ncontent-length: 11\r\n\r\nUnknown key",
            401,
            "Unknown key",
        ),
        (
            "HTTP/1.1 403 x\r\ncontent-length: 0\r\n\r\n",
            403,
            "Forbidden",
        ),
        (
            "HTTP/1.1 302 x\r\nlocation: http://elsewhere/\r\ncontent-length: 0\r\n\r\n",
            302,
            "Found",
        ),
    ] {
        let (address, requests) = stub(Some(answer)).await.unwrap();
        let error = call(&client, &format!("http://{address}"), Repeat::Idempotent)
            .await
            .unwrap_err();
        assert_eq!(
            error,
            HttpError::Status {
                server: address.to_string(),
                status,
                text: text.to_owned()
            }
        );
        assert!(!error.may_have_arrived());
        assert_eq!(requests.load(Ordering::SeqCst), 1, "{status}");
    }
}

#[tokio::test]
async fn what_may_have_arrived_is_repeated_only_if_it_is_idempotent() {
    let client = HttpClient::new(&Settings {
        timeout: Duration::from_secs(5),
        ..quick()
    })
    .unwrap();
    for answer in [
        "HTTP/1.1 503 x\r\ncontent-length: 4\r\n\r\nfull",
        // Half an answer, in its head and in its body.
        "HTTP/1.1 20",
        "HTTP/1.1 200 x\r\ncontent-length: 50\r\n\r\nhalf",
        "",
        "no HTTP at all",
    ] {
        for (repeat, expected) in [(Repeat::Unsent, 1), (Repeat::Idempotent, 3)] {
            let (address, requests) = stub(Some(answer)).await.unwrap();
            let error = call(&client, &format!("http://{address}"), repeat)
                .await
                .unwrap_err();
            assert!(error.may_have_arrived(), "{error}");
            assert_eq!(
                requests.load(Ordering::SeqCst),
                expected,
                "{repeat:?} after {error}"
            );
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}

#[tokio::test]
async fn nothing_hangs() {
    let client = HttpClient::new(&quick()).unwrap();
    let start = Instant::now();

    // Silence after the request.
    let (address, requests) = stub(None).await.unwrap();
    let error = call(&client, &format!("http://{address}"), Repeat::Idempotent)
        .await
        .unwrap_err();
    assert!(matches!(error, HttpError::Timeout { .. }), "{error}");
    assert!(error.may_have_arrived());
    assert_eq!(requests.load(Ordering::SeqCst), 1);

    // Silence in the middle of the TLS handshake.
    let error = call(&client, &format!("https://{address}"), Repeat::Unsent)
        .await
        .unwrap_err();
    let HttpError::Connect { problem, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(problem, "not connected within 400ms");
    let patient = HttpClient::new(&Settings {
        timeout: Duration::from_millis(210),
        ..quick()
    });
    let error = call(
        &patient.unwrap(),
        &format!("https://{address}"),
        Repeat::Unsent,
    )
    .await
    .unwrap_err();
    assert!(
        error.to_string().ends_with("not connected within 200ms"),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_host_are_no_connection() {
    let client = HttpClient::new(&Settings {
        timeout: Duration::from_secs(5),
        ..quick()
    })
    .unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    for server in [address.to_string(), "nobody.invalid:80".to_owned()] {
        let error = call(&client, &format!("http://{server}"), Repeat::Unsent)
            .await
            .unwrap_err();
        assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
        assert_eq!(error.server(), server);
        assert!(!error.may_have_arrived());
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_read() {
    let client = HttpClient::new(&quick()).unwrap();
    // Chunked, so that it cannot be told from the head.
    let answer = "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    let answer = answer + &format!("32\r\n{}\r\n", "x".repeat(0x32)).repeat(3);
    let (address, _) = stub(Some(answer.leak())).await.unwrap();
    let error = call(&client, &format!("http://{address}"), Repeat::Unsent)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("the answer has more than 100 bytes"),
        "{error}"
    );
}

/// A TLS server with a certificate for `name` that answers `{}`; the certificate as PEM.
async fn tls_stub(name: &str) -> (SocketAddr, Vec<u8>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let _ = stream.read(&mut [0; 4096]).await?;
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                    .await?;
                stream.shutdown().await
            });
        }
    });
    (address, cert.pem().into_bytes())
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_match() {
    let (address, root) = tls_stub("localhost").await;
    let port = address.port();
    let stranger = HttpClient::new(&quick()).unwrap();
    let friend = HttpClient::new(&Settings {
        root_certificate: Some(root),
        ..quick()
    })
    .unwrap();

    let good = format!("https://localhost:{port}");
    assert!(call(&friend, &good, Repeat::Unsent).await.is_ok());
    let untrusted = call(&stranger, &good, Repeat::Unsent).await.unwrap_err();
    let mismatch = call(
        &friend,
        &format!("https://127.0.0.1:{port}"),
        Repeat::Unsent,
    )
    .await
    .unwrap_err();
    let (plain, _) = stub(Some("HTTP/1.1 400 x\r\n\r\n")).await.unwrap();
    let no_tls = call(&friend, &format!("https://{plain}"), Repeat::Unsent)
        .await
        .unwrap_err();
    for (error, expected) in [
        (untrusted, "UnknownIssuer"),
        (mismatch, "not valid for name"),
        (no_tls, "corrupt"),
    ] {
        assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.may_have_arrived());
    }
}

#[test]
fn a_root_certificate_that_is_none_is_refused() {
    for pem in [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let refused = HttpClient::new(&Settings {
            root_certificate: Some(pem.as_bytes().to_vec()),
            ..quick()
        });
        let error = refused.unwrap_err().to_string();
        assert!(
            error.starts_with("the root certificate cannot be read: "),
            "{error}"
        );
    }
}

#[test]
fn a_long_text_of_a_server_is_cut_and_a_quoted_signature_hidden() {
    let long = "é".repeat(3_000);
    let short = text(long.as_bytes(), StatusCode::BAD_REQUEST);
    assert_eq!(short.chars().count(), 2_001);
    let error = HttpError::Status {
        server: "example.com:443".to_owned(),
        status: 401,
        text: "Invalid signature: .. but you sent \"c0ffee\"".to_owned(),
    };
    assert_eq!(
        error.without("c0ffee").to_string(),
        "example.com:443 answered 401: Invalid signature: .. but you sent \"***\""
    );
}

/// A client whose names have these addresses, the first at the first look and so on; and how often
/// it looked.
fn looking_up(
    answers: &'static [&'static [&'static str]],
    public_only: bool,
) -> (HttpClient, Arc<AtomicUsize>) {
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let lookup = Lookup::With(Arc::new(move |_| {
        let look = counted.fetch_add(1, Ordering::SeqCst);
        let answer = answers[look.min(answers.len() - 1)];
        Ok(answer.iter().map(|a| a.parse().unwrap()).collect())
    }));
    let client = HttpClient::new(&Settings {
        public_only,
        lookup,
        ..quick()
    });
    (client.unwrap(), looks)
}

#[tokio::test]
async fn an_address_that_was_refused_is_not_reached_by_another_look_or_beside_others() {
    // A public address that belongs to nobody, and then the rebound one.
    let rebound: &[&[&str]] = &[&["2d00::1"], &["127.0.0.1"]];
    let beside: &[&[&str]] = &[&["2d00::1", "127.0.0.1"]];
    let mapped: &[&[&str]] = &[&["::ffff:127.0.0.1"]];
    for answers in [rebound, beside, mapped] {
        let (address, requests) = stub(Some("HTTP/1.1 200 x\r\n\r\n")).await.unwrap();
        let port = address.port();
        let (client, looks) = looking_up(answers, true);
        for attempt in 1..=3 {
            let request = Request::post(format!("http://rebind.example:{port}/"));
            let request = request.body(Bytes::new()).unwrap();
            let error = client.acknowledged(request).await.unwrap_err();
            assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
            assert_eq!(looks.load(Ordering::SeqCst), attempt, "one look, one use");
        }
        assert_eq!(requests.load(Ordering::SeqCst), 0);
        // The same names reach the same server where that is allowed.
        let (client, _) = looking_up(&[&["127.0.0.1"]], false);
        let request = Request::post(format!("http://rebind.example:{port}/"));
        let request = request.body(Bytes::new()).unwrap();
        assert_eq!(client.acknowledged(request).await, Ok(StatusCode::OK));
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn no_spelling_of_an_own_address_is_connected_to() {
    let (address, requests) = stub(Some("HTTP/1.1 200 x\r\n\r\n")).await.unwrap();
    let port = address.port();
    let client = HttpClient::new(&Settings {
        public_only: true,
        ..quick()
    })
    .unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "169.254.169.254",
        "[fd00:ec2::254]",
    ] {
        let Ok(request) = Request::post(format!("http://{host}:{port}/")).body(Bytes::new()) else {
            continue;
        };
        let error = client.acknowledged(request).await.unwrap_err();
        let HttpError::Connect { problem, .. } = error else {
            panic!("{host}: {error:?}");
        };
        // Where the system does not read a spelling as an address, it finds no such host.
        let refused = problem.contains("not an address of the public internet");
        assert!(refused || problem.contains("lookup"), "{host}: {problem}");
    }
    assert_eq!(requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_head_of_a_2xx_acknowledges_and_nothing_else_does() {
    let client = HttpClient::new(&quick()).unwrap();
    for (answer, expected) in [
        ("HTTP/1.1 200 x\r\ncontent-length: 2\r\n\r\nok", Ok(200)),
        ("HTTP/1.1 204 x\r\n\r\n", Ok(204)),
        // Half a body, and more of it than would be read.
        ("HTTP/1.1 201 x\r\ncontent-length: 50\r\n\r\nhalf", Ok(201)),
        (
            "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n",
            Ok(200),
        ),
        (
            "HTTP/1.1 302 x\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
            Err(Some(302)),
        ),
        (
            "HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n",
            Err(Some(500)),
        ),
        ("HTTP/1.1 20", Err(None)),
        ("", Err(None)),
    ] {
        let (address, requests) = stub(Some(answer)).await.unwrap();
        let request = Request::post(format!("http://{address}/"));
        let request = request.body(Bytes::from_static(b"{}")).unwrap();
        let outcome = client.acknowledged(request).await;
        let outcome = outcome
            .map(|status| status.as_u16())
            .map_err(|error| match error {
                HttpError::Status { status, .. } => Some(status),
                HttpError::Broken { .. } => None,
                other => panic!("{other:?}"),
            });
        assert_eq!(outcome, expected, "{answer:?}");
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    }
}
