//! `skywave trigger`, `channels` and `listen` against a running server.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::world::{Running, ended, ended_with, folder, folder_with, run, serve, skywave};

const APP: &str = "[[apps]]\nid = \"1\"\nkey = \"k\"\nsecret = \"hush\"\n\
                   subscription_counts = false\n";

/// A server, and the address of its app.
fn server() -> (Running, String) {
    let server = serve(&folder_with(APP), &[]);
    let url = format!("http://k:hush@{}/apps/1", server.address);
    (server, url)
}

/// Starts `skywave listen`, and waits until it listens to so many channels.
fn listen(url: &str, arguments: &[&str], channels: usize) -> Running {
    let mut command = skywave(&folder());
    command.arg("listen").args(arguments).args(["--url", url]);
    let mut running = Running::spawn(&mut command);
    for _ in 0..channels {
        running.logs("skywave: listening to ");
    }
    running
}

fn trigger(url: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut all = vec!["trigger", "--url", url];
    all.extend(arguments);
    run(&folder(), &all)
}

#[test]
fn what_is_triggered_is_heard() {
    let (_server, url) = server();
    let channels = ["hello", "private-hello", "presence-hello", "-c"];
    let mut listening = listen(&url, &channels[..3], 3);
    for channel in &channels[..3] {
        let event = ["greeting", "{\"text\":\"hi\"}", "--channel", channel];
        let (code, told, errors) = trigger(&url, &event);
        let sent = format!("sent greeting to {channel}\n");
        assert_eq!((code, told, errors), (0, sent, String::new()));
        assert_eq!(
            listening.line(),
            format!("{channel}  greeting  {{\"text\":\"hi\"}}")
        );
    }
    listening.signal("INT");
    assert!(listening.end().success());
}

#[test]
fn listening_can_end_after_enough_events_and_print_json() {
    let (_server, url) = server();
    let arguments = ["a", "b", "--json", "--count", "2", "--event", "wanted"];
    let mut listening = listen(&url, &arguments, 2);
    for (event, data) in [("other", "1"), ("wanted", "plain text"), ("wanted", "[1]")] {
        let (code, _, errors) = trigger(&url, &[event, data, "-c", "a", "-c", "b"]);
        assert_eq!((code, errors.as_str()), (0, ""));
    }
    let line = |listening: &mut Running| serde_json::from_str::<Value>(&listening.line()).unwrap();
    let first = [line(&mut listening), line(&mut listening)];
    let expected = ["a", "b"]
        .map(|channel| json!({ "channel": channel, "event": "wanted", "data": "plain text" }));
    for event in expected {
        assert!(first.contains(&event), "{first:?}");
    }
    assert!(listening.end().success());
}

#[test]
fn who_comes_and_goes_is_told() {
    let (_server, url) = server();
    let mut ada = listen(&url, &["presence-room", "--user-id", "ada"], 1);
    let info = "{\"name\":\"Ben\"}";
    let ben = listen(
        &url,
        &["presence-room", "--user-id", "ben", "--user-info", info],
        1,
    );
    assert_eq!(
        ada.line(),
        "presence-room  pusher:member_added  {\"user_id\":\"ben\",\"user_info\":{\"name\":\"Ben\"}}"
    );
    let asked = |arguments: &[&str]| {
        let mut all = vec!["channels", "--url", url.as_str()];
        all.extend(arguments);
        run(&folder(), &all)
    };
    for (arguments, expected) in [
        (&["presence-room", "--users"] as &[&str], "ada\nben\n"),
        (&[], "presence-room\n"),
        (
            &["--prefix", "presence-", "--info", "user_count"],
            "presence-room  user_count=2\n",
        ),
        (&["--prefix", "private-"], ""),
        (
            &["presence-room", "--info", "user_count"],
            "presence-room  occupied=true  user_count=2\n",
        ),
        (&["nobody"], "nobody  occupied=false\n"),
        (&["nobody", "--json"], "{\"occupied\":false}\n"),
        (
            &["presence-room", "--users", "--json"],
            "{\"users\":[{\"id\":\"ada\"},{\"id\":\"ben\"}]}\n",
        ),
    ] {
        assert_eq!(
            asked(arguments),
            (0, expected.to_owned(), String::new()),
            "{arguments:?}"
        );
    }
    drop(ben);
    assert_eq!(
        ada.line(),
        "presence-room  pusher:member_removed  {\"user_id\":\"ben\"}"
    );
}

