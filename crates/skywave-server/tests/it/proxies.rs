//! Who a peer is, when there is a proxy in between.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use skywave_server::{App, AppSettings, Config, Endpoint, Place, Proxies};

use crate::endpoints::Folder;
use crate::node::{APP_ID, LOOPBACK, Node, connect, credentials};
use crate::wire::{Wire, app_target, handshake};

/// Two clients of a proxy, and a third that seems to come from elsewhere.
const ANNA: &str = "192.0.2.1";
const BEN: &str = "192.0.2.2";

/// A node on which an address has one connection, behind `proxies`.
fn behind(proxies: Proxies) -> (Node, SocketAddr) {
    behind_with(proxies, |_| {})
}

fn behind_with(proxies: Proxies, adapt: impl FnOnce(&mut Config)) -> (Node, SocketAddr) {
    let node = Node::with(|config| {
        config.per_address.connections = Some(1);
        adapt(config);
    });
    let endpoint = Endpoint::tcp(LOOPBACK).behind(proxies);
    let Ok(Place::Tcp(address)) = node.server.listen_at(endpoint) else {
        panic!("there is a free port")
    };
    (node, address)
}

fn here() -> [skywave_server::IpNet; 1] {
    ["127.0.0.0/8".parse().expect("a network")]
}

fn elsewhere() -> [skywave_server::IpNet; 1] {
    ["10.0.0.0/8".parse().expect("a network")]
}

/// Opens a WebSocket on a connection that begins with these bytes.
fn opened(stream: TcpStream, first: &[u8], lines: &[&str]) -> Wire {
    let mut wire = Wire::tcp(stream);
    wire.send([first, handshake(&app_target(), lines).as_bytes()].concat());
    assert_eq!(wire.reply().status, 101);
    wire
}

fn v1(address: &str) -> Vec<u8> {
    let family = if address.contains(':') {
        "TCP6"
    } else {
        "TCP4"
    };
    let to = if address.contains(':') {
        "2001:db8::ff"
    } else {
        "203.0.113.9"
    };
    format!("PROXY {family} {address} {to} 4711 443\r\n").into()
}

/// A header of version 2 for IPv4, with what follows the addresses.
fn v2(address: &str, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    bytes.extend((12 + rest.len() as u16).to_be_bytes());
    let source: std::net::Ipv4Addr = address.parse().expect("an address");
    bytes.extend(source.octets());
    bytes.extend([203, 0, 113, 9, 0x12, 0x67, 0x01, 0xbb]);
    bytes.extend(rest);
    bytes
}

/// Says that the client came over TLS.
const OVER_TLS: &[u8] = b"\x20\x00\x05\x01\0\0\0\0";

/// A header of version 2 without a client: the proxy asks for itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";

#[test]
fn the_address_in_a_proxy_header_is_the_peers() {
    let (node, address) = behind(Proxies::proxy_protocol(here()));
    let open = |first: &[u8]| opened(connect(address), first, &[]);
    let mut anna = open(&v1(ANNA));
    let mut ben = open(&v2(BEN, b""));
    let mut far = open(&v1("2001:db8::1"));
    for wire in [&mut anna, &mut ben, &mut far] {
        wire.greeting();
    }
    for first in [
        v1(ANNA),
        v2(ANNA, b""),
        v1(BEN),
        v2(BEN, OVER_TLS),
        v1("2001:db8::2"),
    ] {
        open(&first).is_refused_with(4100);
    }
    // The proxy itself, which has its own address.
    open(LOCAL).greeting();
    for wire in [&mut anna, &mut ben] {
        wire.subscribe("news");
    }
    node.publish("news", "e", "{}");
    assert_eq!(anna.message()["event"], "e");
    // The request may come in pieces, and whatever it says about addresses is not asked.
    let mut wire = Wire::tcp(connect(address));
    for byte in v1("192.0.2.3") {
        wire.send([byte]);
    }
    wire.send(handshake(&app_target(), &["X-Forwarded-For: 192.0.2.1"]));
    assert_eq!(wire.reply().status, 101);
    wire.greeting();
}

#[test]
fn a_proxy_that_does_not_introduce_its_client_is_cut() {
    let (_node, address) = behind_with(Proxies::proxy_protocol(here()), |config| {
        config.request_timeout = Duration::from_secs(1);
    });
    let whole = handshake(&app_target(), &[]);
    let too_long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200], b"\r\n"].concat();
    let mut huge = v2(ANNA, b"");
    huge[14..16].copy_from_slice(&[0xff, 0xff]);
    for first in [
        whole.as_bytes(),
        b"PROXY ",
        b"PROXY TCP4 192.0.2.1\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        b"PROXY NONSENSE\r\n",
        &too_long,
        &huge,
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x02\x00\x00",
    ] {
        let mut wire = Wire::tcp(connect(address));
        let _ = wire.try_send([first, whole.as_bytes()].concat());
        let said = String::from_utf8_lossy(first).into_owned();
        assert_eq!(wire.drain(), b"", "{said:?}");
    }
    // Nor one that takes its time over it.
    Wire::tcp(connect(address)).ends();
}

