//! TLS at the server's own endpoints.

use std::fs;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::generate_simple_self_signed;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use skywave_server::{App, AppSettings, Endpoint, Place, Tls};

use crate::endpoints::Folder;
use crate::log;
use crate::node::{APP_ID, Node, connect, credentials, until};
use crate::peer::Peer;
use crate::wire::{Duplex, Wire, app_target, handshake};

/// A certificate and its key, as files that can be replaced.
pub(crate) struct Identity {
    _folder: Folder,
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let identity = Self {
            chain: folder.file("chain.pem"),
            key: folder.file("key.pem"),
            _folder: folder,
        };
        identity.renew();
        identity
    }

    /// Puts a new certificate in the place of the one that is there.
    fn renew(&self) {
        let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a name");
        fs::write(&self.chain, made.cert.pem()).expect("a folder of its own");
        fs::write(&self.key, made.signing_key.serialize_pem()).expect("a folder of its own");
    }

    fn tls(&self) -> Tls {
        Tls::from_files(&self.chain, &self.key).expect("a good certificate")
    }

    /// A client that trusts the certificate that is there now, and no other.
    pub(crate) fn client(&self) -> Client {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(&self.chain).expect("a certificate");
        roots.add(certificate).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the defaults")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Client(Arc::new(config))
    }
}

pub(crate) struct Client(Arc<ClientConfig>);

pub(crate) type Secured = StreamOwned<ClientConnection, TcpStream>;

impl Client {
    pub(crate) fn connect(&self, address: SocketAddr) -> Secured {
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(&self.0), name).expect("a client");
        StreamOwned::new(connection, connect(address))
    }

    pub(crate) fn peer(&self, address: SocketAddr) -> Peer {
        Peer::over(self.connect(address))
    }

    /// Whether the server shows a certificate that the client trusts.
    fn trusts(&self, address: SocketAddr) -> bool {
        self.connect(address).flush().is_ok()
    }
}

impl Duplex for Secured {
    fn set_patience(&self, patience: Duration) {
        self.sock.set_patience(patience);
    }

    fn shutdown_write(&self) {
        self.sock.shutdown(Shutdown::Write).expect("a socket");
    }

    fn reset_on_drop(&self) {
        self.sock.reset_on_drop();
    }
}

/// A node that also listens with TLS, and where.
fn secured(node: &Node, identity: &Identity) -> SocketAddr {
    let endpoint = Endpoint::tcp(crate::node::LOOPBACK).tls(identity.tls());
    match node.server.listen_at(endpoint).expect("a free port") {
        Place::Tcp(address) => address,
        Place::Unix(_) => unreachable!("it was told an address"),
    }
}

#[test]
fn everything_works_over_tls_beside_plain_connections() {
    let node = Node::with(|config| config.workers = Some(4));
    let identity = Identity::new();
    let address = secured(&node, &identity);
    let client = identity.client();
    let mut peers: Vec<Peer> = (0..10).map(|_| client.peer(address)).collect();
    peers.push(node.connect());
    for peer in &mut peers {
        peer.subscribe("private-news");
    }
    let data = "x".repeat(9_000);
    for event in 0..50 {
        node.publish("private-news", &event.to_string(), &data);
    }
    for peer in &mut peers {
        for event in 0..50 {
            peer.hears("private-news", &event.to_string(), &data);
        }
    }
    let mut api = Wire::over(client.connect(address));
    for _ in 0..2 {
        assert_eq!(api.post("{}").status, 400);
    }
    let mut late = Wire::over(client.connect(address));
    late.send(handshake("/app/nobody?protocol=7", &[]));
    assert_eq!(late.reply().status, 101);
    late.is_refused_with(4001);
    peers.pop().unwrap().leaves();
    peers.pop().unwrap().leaves();
}

