//! How much memory `skywave serve` may use, and that it gives back what it does not need.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::world::{Browser, LIMIT, Running, answer, connect, folder_with, hears, serve};

const MIB: usize = 1024 * 1024;

/// A server with these settings, and where its operators ask.
fn server(settings: &str) -> (Running, String) {
    let folder = folder_with(&format!(
        "[server]\nworkers = 1\n{settings}\n[operator]\naddress = \"127.0.0.1:0\"\n\
         [[apps]]\nid = \"1\"\nkey = \"k\"\nsecret = \"hush\"\n"
    ));
    let mut server = serve(&folder, &[]);
    let line = server.line();
    let operators = line.strip_prefix("Skywave operators: http://").unwrap();
    (server, operators.to_owned())
}

fn get(address: &str, path: &str) -> String {
    answer(TcpStream::connect(address).unwrap(), path)
}

fn metric(operators: &str, name: &str) -> usize {
    let metrics = get(operators, "/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.expect(name).trim().parse().expect("a number")
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn most_of_the_machine_is_the_limit_unless_another_is_said_or_none() {
    let limit = |settings| metric(&server(settings).1, "skywave_memory_limit_bytes");
    assert!(limit("") > 100 * MIB);
    assert_eq!(limit("memory_bytes = 100000000"), 100_000_000);
    assert_eq!(limit("memory_bytes = 0"), 0);
    let (_server, operators) = server("memory_bytes = 80000000");
    let each = "skywave_outbox_limit_bytes{worker=\"0\"}";
    assert_eq!(metric(&operators, each), 10_000_000);
}

/// Begins a message of so many bytes, and does not finish it.
fn begin(browser: &mut Browser, bytes: usize) {
    let mut frame = vec![0x81, 0xff];
    frame.extend((bytes as u64 + 1).to_be_bytes());
    frame.extend([0; 4]);
    frame.resize(frame.len() + bytes, b'x');
    browser.get_mut().write_all(&frame).unwrap();
}

#[test]
fn a_server_without_memory_refuses_newcomers_and_has_it_again_when_others_leave() {
    const MEMORY: usize = 96 * MIB;
    let settings = format!("memory_bytes = {MEMORY}\nmessage_bytes = {}", 8 * MIB);
    let (mut server, operators) = server(&settings);
    let address = server.address.clone();
    let (mut stays, _) = connect(&address, "k");
    let mut large: Vec<_> = (0..24).map(|_| connect(&address, "k").0).collect();
    for browser in &mut large {
        begin(browser, 6 * MIB);
    }
    until("it is over", || {
        get(&operators, "/readyz").contains(" 503 ")
    });
    let (_refused, message) = connect(&address, "k");
    assert!(message.contains("4100"), "{message}");
    server.logs("more memory is used than may be");

    drop(large);
    until("it is ready", || {
        get(&operators, "/readyz").contains(" 200 ")
    });
    server.logs("there is memory again");
    let (_welcome, message) = connect(&address, "k");
    assert!(message.contains("connection_established"), "{message}");
    // Nobody asks for anything, and the allocator gives the memory back all the same.
    let resident = || {
        let status = server.status();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kilobytes.expect("a size").parse::<usize>().unwrap() * 1024
    };
    until("it uses little", || resident() < MEMORY - MEMORY / 20);
    let ping = tungstenite::Message::text(r#"{"event":"pusher:ping"}"#);
    stays.send(ping).unwrap();
    assert!(hears(&mut stays).contains("pusher:pong"));
}
