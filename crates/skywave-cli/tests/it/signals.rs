//! What signals do to a running server.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::world::{Running, connect, folder_with, hears, run, serve, skywave};

const APP: &str = "[[apps]]\nid = \"1\"\nkey = \"k\"\nsecret = \"hush\"\n";
const OTHER: &str = "[[apps]]\nid = \"2\"\nkey = \"l\"\nsecret = \"hush\"\n";

#[test]
fn either_signal_ends_it_and_says_goodbye() {
    for signal in ["TERM", "INT"] {
        let mut server = serve(&folder_with(APP), &[]);
        let (mut browser, _) = connect(&server.address, "k");
        server.signal(signal);
        let last = hears(&mut browser);
        assert!(last.starts_with("closed: Some"), "{last}");
        drop(browser);
        assert!(server.end().success(), "{signal}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let text = format!("{APP}[drain]\nnotice = \"10m\"\n");
    for (first, second) in [("TERM", "TERM"), ("INT", "TERM"), ("TERM", "INT")] {
        let mut server = serve(&folder_with(&text), &[]);
        let (_browser, _) = connect(&server.address, "k");
        server.signal(first);
        server.logs("ending");
        let before = Instant::now();
        server.signal(second);
        assert_eq!(server.end().code(), Some(1), "{first}, {second}");
        assert!(before.elapsed() < Duration::from_secs(5));
    }
}

fn rewrite(folder: &Path, text: &str) {
    fs::write(folder.join("skywave.toml"), text).unwrap();
}

/// Whether the app with this key is served.
fn is_served(server: &Running, key: &str) -> bool {
    let (_, first) = connect(&server.address, key);
    first.contains("pusher:connection_established")
}

#[test]
fn apps_come_and_go_and_connections_stay() {
    let folder = folder_with(APP);
    let mut server = serve(&folder, &[]);
    let (mut browser, _) = connect(&server.address, "k");
    let ping = "{\"event\":\"pusher:ping\",\"data\":{}}";
    let lives = |browser: &mut crate::world::Browser| {
        browser.send(tungstenite::Message::text(ping)).unwrap();
        hears(browser)
    };

    rewrite(&folder, &format!("{APP}{OTHER}"));
    server.signal("HUP");
    server.logs("the configuration was read again");
    assert!(is_served(&server, "l"));
    assert!(lives(&mut browser).contains("pusher:pong"));

    // Another secret: whoever signs with the old one is refused.
    rewrite(&folder, &APP.replace("hush", "silence"));
    server.signal("HUP");
    server.logs("the configuration was read again");
    assert!(!is_served(&server, "l"));
    assert!(lives(&mut browser).contains("pusher:pong"));
    let asked = |secret: &str| {
        let url = format!("http://k:{secret}@{}/apps/1", server.address);
        run(&folder, &["channels", "--url", &url]).0
    };
    assert_eq!((asked("hush"), asked("silence")), (1, 0));

    rewrite(&folder, OTHER);
    server.signal("HUP");
    let last = hears(&mut browser);
    assert!(last.contains("4003"), "{last}");
}

#[test]
fn a_broken_file_changes_nothing_and_all_mistakes_are_logged() {
    let folder = folder_with(APP);
    let mut server = serve(&folder, &[]);
    rewrite(
        &folder,
        "[[apps]]\nid = \"2\"\nsecret = \"hush\"\n[log]\nformat = 1\n",
    );
    server.signal("HUP");
    server.logs("skywave.toml:1:1: apps: key `key` is missing; expected text");
    server.logs("skywave.toml:5:10: log.format: expected text, found 1");
    server.logs("the old one stays");
    assert!(is_served(&server, "k"));
    fs::remove_file(folder.join("skywave.toml")).unwrap();
    rewrite(&folder, &format!("{APP}{OTHER}"));
    server.signal("HUP");
    server.logs("the configuration was read again");
    assert!(is_served(&server, "l"));
    assert!(!server.log.concat().contains("hush"), "{:#?}", server.log);
}

#[test]
fn what_takes_a_restart_is_said() {
    let folder = folder_with(APP);
    let mut server = serve(&folder, &[]);
    rewrite(&folder, &format!("{APP}{OTHER}"));
    server.signal("HUP");
    server.logs("the configuration was read again");
    let warned = |log: &[String]| log.iter().any(|line| line.contains("takes a restart"));
    assert!(!warned(&server.log), "{:#?}", server.log);
    rewrite(&folder, &format!("{APP}[server]\nworkers = 3\n"));
    // As long as there was none.
    for _ in 0..2 {
        server.log.clear();
        server.signal("HUP");
        server.logs("the configuration was read again");
        assert!(warned(&server.log), "{:#?}", server.log);
    }
}

#[test]
fn an_app_that_was_made_up_stays_the_same() {
    let folder = folder_with("");
    let mut server = serve(&folder, &[]);
    let key = loop {
        if let Some(key) = server.line().strip_prefix("  key     ") {
            break key.to_owned();
        }
    };
    server.signal("HUP");
    server.logs("the configuration was read again");
    assert!(is_served(&server, &key));
}

/// Writes a certificate for `localhost` and its key; gives the certificate.
fn certificate(folder: &Path) -> String {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = certified.cert.pem();
    fs::write(folder.join("chain.pem"), &pem).unwrap();
    fs::write(
        folder.join("key.pem"),
        certified.signing_key.serialize_pem(),
    )
    .unwrap();
    pem
}

#[test]
fn a_new_certificate_is_taken_over() {
    let text = format!(
        "{APP}[[listen]]\naddress = \"127.0.0.1:0\"\ncertificate = \"chain.pem\"\n\
         key = \"key.pem\"\n"
    );
    let folder = folder_with(&text);
    fs::write(folder.join("first.pem"), certificate(&folder)).unwrap();
    let mut server = Running::start(skywave(&folder).arg("serve"));
    let (_, port) = server.address.split_once(':').unwrap();
    let url = format!("https://k:hush@localhost:{port}/apps/1");
    let asked = |root: &str| {
        let arguments = ["channels", "--url", &url, "--root-certificate", root];
        run(&folder, &arguments)
    };
    assert_eq!(asked("first.pem").0, 0);
    let mut listening = skywave(&folder);
    listening.args([
        "listen",
        "a",
        "--url",
        &url,
        "--root-certificate",
        "first.pem",
    ]);
    let mut listening = Running::spawn(&mut listening);
    listening.logs("listening to a");

    fs::write(folder.join("second.pem"), certificate(&folder)).unwrap();
    server.signal("HUP");
    server.logs("the configuration was read again");
    assert_eq!(asked("second.pem").0, 0);
    let (code, _, errors) = asked("first.pem");
    assert_eq!(code, 1);
    assert!(errors.contains("--root-certificate"), "{errors}");
    // Who is connected noticed nothing.
    let event = ["trigger", "still", "-c", "a", "--url", &url];
    let mut command = skywave(&folder);
    command
        .args(event)
        .args(["--root-certificate", "second.pem"]);
    assert_eq!(crate::world::ended(&mut command).0, 0);
    assert_eq!(listening.line(), "a  still  {}");

    // A key that does not fit is a mistake, and the old certificate stays.
    fs::write(folder.join("key.pem"), "none").unwrap();
    server.signal("HUP");
    server.logs("listen.certificate");
    assert_eq!(asked("second.pem").0, 0);
}