#[test]
fn strangers_are_whom_the_socket_says() {
    for proxies in [
        Proxies::proxy_protocol(elsewhere()),
        Proxies::forwarded(elsewhere()),
        Proxies::x_forwarded_for(elsewhere()).ending_tls(),
    ] {
        let (_node, address) = behind(proxies);
        let lines = |address: &str| {
            [
                format!("X-Forwarded-For: {address}"),
                format!("Forwarded: for={address}"),
            ]
        };
        let open = |of: &str| {
            let lines = lines(of);
            opened(connect(address), b"", &[&lines[0], &lines[1]])
        };
        let mut first = open(ANNA);
        first.greeting();
        open(BEN).is_refused_with(4100);
        // To a stranger a PROXY header is no request.
        let mut wire = Wire::tcp(connect(address));
        wire.send(v1(ANNA));
        assert_eq!(wire.reply().status, 400);
    }
}

#[test]
fn the_address_in_a_header_of_a_trusted_proxy_is_the_peers() {
    for (proxies, name, value) in [
        (Proxies::x_forwarded_for(here()), "X-Forwarded-For", ""),
        (Proxies::forwarded(here()), "Forwarded", "for="),
    ] {
        let (_node, address) = behind(proxies);
        let open = |of: &str| {
            let line = format!("{name}: {value}198.51.100.7, {value}{of}");
            opened(connect(address), b"", &[&line])
        };
        let mut wires = [open(ANNA), open(BEN)];
        for wire in &mut wires {
            wire.greeting();
        }
        open(ANNA).is_refused_with(4100);
        open(BEN).is_refused_with(4100);
    }
}

#[test]
fn what_comes_over_a_unix_socket_is_from_a_proxy() {
    let folder = Folder::new();
    let path = folder.file("s");
    let node = Node::with(|config| config.per_address.connections = Some(1));
    let proxies = Proxies::x_forwarded_for([]);
    let endpoint = Endpoint::unix(&path).behind(proxies);
    node.server.listen_at(endpoint).unwrap();
    let open = |line: &str| {
        let mut wire = Wire::over(UnixStream::connect(&path).unwrap());
        wire.send(handshake(&app_target(), &[line]));
        assert_eq!(wire.reply().status, 101);
        wire
    };
    let mut anna = open("X-Forwarded-For: 192.0.2.1");
    anna.greeting();
    open("X-Forwarded-For: 192.0.2.1").is_refused_with(4100);
    open("X-Forwarded-For: 192.0.2.2").greeting();
    // Without an address there is nothing to count by.
    let mut others = [open("X: x"), open("X: x")];
    for wire in &mut others {
        wire.greeting();
    }
}

/// What proxies say about their client's connection, and whether it was encrypted by that.
fn encryption() -> Vec<(Proxies, Vec<u8>, &'static str, bool)> {
    vec![
        (
            Proxies::proxy_protocol(here()),
            v2(ANNA, OVER_TLS),
            "X: x",
            true,
        ),
        (
            Proxies::proxy_protocol(here()),
            v2(ANNA, b""),
            "X: x",
            false,
        ),
        (
            Proxies::proxy_protocol(here()),
            v1(ANNA),
            "X-Forwarded-Proto: https",
            false,
        ),
        (
            Proxies::proxy_protocol(here()).ending_tls(),
            v1(ANNA),
            "X: x",
            true,
        ),
        (
            Proxies::x_forwarded_for(here()),
            vec![],
            "X-Forwarded-Proto: https",
            true,
        ),
        (
            Proxies::x_forwarded_for(here()),
            vec![],
            "X-Forwarded-Proto: http",
            false,
        ),
        (
            Proxies::x_forwarded_for(here()),
            vec![],
            "Forwarded: for=192.0.2.1;proto=https",
            false,
        ),
        (
            Proxies::forwarded(here()),
            vec![],
            "Forwarded: for=192.0.2.1;proto=https",
            true,
        ),
        (
            Proxies::x_forwarded_for(here()).ending_tls(),
            vec![],
            "X: x",
            true,
        ),
        (
            Proxies::x_forwarded_for(elsewhere()).ending_tls(),
            vec![],
            "X: x",
            false,
        ),
    ]
}

#[test]
fn a_proxy_tells_whether_its_client_came_over_tls() {
    let node = Node::with(|config| {
        let settings = AppSettings {
            tls_only: true,
            ..AppSettings::new(credentials())
        };
        config.apps = vec![App::new(APP_ID, settings)];
    });
    for (proxies, first, line, secure) in encryption() {
        let row = format!("{proxies:?} {line}");
        let endpoint = Endpoint::tcp(LOOPBACK).behind(proxies);
        let Ok(Place::Tcp(address)) = node.server.listen_at(endpoint) else {
            panic!("there is a free port")
        };
        let mut wire = opened(connect(address), &first, &[line]);
        let message = wire.message();
        let expected = match secure {
            true => "pusher:connection_established",
            false => "pusher:error",
        };
        assert_eq!(message["event"], expected, "{row}");
    }
}