#[test]
fn triggering_can_tell_about_its_channels_and_leave_one_out() {
    let (_server, url) = server();
    let _listening = listen(&url, &["presence-a"], 1);
    let info = ["--info", "user_count", "--socket-id", "1.2"];
    let event = ["e", "-c", "presence-a", "-c", "presence-b"];
    let arguments: Vec<_> = event.into_iter().chain(info).collect();
    let (code, told, errors) = trigger(&url, &arguments);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(
        told,
        "sent e to presence-a, presence-b\npresence-a  user_count=1\npresence-b  user_count=0\n"
    );
    let arguments: Vec<_> = arguments.into_iter().chain(["--json"]).collect();
    let (_, told, _) = trigger(&url, &arguments);
    assert_eq!(
        told,
        "{\"channels\":{\"presence-a\":{\"user_count\":1},\"presence-b\":{\"user_count\":0}}}\n"
    );
}

fn piped(arguments: &[&str], input: &str) -> (i32, String, String) {
    ended_with(skywave(&folder()).args(arguments), input)
}

#[test]
fn data_and_batches_come_from_standard_input() {
    let (_server, url) = server();
    let mut listening = listen(&url, &["a"], 1);
    let (code, _, errors) = piped(&["trigger", "one", "-", "-c", "a", "--url", &url], "[1, 2]");
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(listening.line(), "a  one  [1,2]");

    let lines: Vec<_> = (0..25)
        .map(|number| json!({ "channel": "a", "name": "many", "data": number }).to_string())
        .collect();
    let (code, told, errors) = piped(&["trigger", "--batch", "--url", &url], &lines.join("\n\n"));
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(told, "sent 25 events\n");
    for number in 0..25 {
        assert_eq!(listening.line(), format!("a  many  {number}"));
    }
}

#[test]
fn a_batch_with_a_mistake_is_not_sent() {
    let (_server, url) = server();
    let good = "{\"channel\":\"a\",\"name\":\"e\"}";
    for (line, expected) in [
        (
            "hush",
            "not a JSON object: expected value at line 1 column 1",
        ),
        ("{\"channel\":\"a\"}", "`name` is missing; expected text"),
        (
            "{\"channel\":1,\"name\":\"e\"}",
            "`channel` is missing; expected text",
        ),
        (
            "{\"channel\":\"a\",\"name\":\"e\",\"date\":1}",
            "`date`: unknown key; did you mean `data`?",
        ),
    ] {
        let input = format!("{good}\n{line}\n{good}\n{line}\n");
        let (code, told, errors) = piped(&["trigger", "--batch", "--url", &url], &input);
        assert_eq!((code, told.as_str()), (2, ""), "{line}");
        let expected = format!(
            "skywave: standard input:2: {expected}\nskywave: standard input:4: {expected}\n"
        );
        assert_eq!(errors, expected);
    }
}

