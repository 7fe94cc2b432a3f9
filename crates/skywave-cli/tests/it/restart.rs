//! Restarts under load: a successor takes over the listening socket, or comes a little later.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use skywave_protocol::{Credentials, Secret};
use tungstenite::{Error, Message};

use crate::world::{Browser, LIMIT, Running, answer, folder_with, serve};

const CONFIG: &str = "[[apps]]\nid = \"1\"\nkey = \"k\"\nsecret = \"hush\"\n\
                      [drain]\nover = \"1s\"\n";

/// A server on a socket that is open already, as a service manager starts one.
fn start_on(listener: &TcpListener, folder: &Path) -> Running {
    let shared = OwnedFd::from(listener.try_clone().unwrap());
    let mut command = Command::new("sh");
    let script = "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" serve 3<&0 </dev/null";
    command.args(["-c", script, env!("CARGO_BIN_EXE_skywave")]);
    command.current_dir(folder).stdin(Stdio::from(shared));
    Running::start(&mut command)
}

/// Posts an event on channel `news`; the status of the answer.
fn publish(address: SocketAddr, data: &str) -> String {
    let body = format!(r#"{{"name":"e","channel":"news","data":"{data}"}}"#);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let credentials = Credentials::new("k", &Secret::new("hush"));
    let path = "/apps/1/events";
    let query = credentials.sign_request("POST", path, &[], body.as_bytes(), now.as_secs());
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let request = format!(
        "POST {path}?{query} HTTP/1.1\r\nHost: it\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    answer_to(stream, &request)
}

fn answer_to(mut stream: TcpStream, request: &str) -> String {
    use std::io::{Read, Write};

    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Connects and subscribes to `news`; every step of it has to succeed.
fn subscribed(address: SocketAddr) -> Browser {
    let (mut browser, first) = crate::world::connect(&address.to_string(), "k");
    assert!(first.contains("connection_established"), "{first}");
    let subscribe = r#"{"event":"pusher:subscribe","data":{"channel":"news"}}"#;
    browser.send(Message::text(subscribe)).unwrap();
    let answer = crate::world::hears(&mut browser);
    assert!(answer.contains("subscription_succeeded"), "{answer}");
    browser
}

/// What goes on while servers come and go.
struct Load {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    /// Closes that subscribers saw, and events that they got.
    closes: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            over: Arc::default(),
            closes: Arc::default(),
            threads: Vec::new(),
        }
    }

    /// Begins with subscribers that come back when they are closed with this code, which they all
    /// must be, once at most.
    fn begin(address: SocketAddr, code: u16) -> Self {
        let mut load = Self::new(address);
        for _ in 0..SUBSCRIBERS {
            let (over, closes) = (Arc::clone(&load.over), Arc::clone(&load.closes));
            let mut browser = subscribed(address);
            load.threads.push(thread::spawn(move || {
                let mut closed = 0;
                loop {
                    match browser.read() {
                        Ok(Message::Close(Some(frame))) => {
                            assert_eq!(u16::from(frame.code), code, "{frame}");
                            closed += 1;
                            assert_eq!(closed, 1, "each is moved once");
                            while browser.read().is_ok() {}
                            if code == 1001 {
                                // As pusher-js does.
                                thread::sleep(Duration::from_secs(1));
                            }
                            browser = subscribed(address);
                            closes.fetch_add(1, Ordering::SeqCst);
                        }
                        Ok(Message::Text(text)) => {
                            if text.as_str().contains(LAST) {
                                assert!(over.load(Ordering::SeqCst));
                                return;
                            }
                        }
                        Ok(_) => {}
                        Err(error) => panic!("a connection was lost: {error}"),
                    }
                }
            }));
        }
        // Visitors, who stay for a moment only, and publishers: nobody is refused.
        load.keep_doing(|address| drop(subscribed(address)));
        load.keep_doing(|address| assert_eq!(publish(address, "x"), "HTTP/1.1 200 OK"));
        load
    }

    fn keep_doing(&mut self, act: fn(SocketAddr)) {
        let (over, address) = (Arc::clone(&self.over), self.address);
        self.threads.push(thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                act(address);
                thread::sleep(Duration::from_millis(5));
            }
        }));
    }

    /// Waits until everybody was moved, then expects that all of them hear a last event.
    fn end(self) {
        let deadline = Instant::now() + LIMIT;
        while self.closes.load(Ordering::SeqCst) < SUBSCRIBERS {
            assert!(Instant::now() < deadline, "not all were moved");
            thread::sleep(Duration::from_millis(5));
        }
        self.over.store(true, Ordering::SeqCst);
        assert_eq!(publish(self.address, LAST), "HTTP/1.1 200 OK");
        self.stop();
    }

    /// Ends it all; everything must have gone well.
    fn stop(self) {
        self.over.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().expect("nobody was refused");
        }
    }
}

