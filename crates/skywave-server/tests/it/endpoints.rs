//! Where a server can be reached: TCP over IPv4 and IPv6, Unix sockets, sockets that were open
//! before it.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use skywave_server::{Endpoint, Place, Server};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::node::{Node, config};
use crate::peer::Peer;
use crate::wire::Wire;

/// A folder of a test's own, which is gone after it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Short, since the path of a socket has 107 bytes at most.
        let name = format!("skywave-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a folder can be made");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(&self.0).expect("it is there").next().is_none()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unix_peer(path: &Path) -> Peer {
    Peer::over(UnixStream::connect(path).expect("somebody listens"))
}

fn tcp_place(place: &Place) -> SocketAddr {
    match place {
        Place::Tcp(address) => *address,
        Place::Unix(path) => panic!("expected an address, not {}", path.display()),
    }
}

#[test]
fn endpoints_of_all_kinds_lead_to_one_server() {
    let folder = Folder::new();
    let node = Node::start();
    let inherited = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ipv6 = Endpoint::tcp((Ipv6Addr::LOCALHOST, 0).into());
    let ipv6 = tcp_place(&node.server.listen_at(ipv6).unwrap());
    let open = tcp_place(&node.server.listen_at(inherited.into()).unwrap());
    let path = folder.file("s");
    let unix = node.server.listen_at(Endpoint::unix(&path)).unwrap();
    assert_eq!(unix, Place::Unix(path.clone()));
    assert_eq!(unix.to_string(), path.display().to_string());

    let mut peers = vec![
        node.connect(),
        Peer::to(ipv6),
        Peer::to(open),
        unix_peer(&path),
    ];
    for peer in &mut peers {
        peer.subscribe("private-news");
    }
    node.publish("private-news", "e", "{}");
    for peer in &mut peers {
        peer.hears("private-news", "e", "{}");
    }
}

#[test]
fn everywhere_is_ipv4_as_well_unless_it_is_told_not_to() {
    let node = Node::start();
    let everywhere = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let both = tcp_place(&node.server.listen_at(Endpoint::tcp(everywhere(0))).unwrap());
    Peer::to((Ipv4Addr::LOCALHOST, both.port()).into()).leaves();
    Peer::to((Ipv6Addr::LOCALHOST, both.port()).into()).leaves();

    let ipv4 = Endpoint::tcp((Ipv4Addr::UNSPECIFIED, 0).into());
    let ipv4 = tcp_place(&node.server.listen_at(ipv4).unwrap());
    let same_port = || Endpoint::tcp(everywhere(ipv4.port()));
    let refused = node.server.listen_at(same_port()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AddrInUse);
    node.server.listen_at(same_port().ipv6_only()).unwrap();
    Peer::to((Ipv6Addr::LOCALHOST, ipv4.port()).into()).leaves();
}

#[test]
fn connections_over_a_unix_socket_spread_over_the_workers() {
    let folder = Folder::new();
    let path = folder.file("s");
    let node = Node::with(|config| config.workers = Some(4));
    node.server.listen_at(Endpoint::unix(&path)).unwrap();
    let mut peers: Vec<Peer> = (0..100).map(|_| unix_peer(&path)).collect();
    for peer in &mut peers {
        peer.subscribe("news");
    }
    let data = "x".repeat(9_000);
    for event in 0..20 {
        node.publish("news", &event.to_string(), &data);
    }
    for peer in &mut peers {
        for event in 0..20 {
            peer.hears("news", &event.to_string(), &data);
        }
    }
    assert_eq!(node.server.connections(), 100);
}

#[test]
fn a_slow_reader_on_a_unix_socket_is_disconnected() {
    let folder = Folder::new();
    let path = folder.file("s");
    let node = Node::with(|config| config.outbox_bytes = 100_000);
    node.server.listen_at(Endpoint::unix(&path)).unwrap();
    let mut slow = Wire::over(UnixStream::connect(&path).unwrap());
    slow.open();
    slow.subscribe("news");
    let mut peer = unix_peer(&path);
    peer.subscribe("news");
    let data = "x".repeat(9_000);
    for _ in 0..100 {
        node.publish("news", "e", &data);
        peer.hears("news", "e", &data);
    }
    while slow.message()["event"] == "e" {}
    slow.is_closed_with(4100);
}

#[test]
fn the_file_of_a_unix_socket_has_its_mode_and_is_removed_at_the_end() {
    let folder = Folder::new();
    for (endpoint, mode) in [
        (Endpoint::unix(folder.file("s")), 0o660),
        (Endpoint::unix(folder.file("s")).mode(0o666), 0o666),
    ] {
        let server = Server::start(config()).unwrap();
        server.listen_at(endpoint).unwrap();
        let metadata = fs::metadata(folder.file("s")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode);
        server.shutdown();
        assert!(folder.is_empty());
    }
}

#[test]
fn a_file_that_is_in_the_way_is_replaced_only_when_nobody_listens_there() {
    let folder = Folder::new();
    let path = folder.file("s");
    let first = Server::start(config()).unwrap();
    let second = Server::start(config()).unwrap();
    first.listen_at(Endpoint::unix(&path)).unwrap();
    let refused = second.listen_at(Endpoint::unix(&path)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AddrInUse, "{refused}");
    unix_peer(&path).leaves();
    first.shutdown();

    // Somebody who listens and never accepts.
    let busy = folder.file("busy");
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(&busy).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let _waiting = UnixStream::connect(&busy).unwrap();
    let refused = second.listen_at(Endpoint::unix(&busy)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AddrInUse, "{refused}");
    fs::remove_file(&busy).unwrap();

    // As after a crash.
    drop(UnixListener::bind(&path).unwrap());
    second.listen_at(Endpoint::unix(&path)).unwrap();
    unix_peer(&path).leaves();

    let file = folder.file("notes.txt");
    fs::write(&file, "dear diary").unwrap();
    let refused = second.listen_at(Endpoint::unix(&file)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists, "{refused}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "dear diary");
    let nowhere = folder.file("nowhere").join("s");
    let refused = second.listen_at(Endpoint::unix(nowhere)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound, "{refused}");
    second.shutdown();
    fs::remove_file(&file).unwrap();
    assert!(folder.is_empty());
}

#[test]
fn the_file_of_a_successor_is_left_alone() {
    let folder = Folder::new();
    let path = folder.file("s");
    let server = Server::start(config()).unwrap();
    server.listen_at(Endpoint::unix(&path)).unwrap();
    fs::remove_file(&path).unwrap();
    let successor = UnixListener::bind(&path).unwrap();
    server.shutdown();
    let _connected = UnixStream::connect(&path).unwrap();
    successor.accept().unwrap();
}

#[test]
fn who_connected_before_the_server_took_the_socket_over_is_served() {
    let folder = Folder::new();
    let path = folder.file("s");
    let listener = UnixListener::bind(&path).unwrap();
    let early = UnixStream::connect(&path).unwrap();
    let server = Server::start(config()).unwrap();
    let place = server.listen_at(listener.into()).unwrap();
    assert_eq!(place, Place::Unix(path.clone()));
    Peer::over(early).leaves();
    unix_peer(&path).leaves();
    server.shutdown();
    assert!(path.exists(), "it belongs to who made it");
}

#[test]
fn a_server_that_was_shut_down_opens_nothing() {
    let folder = Folder::new();
    let server = Server::start(config()).unwrap();
    server.shutdown();
    server
        .listen_at(Endpoint::unix(folder.file("s")))
        .unwrap_err();
    assert!(folder.is_empty());
}