/// Arguments, exit code, what the error output says.
const TROUBLE: &[(&str, i32, &str)] = &[
    ("trigger", 2, "required arguments were not provided"),
    ("trigger e", 2, "--channel <NAME>"),
    ("trigger e -c a --batch", 2, "cannot be used with"),
    (
        "trigger e -c a",
        2,
        "there is no app; give --app-id, --app-key",
    ),
    (
        "trigger e -c a --app-key k",
        2,
        "there is a key but no secret; give",
    ),
    (
        "trigger e -c a --app-secret s",
        2,
        "there is a secret but no key; give --app-key",
    ),
    (
        "trigger e -c a --url hush",
        2,
        "--url: expected an address such as http://KEY:SECRET@",
    ),
    (
        "trigger e -c a --app-secret-file gone --app-key k",
        2,
        "--app-secret-file: gone: No such",
    ),
    (
        "trigger e -c a --config gone.toml",
        1,
        "cannot read gone.toml",
    ),
    (
        "trigger e -c a --url http://k:hush@127.0.0.1:1/apps/1",
        1,
        "no connection to 127.0.0.1:1",
    ),
    (
        "trigger e -c a --url http://k:wrong@ADDRESS/apps/1",
        1,
        "see --app-key and --app-secret-file",
    ),
    (
        "trigger e -c a --url http://k:hush@ADDRESS/apps/2",
        1,
        "see --app-id and --url",
    ),
    (
        "trigger e -c a --url http://k:hush@ADDRESS/nowhere/apps/1",
        1,
        "see --app-id and --url",
    ),
    ("trigger e -c a/b --url URL", 1, "a/b"),
    (
        "channels --url http://k:wrong@ADDRESS/apps/1",
        1,
        "see --app-key and --app-secret-file",
    ),
    ("channels a/b --url URL", 2, "a/b"),
    ("channels --users --url URL", 2, "<CHANNEL>"),
    ("channels a --users --url URL", 1, "presence"),
    ("channels --info user_count --url URL", 1, "user_count"),
    ("listen --url URL", 2, "<CHANNELS>..."),
    ("listen a/b --url URL", 2, "a/b"),
    (
        "listen private-a --app-key k",
        2,
        "channel `private-a` is signed for",
    ),
    (
        "listen a --url http://x:hush@ADDRESS/apps/1",
        1,
        "see --app-key",
    ),
    (
        "listen private-a --url http://k:wrong@ADDRESS/apps/1",
        1,
        "channel `private-a`:",
    ),
    (
        "listen a --url http://k:hush@127.0.0.1:1/apps/1",
        1,
        "is the server running there?",
    ),
    (
        "listen a --url https://k:hush@ADDRESS/apps/1",
        1,
        "no TLS with 127.0.0.1:",
    ),
    ("listen a --user-info Ada --url URL", 2, "expected JSON"),
];

#[test]
fn errors_say_what_to_do_next() {
    let (server, url) = server();
    for (line, code, expected) in TROUBLE {
        let line = line
            .replace("URL", &url)
            .replace("ADDRESS", &server.address);
        let arguments: Vec<_> = line.split(' ').collect();
        let (found, told, errors) = run(&folder(), &arguments);
        assert_eq!((found, told.as_str()), (*code, ""), "{line}: {errors}");
        assert!(errors.contains(expected), "{line}: {errors}");
        assert!(!errors.contains("hush"), "{line}: {errors}");
    }
}

