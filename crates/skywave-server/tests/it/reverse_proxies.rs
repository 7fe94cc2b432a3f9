//! The guide's files for nginx and Caddy, with the programs themselves. These tests are run by name,
//! where the programs are installed: `cargo test -p skywave-server --features tls --test it --
//! --ignored reverse_proxies`.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::json;
use skywave_server::{App, AppSettings, Endpoint, Proxies};

use crate::endpoints::Folder;
use crate::node::{APP_ID, EVENTS, LOOPBACK, Node, credentials, signed, until};
use crate::peer::Peer;
use crate::tls::{Client, Identity};
use crate::wire::{Wire, app_target, handshake};

const GUIDE: &str = include_str!("../../../../docs/tls-and-proxies.md");

/// A program that is stopped when this is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // nginx has processes below it, which end with it when it is asked to end.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        thread::sleep(Duration::from_secs(1));
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The block of the guide in this language.
fn block(language: &str) -> &'static str {
    let start = format!("```{language}\n");
    let (_, rest) = GUIDE.split_once(&start).expect("the guide has it");
    rest.split_once("\n```").expect("it ends").0
}

/// Replaces what has to be there.
fn replaced(text: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in the guide");
        text.replace(from, to)
    })
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind(LOOPBACK).expect("there is a free port");
    listener.local_addr().expect("it is bound")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// A node behind a Unix socket that takes connections over TLS only, four from one address.
fn node(socket: &Path) -> Node {
    let node = Node::with(|config| {
        let settings = AppSettings {
            tls_only: true,
            ..AppSettings::new(credentials())
        };
        config.apps = vec![App::new(APP_ID, settings)];
        config.per_address.connections = Some(4);
    });
    let endpoint = Endpoint::unix(socket).mode(0o666);
    node.server
        .listen_at(endpoint.behind(Proxies::x_forwarded_for([])))
        .expect("a folder of its own");
    node
}

/// Everything that clients and publishers do, through the proxy.
fn works(node: &Node, client: &Client, address: SocketAddr) {
    until("the proxy listens", || TcpStream::connect(address).is_ok());
    let mut peers: Vec<Peer> = (0..3).map(|_| client.peer(address)).collect();
    for peer in &mut peers {
        peer.subscribe("news");
    }
    let mut events = Wire::over(client.connect(address));
    events.send("GET /apps/it-key/sse?channels=news HTTP/1.1\r\nHost: localhost\r\n\r\n");
    until("all are subscribed", || node.subscriptions("news") == 4);

    let mut publisher = Wire::over(client.connect(address));
    for number in 0..3 {
        let body = json!({"name": "e", "channels": ["news"], "data": number.to_string()});
        let body = body.to_string();
        let target = signed("POST", EVENTS, body.as_bytes());
        let reply = publisher.request("POST", &target, body.as_bytes());
        assert_eq!(reply.json(), json!({}));
        for peer in &mut peers {
            let mut event = peer.next();
            while event["event"] == "count" {
                event = peer.next();
            }
            assert_eq!(event["data"], number.to_string());
        }
    }
    // Nothing is kept back on the way.
    let mut heard = String::new();
    while heard.matches("event: e\n").count() < 3 {
        heard += &String::from_utf8_lossy(&events.drain_some());
    }

    // The address is the client's, whatever it says about itself.
    let mut fifth = Wire::over(client.connect(address));
    fifth.send(handshake(&app_target(), &["X-Forwarded-For: 192.0.2.1"]));
    assert_eq!(fifth.reply().status, 101);
    fifth.is_refused_with(4100);
    peers.pop().expect("there are three").leaves();
    until("its place is free", || node.server.connections() == 3);
    client.peer(address).leaves();
}

#[test]
#[ignore = "needs nginx, Debian's nginx-light"]
fn the_file_for_nginx_works() {
    let folder = Folder::new();
    let socket = folder.file("s");
    let node = node(&socket);
    let identity = Identity::new();
    let address = free_port();
    let block = replaced(
        block("nginx"),
        &[
            ("/run/skywave/skywave.sock", text(&socket)),
            ("listen 443 ssl", &format!("listen {address} ssl")),
            (
                "listen [::]:443 ssl",
                &format!("listen [::1]:{} ssl", address.port()),
            ),
            (
                "/etc/letsencrypt/live/ws.example.com/fullchain.pem",
                text(&identity.chain),
            ),
            (
                "/etc/letsencrypt/live/ws.example.com/privkey.pem",
                text(&identity.key),
            ),
        ],
    );
    let pid = folder.file("pid");
    let file = folder.file("nginx.conf");
    let whole = format!(
        "daemon off;\npid {};\nerror_log stderr;\nevents {{ worker_connections 100; }}\n\
         http {{\naccess_log off;\n{block}\n}}\n",
        text(&pid)
    );
    fs::write(&file, whole).unwrap();
    let nginx = || {
        let mut nginx = Command::new("nginx");
        nginx.args(["-c", text(&file)]).stderr(Stdio::inherit());
        nginx
    };
    assert!(nginx().arg("-t").status().unwrap().success());
    let _program = Program(nginx().spawn().unwrap());
    works(&node, &identity.client(), address);
}

#[test]
#[ignore = "needs Caddy, Debian's caddy"]
fn the_file_for_caddy_works() {
    let folder = Folder::new();
    let socket = folder.file("s");
    let node = node(&socket);
    let identity = Identity::new();
    let address = free_port();
    let tls = format!("tls {} {}\n", text(&identity.chain), text(&identity.key));
    let block = replaced(
        block("caddy"),
        &[
            ("/run/skywave/skywave.sock", text(&socket)),
            (
                "ws.example.com {\n",
                &format!(":{} {{\n{tls}", address.port()),
            ),
        ],
    );
    let file = folder.file("Caddyfile");
    fs::write(
        &file,
        format!("{{\nadmin off\nauto_https off\n}}\n{block}\n"),
    )
    .unwrap();
    let caddy = |command: &str| {
        let mut caddy = Command::new("caddy");
        caddy
            .args([command, "--adapter", "caddyfile", "--config", text(&file)])
            .stderr(Stdio::null());
        caddy
    };
    assert!(
        caddy("validate")
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    let _program = Program(caddy("run").spawn().unwrap());
    works(&node, &identity.client(), address);
}