const SUBSCRIBERS: usize = 60;
const LAST: &str = "the last event";

/// A subscriber that reads nothing, and whose own machine keeps little for it.
fn stuck(address: SocketAddr) -> Browser {
    let browser = subscribed(address);
    let filler = "x".repeat(9_000);
    for _ in 0..50 {
        assert_eq!(publish(address, &filler), "HTTP/1.1 200 OK");
    }
    browser
}

#[test]
fn a_successor_takes_over_the_socket_and_nobody_is_refused() {
    let folder = folder_with(CONFIG);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut old = start_on(&listener, &folder);
    let _stuck = stuck(address);
    let load = Load::begin(address, 4200);

    let _new = start_on(&listener, &folder);
    let begin = Instant::now();
    old.signal("TERM");
    assert!(old.end().success());
    // A second of moving, five to linger for who does not read, and time for a busy machine.
    assert!(
        begin.elapsed() < Duration::from_secs(15),
        "{:?}",
        begin.elapsed()
    );
    load.end();
}

#[test]
fn a_successor_that_comes_later_finds_everybody_waiting_at_the_socket() {
    let folder = folder_with(CONFIG);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut old = start_on(&listener, &folder);
    let load = Load::begin(address, 4200);
    old.signal("TERM");
    assert!(old.end().success());
    thread::sleep(Duration::from_millis(300));
    let _new = start_on(&listener, &folder);
    load.end();
}

#[test]
fn after_a_crash_the_socket_is_open_for_whoever_comes_next() {
    let folder = folder_with(CONFIG);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut old = start_on(&listener, &folder);
    let mut browser = subscribed(address);
    old.signal("KILL");
    assert!(!old.end().success());
    assert!(matches!(
        browser.read(),
        Err(Error::Io(_) | Error::Protocol(_))
    ));

    // It comes back before anybody is there, and waits.
    let waiting = thread::spawn(move || subscribed(address));
    let _new = start_on(&listener, &folder);
    let mut browser = waiting.join().expect("it is not refused");
    assert_eq!(publish(address, "x"), "HTTP/1.1 200 OK");
    assert!(crate::world::hears(&mut browser).contains("\"data\":\"x\""));
}

#[test]
fn without_a_successor_connections_are_moved_with_1001_and_publishers_served_meanwhile() {
    let mut server = serve(&folder_with(CONFIG), &[]);
    let address: SocketAddr = server.address.parse().unwrap();
    let mut browsers: Vec<_> = (0..20).map(|_| subscribed(address)).collect();
    server.signal("TERM");
    server.logs("draining");
    assert_eq!(publish(address, "x"), "HTTP/1.1 200 OK");
    for browser in &mut browsers {
        let closed = loop {
            let said = crate::world::hears(browser);
            if said.starts_with("closed: ") {
                break said;
            }
        };
        assert!(closed.contains("code: Away"), "{closed}");
        while browser.read().is_ok() {}
    }
    assert!(server.end().success());
}

#[test]
fn a_server_that_is_about_to_end_is_not_ready_and_goes_on_for_the_time_of_the_notice() {
    let config = CONFIG.replace("over = \"1s\"", "notice = \"10m\"");
    let mut server = serve(&folder_with(&config), &[]);
    let address: SocketAddr = server.address.parse().unwrap();
    let mut browser = subscribed(address);
    server.signal("TERM");
    server.logs("draining");
    let ready = answer(TcpStream::connect(address).unwrap(), "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    let _newcomer = subscribed(address);
    assert_eq!(publish(address, "x"), "HTTP/1.1 200 OK");
    assert!(crate::world::hears(&mut browser).contains("\"data\":\"x\""));
}

#[test]
fn apps_change_under_load_and_nobody_else_notices() {
    let other = "[[apps]]\nid = \"2\"\nkey = \"l\"\nsecret = \"hush\"\n";
    let folder = folder_with(CONFIG);
    let mut server = serve(&folder, &[]);
    let address: SocketAddr = server.address.parse().unwrap();
    let mut load = Load::new(address);
    load.keep_doing(|address| drop(subscribed(address)));
    load.keep_doing(|address| assert_eq!(publish(address, "x"), "HTTP/1.1 200 OK"));
    let mut staying = subscribed(address);
    for number in 0..20 {
        let text = match number % 2 {
            0 => format!("{other}{CONFIG}"),
            _ => CONFIG.to_owned(),
        };
        std::fs::write(folder.join("skywave.toml"), text).unwrap();
        server.signal("HUP");
        server.logs("the configuration was read again");
        assert!(crate::world::hears(&mut staying).contains("\"data\":\"x\""));
    }
    load.stop();
}