#[test]
fn the_app_comes_from_flags_or_variables_or_the_file() {
    let (server, _) = server();
    let (host, port) = server.address.split_once(':').unwrap();
    let file = format!("{APP}[[listen]]\naddress = \"{}\"\n", server.address);
    let several = format!("{file}[[apps]]\nid = \"2\"\nkey = \"l\"\nsecret = \"other\"\n");
    let told = |folder: &Path, arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = skywave(folder);
        let command: &mut Command = command.arg("channels").args(arguments);
        let (code, _, errors) = ended(command.envs(variables.iter().copied()));
        (code, errors)
    };
    let nothing = folder();
    let ours = [
        ("SKYWAVE_APP_ID", "1"),
        ("SKYWAVE_APP_KEY", "k"),
        ("SKYWAVE_APP_SECRET", "hush"),
        ("SKYWAVE_PORT", port),
    ];
    let theirs = [
        ("PUSHER_APP_ID", "1"),
        ("PUSHER_APP_KEY", "k"),
        ("PUSHER_APP_SECRET", "hush"),
        ("PUSHER_HOST", host),
        ("PUSHER_PORT", port),
        ("PUSHER_SCHEME", "http"),
    ];
    assert_eq!(told(&nothing, &[], &ours), (0, String::new()));
    assert_eq!(told(&nothing, &[], &theirs), (0, String::new()));
    let url = format!("http://k:hush@{}/apps/1", server.address);
    assert_eq!(
        told(&nothing, &[], &[("SKYWAVE_URL", &url)]),
        (0, String::new())
    );
    assert_eq!(told(&folder_with(&file), &[], &[]), (0, String::new()));
    // A flag comes before a variable, ours before others'.
    let (code, errors) = told(&nothing, &["--app-secret", "wrong"], &ours);
    assert_eq!(code, 1, "{errors}");
    let wrong = [
        ("PUSHER_APP_SECRET", "wrong"),
        ("PUSHER_HOST", "host.invalid"),
    ];
    let both: Vec<_> = ours.iter().chain(&wrong).copied().collect();
    let local = ["--host", "127.0.0.1", "--port", port];
    assert_eq!(told(&nothing, &local, &both), (0, String::new()));
    // What the variables leave out, the file may know; but they need no file.
    let alone = [("SKYWAVE_APP_KEY", "k"), ("SKYWAVE_APP_SECRET", "hush")];
    assert_eq!(told(&folder_with(&file), &[], &alone), (0, String::new()));
    let broken = folder_with("hush");
    assert_eq!(told(&broken, &local, &alone), (0, String::new()));
    assert_eq!(told(&broken, &local, &[]).0, 2);
    // Of several apps one is chosen.
    let several = folder_with(&several);
    let (code, errors) = told(&several, &[], &[]);
    assert_eq!(code, 2);
    let expected = "the configuration has several apps; choose one with --app-id: `1`, `2`";
    assert_eq!(errors, format!("skywave: {expected}\n"));
    assert_eq!(told(&several, &["--app-id", "1"], &[]), (0, String::new()));
    let (code, errors) = told(&several, &["--app-id", "3"], &[]);
    assert_eq!(code, 2);
    let expected = "the configuration has no such app; it has `1`, `2`";
    assert_eq!(errors, format!("skywave: {expected}\n"));
}

#[test]
fn a_prefix_is_in_every_address() {
    // Not one of those that the system gives away: the file has to name it.
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let port = (first..32_000)
        .rev()
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let address = format!("127.0.0.1:{}", port.unwrap());
    let folder = folder_with(&format!(
        "{APP}[[listen]]\naddress = \"{address}\"\n[server]\npath_prefix = \"/ws\"\n"
    ));
    let _server = Running::start(skywave(&folder).arg("serve"));
    let mut listening = Running::spawn(skywave(&folder).args(["listen", "private-a"]));
    listening.logs("listening to private-a");
    let (code, told, errors) = run(&folder, &["trigger", "e", "-c", "private-a"]);
    assert_eq!(
        (code, told.as_str()),
        (0, "sent e to private-a\n"),
        "{errors}"
    );
    assert_eq!(listening.line(), "private-a  e  {}");
    let url = format!("http://k:hush@{address}/ws/apps/1");
    let (code, told, errors) = run(&folder, &["channels", "--url", &url]);
    assert_eq!((code, told.as_str()), (0, "private-a\n"), "{errors}");
}

#[test]
fn listening_goes_on_when_the_server_comes_back() {
    // Not one of those that the system gives away: another program would have it in between.
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let port = (first..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let port = port.unwrap().to_string();
    let folder = folder_with(APP);
    let start = || {
        let mut command = skywave(&folder);
        Running::start(command.args(["serve", "--port", &port]))
    };
    let server = start();
    let url = format!("http://k:hush@127.0.0.1:{port}/apps/1");
    let mut listening = listen(&url, &["a", "--count", "1"], 1);
    drop(server);
    listening.logs("connecting again");
    let _server = start();
    listening.logs("listening to a");
    trigger(&url, &["back", "-c", "a"]);
    assert_eq!(listening.line(), "a  back  {}");
    assert!(listening.end().success());
}