#[test]
fn a_slow_reader_over_tls_costs_only_itself() {
    let node = Node::with(|config| config.outbox_bytes = 100_000);
    let identity = Identity::new();
    let address = secured(&node, &identity);
    let mut slow = Wire::over(identity.client().connect(address));
    slow.open();
    slow.subscribe("news");
    let mut peer = identity.client().peer(address);
    peer.subscribe("news");
    let data = "x".repeat(9_000);
    // More than the sockets in between hold.
    for _ in 0..2_000 {
        node.publish("news", "e", &data);
        peer.hears("news", "e", &data);
    }
    // On a busy machine it is cut before it reads why.
    slow.drain();
    until("only the other is left", || node.server.connections() == 1);
    peer.is_answered();
}

#[test]
fn a_new_certificate_is_in_force_and_open_connections_go_on() {
    let node = Node::start();
    let identity = Identity::new();
    let address = secured(&node, &identity);
    let old = identity.client();
    let mut peer = old.peer(address);
    peer.subscribe("news");

    identity.renew();
    let new = identity.client();
    assert!(old.trusts(address) && !new.trusts(address));
    node.server.reload_tls().unwrap();
    assert!(new.trusts(address) && !identity_of(&old).trusts(address));
    node.publish("news", "e", "{}");
    peer.hears("news", "e", "{}");
    new.peer(address).leaves();
    peer.leaves();
}

/// The same client without the sessions it could resume.
fn identity_of(client: &Client) -> Client {
    let mut config = ClientConfig::clone(&client.0);
    config.resumption = rustls::client::Resumption::disabled();
    Client(Arc::new(config))
}

#[test]
fn a_certificate_that_is_no_good_changes_nothing_and_is_told() {
    let node = Node::start();
    let identity = Identity::new();
    let address = secured(&node, &identity);
    let client = identity.client();
    let (chain, key) = (fs::read(&identity.chain), fs::read(&identity.key));
    let (chain, key) = (chain.unwrap(), key.unwrap());
    let other = Identity::new();
    let other_key = fs::read(&other.key).unwrap();

    for (new_chain, new_key, blamed, problem) in [
        (&b""[..], &key[..], "chain.pem", "it holds no certificate"),
        (b"nonsense", &key, "chain.pem", "it holds no certificate"),
        (
            &chain[..200],
            &key,
            "chain.pem",
            "no certificate can be read",
        ),
        (&chain, b"", "key.pem", "no private key can be read"),
        (&chain, &chain, "key.pem", "no private key can be read"),
        (
            &chain,
            &other_key,
            "key.pem",
            "it is not the key of the certificate",
        ),
    ] {
        fs::write(&identity.chain, new_chain).unwrap();
        fs::write(&identity.key, new_key).unwrap();
        let error = node.server.reload_tls().unwrap_err().to_string();
        assert!(error.contains(blamed) && error.contains(problem), "{error}");
        assert!(log::written().contains(&error));
        let error = Tls::from_files(&identity.chain, &identity.key).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
        client.peer(address).leaves();
    }
    fs::remove_file(&identity.chain).unwrap();
    node.server.reload_tls().unwrap_err();
    client.peer(address).leaves();
}

#[test]
fn an_app_for_tls_alone_is_open_over_tls() {
    let node = Node::with(|config| {
        let settings = AppSettings {
            tls_only: true,
            ..AppSettings::new(credentials())
        };
        config.apps = vec![App::new(APP_ID, settings)];
    });
    let identity = Identity::new();
    let address = secured(&node, &identity);
    identity.client().peer(address).leaves();
    let mut plain = node.wire();
    plain.send(handshake(&app_target(), &[]));
    assert_eq!(plain.reply().status, 101);
    plain.is_refused_with(4000);
}

#[test]
fn who_does_not_speak_tls_or_not_in_time_is_cut() {
    let node = Node::with(|config| config.request_timeout = Duration::from_secs(1));
    let identity = Identity::new();
    let address = secured(&node, &identity);
    let mut plain = Wire::tcp(connect(address));
    plain.send(handshake(&app_target(), &[]));
    let mut silent = Wire::tcp(connect(address));
    let mut half = Wire::tcp(connect(address));
    half.send(b"\x16\x03\x01");
    let mut idle = identity.client().connect(address);
    idle.flush().unwrap();
    plain.drain();
    silent.ends();
    half.ends();
    Wire::over(idle).drain();
    identity.client().peer(address).leaves();
    until("nobody is left", || node.server.connections() == 0);
}
