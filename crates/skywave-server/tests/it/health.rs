//! `/healthz` and `/readyz`, on every endpoint and on the operators' own.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use skywave_server::{Drain, Place};

use crate::host::Host;
use crate::node::{LOOPBACK, Node, connect, until};
use crate::wire::{Reply, Wire};

/// A listener for operators.
pub(crate) fn operator(node: &Node) -> SocketAddr {
    let place = node.server.listen_operator(LOOPBACK.into());
    match place.expect("there is a free port") {
        Place::Tcp(address) => address,
        Place::Unix(path) => panic!("expected a port, got {path:?}"),
    }
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Reply {
    Wire::tcp(connect(address)).request("GET", path, b"")
}

#[test]
fn a_server_that_runs_says_so_on_every_endpoint() {
    let node = Node::start();
    let host = Host::start();
    for address in [node.address, operator(&node), host.axum(&node.server)] {
        for (path, text) in [("/healthz", "healthy\n"), ("/readyz", "ready\n")] {
            let reply = get(address, path);
            assert_eq!((reply.status, reply.text()), (200, text.to_owned()));
            assert_eq!(reply.header("cache-control"), Some("no-store"));
            assert_eq!(
                reply.header("content-type"),
                Some("text/plain; charset=utf-8")
            );
            let refused = Wire::tcp(connect(address)).request("DELETE", path, b"");
            assert_eq!(refused.status, 405);
            assert_eq!(refused.header("allow"), Some("GET, HEAD"));
        }
    }
}

#[test]
fn operators_find_nothing_else_on_their_endpoint_and_others_no_metrics_on_theirs() {
    let node = Node::start();
    let operators = operator(&node);
    for path in ["/", "/app/it-key?protocol=7", "/apps/7/channels"] {
        assert_eq!(get(operators, path).status, 404, "{path}");
    }
    assert_eq!(get(node.address, "/metrics").status, 404);
    let refused = Wire::tcp(connect(operators)).request("POST", "/metrics", b"");
    assert_eq!(refused.status, 405);
}

#[test]
fn a_server_that_is_drained_lives_and_is_not_ready() {
    let node = Node::start();
    let operators = operator(&node);
    let _peer = node.connect();
    let server = node.server.clone();
    let drain = Drain {
        notice: Duration::from_secs(60),
        ..Drain::default()
    };
    let drained = thread::spawn(move || server.drain(drain));
    until("it is not ready", || !node.server.is_ready());
    for address in [node.address, operators] {
        let reply = get(address, "/readyz");
        assert_eq!(reply.status, 503);
        assert_eq!(reply.text(), "draining, 1 connections are left\n");
        assert_eq!(get(address, "/healthz").status, 200);
    }
    assert!(node.server.listen(LOOPBACK).is_err(), "it is too late");
    node.server.shutdown();
    drained.join().expect("it ends");
    assert!(TcpStream::connect(operators).is_err(), "nobody listens");
    assert!(node.server.listen_operator(LOOPBACK.into()).is_err());
}

#[test]
fn a_worker_that_is_stuck_is_seen_by_operators_and_forgiven_when_it_goes_on() {
    let node = Node::with(|config| config.workers = Some(1));
    let host = Host::start();
    let operators = operator(&node);
    let held = host.hold_worker(&node.server);
    until("it is ill", || get(operators, "/healthz").status == 503);
    let reply = get(operators, "/readyz");
    assert_eq!(reply.status, 503);
    let text = reply.text();
    assert!(
        text.starts_with("worker 0 has not responded for "),
        "{text}"
    );
    drop(held);
    until("it is well", || get(operators, "/healthz").status == 200);
}

#[cfg(unix)]
#[test]
fn operators_can_ask_over_a_unix_socket() {
    use std::os::unix::net::UnixStream;

    let node = Node::start();
    let path = std::env::temp_dir().join(format!("skywave-operator-{}.sock", std::process::id()));
    let endpoint = skywave_server::Endpoint::unix(&path);
    let place = node.server.listen_operator(endpoint).expect("it listens");
    assert_eq!(place, Place::Unix(path.clone()));
    let mut wire = Wire::over(UnixStream::connect(&path).expect("it listens"));
    assert_eq!(wire.request("GET", "/readyz", b"").status, 200);
    node.server.shutdown();
    assert!(!path.exists(), "the file is removed");
}
