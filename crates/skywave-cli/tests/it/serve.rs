//! `skywave serve`: what it listens on, what it says, and where its settings come from.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::world::{
    LIMIT, Running, answer, connect, ended, folder, folder_with, run, serve, skywave,
};

const APP: &str = "[[apps]]\nid = \"1\"\nkey = \"k\"\nsecret = \"hush\"\n";

#[test]
fn without_a_configuration_an_app_is_made_up_and_a_page_shown() {
    let folder = folder();
    let mut server = serve(&folder, &[]);
    assert!(
        server.address.starts_with("127.0.0.1:"),
        "{}",
        server.address
    );
    let mut said = String::new();
    while !said.contains("`skywave config example`") {
        said.push_str(&server.line());
        said.push('\n');
    }
    let key = said
        .lines()
        .find_map(|line| line.strip_prefix("  key     "))
        .unwrap();
    assert!(said.contains(&format!("new Pusher(\"{key}\"")), "{said}");
    let (_, port) = server.address.split_once(':').unwrap();
    assert!(said.contains(&format!("wsPort: {port},")), "{said}");
    let (_, first) = connect(&server.address, key);
    assert!(first.contains("pusher:connection_established"), "{first}");
}

#[test]
fn a_configured_server_prints_its_address_and_no_more() {
    let folder = folder_with(&format!("{APP}[[listen]]\naddress = \"127.0.0.1:0\"\n"));
    let mut server = Running::start(skywave(&folder).arg("serve").env("RUST_LOG", "trace"));
    let (_, first) = connect(&server.address, "k");
    assert!(first.contains("pusher:connection_established"), "{first}");
    server.signal("TERM");
    assert!(server.end().success());
    assert_eq!(server.rest(), "");
    assert!(!server.log.concat().contains("hush"), "{:#?}", server.log);
}

#[test]
fn a_flag_comes_before_a_variable_and_a_variable_before_the_file() {
    let file = format!("{APP}[server]\nactivity_timeout = \"11s\"\n");
    let folder = folder_with(&file);
    for (variable, flag, expected) in [
        (None, None, "11"),
        (Some("12"), None, "12"),
        (Some("12"), Some("13"), "13"),
        (None, Some("13"), "13"),
    ] {
        let mut command = skywave(&folder);
        command.args(["serve", "--port", "0"]);
        command.args(flag.map(|seconds| format!("--activity-timeout={seconds}")));
        command.envs(variable.map(|seconds| ("SKYWAVE_ACTIVITY_TIMEOUT", seconds)));
        let server = Running::start(&mut command);
        let (_, first) = connect(&server.address, "k");
        let told = format!("\\\"activity_timeout\\\":{expected}");
        assert!(first.contains(&told), "{first}");
    }
}

#[test]
fn an_app_of_the_flags_stands_beside_those_of_the_file() {
    let folder = folder_with(APP);
    let flags = ["--app-id", "2", "--app-key", "l", "--app-secret", "silence"];
    let server = serve(&folder, &flags);
    for key in ["k", "l"] {
        let (_, first) = connect(&server.address, key);
        assert!(first.contains("connection_established"), "{key}: {first}");
    }
    drop(server);
    // The same id: another key.
    let flags = ["--app-id", "1", "--app-key", "m", "--app-secret", "silence"];
    let server = serve(&folder, &flags);
    let (_, first) = connect(&server.address, "m");
    assert!(first.contains("connection_established"), "{first}");
    let (_, first) = connect(&server.address, "k");
    assert!(first.contains("4001"), "{first}");
}

#[test]
fn a_secret_of_the_flags_may_be_in_a_file() {
    let folder = folder();
    fs::write(folder.join("secret"), "hush\n").unwrap();
    let server = serve(&folder, &["--app-key", "k", "--app-secret-file", "secret"]);
    let (_, first) = connect(&server.address, "k");
    assert!(first.contains("connection_established"), "{first}");
}

#[test]
fn a_command_line_that_makes_no_sense_starts_nothing() {
    let folder = folder_with(APP);
    for (arguments, expected) in [
        (
            &["--app-key", "a"] as &[&str],
            "--app-key is given without --app-secret; give both or none",
        ),
        (
            &["--app-secret", "hush"],
            "--app-secret is given without --app-key; give both or none",
        ),
        (
            &["--app-key", "a", "--app-secret", ""],
            "--app-secret is empty",
        ),
        (
            &["--app-key", "a b", "--app-secret", "hush"],
            "--app-key `a b`: expected letters, digits, `-` and `_`",
        ),
        (
            &["--app-id", "a/b", "--app-key", "a", "--app-secret", "hush"],
            "--app-id `a/b`: expected letters, digits, `-` and `_`",
        ),
        (
            &["--app-id", "2", "--app-key", "k", "--app-secret", "hush"],
            "--app-key `k`: app `1` of the file has this key",
        ),
        (
            &[
                "--app-key",
                "a",
                "--app-secret",
                "hush",
                "--app-secret-file",
                "b",
            ],
            "--app-secret and --app-secret-file are given; expected one of them",
        ),
        (
            &["--app-key", "a", "--app-secret-file", "gone"],
            "--app-secret-file: gone: No such file or directory (os error 2); expected a file \
             with a secret",
        ),
        (
            &["--app-id", "2"],
            "--app-id is given without --app-key and --app-secret; the file has apps of its own",
        ),
    ] {
        let mut all = vec!["serve"];
        all.extend(arguments);
        let (code, out, errors) = run(&folder, &all);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert_eq!(errors, format!("skywave: {expected}\n"), "{arguments:?}");
    }
    // What clap finds.
    for arguments in [
        &["serve", "--prot", "1"] as &[&str],
        &["serve", "--port", "65536"],
        &["serve", "--host", "localhost"],
        &["serve", "--activity-timeout", "0"],
        &["serve", "--log-format", "xml"],
        &["sevre"],
        &[],
    ] {
        let (code, out, errors) = run(&folder, arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {errors}");
    }
}

#[test]
fn an_address_in_use_is_a_failure_that_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, out, errors) = run(&folder(), &["serve", "--port", &port]);
    assert_eq!((code, out.as_str()), (1, ""));
    let expected = format!("cannot listen on 127.0.0.1:{port}; choose another address");
    assert!(errors.contains(&expected), "{errors}");
}

#[test]
fn it_listens_at_several_places_side_by_side() {
    let folder = folder_with(&format!(
        "{APP}[[listen]]\naddress = \"127.0.0.1:0\"\n[[listen]]\naddress = \"[::1]:0\"\n\
         [[listen]]\npath = \"skywave.sock\"\nmode = 0o600\n"
    ));
    let mut server = Running::start(skywave(&folder).arg("serve"));
    let second = server.line();
    let second = second.strip_prefix("Skywave server: http://").unwrap();
    assert_eq!(server.line(), "Skywave server: unix:skywave.sock");
    for address in [server.address.as_str(), second] {
        let answered = answer(TcpStream::connect(address).unwrap(), "/apps/1/channels");
        assert!(answered.starts_with("HTTP/1.1 401"), "{answered}");
    }
    let socket = UnixStream::connect(folder.join("skywave.sock")).unwrap();
    let answered = answer(socket, "/apps/1/channels");
    assert!(answered.starts_with("HTTP/1.1 401"), "{answered}");
}

#[test]
fn operators_have_an_address_of_their_own() {
    let folder = folder_with(&format!("{APP}[operator]\naddress = \"127.0.0.1:0\"\n"));
    let mut server = serve(&folder, &[]);
    let line = server.line();
    let address = line.strip_prefix("Skywave operators: http://").unwrap();
    for (path, expected) in [("/readyz", "200"), ("/healthz", "200"), ("/metrics", "200")] {
        let answered = answer(TcpStream::connect(address).unwrap(), path);
        assert!(
            answered.starts_with(&format!("HTTP/1.1 {expected}")),
            "{answered}"
        );
    }
    let answered = answer(TcpStream::connect(&server.address).unwrap(), "/metrics");
    assert!(answered.starts_with("HTTP/1.1 404"), "{answered}");
}

#[test]
fn proxies_are_believed() {
    let text = "[[listen]]\naddress = \"127.0.0.1:0\"\nproxies = [\"127.0.0.0/8\"]\n\
                proxy_header = \"x-forwarded-for\"\nproxy_tls = true\n";
    let folder = folder_with(&format!("{text}{APP}tls_only = true\n"));
    let server = Running::start(skywave(&folder).arg("serve"));
    let (_, first) = connect(&server.address, "k");
    assert!(first.contains("connection_established"), "{first}");
    drop(server);
    // Without that, the same connection is one without TLS.
    let server = serve(&folder, &[]);
    let (_, first) = connect(&server.address, "k");
    assert!(first.contains("4000"), "{first}");
}

/// Starts a server by a shell that hands its standard input over as socket 3, as systemd does.
fn with_socket(folder: &Path, socket: OwnedFd) -> Running {
    let mut command = Command::new("sh");
    let script = "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" serve 3<&0 </dev/null";
    command.args(["-c", script, env!("CARGO_BIN_EXE_skywave")]);
    command.current_dir(folder).stdin(Stdio::from(socket));
    Running::start(&mut command)
}

#[test]
fn a_socket_that_the_service_manager_opened_is_used() {
    let folder = folder_with(APP);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = with_socket(&folder, listener.into());
    assert_eq!(server.address, address);
    let (_, first) = connect(&server.address, "k");
    assert!(first.contains("connection_established"), "{first}");

    let path = folder.join("skywave.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = with_socket(&folder, listener.into());
    assert_eq!(server.address, format!("unix:{}", path.display()));
    let answered = answer(UnixStream::connect(&path).unwrap(), "/apps/1/channels");
    assert!(answered.starts_with("HTTP/1.1 401"), "{answered}");
}

#[test]
fn the_service_manager_is_told_how_far_it_is() {
    let folder = folder_with(APP);
    let manager = UnixDatagram::bind(folder.join("notify")).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let hears = || {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length])
            .trim_end()
            .to_owned()
    };
    let mut command = skywave(&folder);
    command.args(["serve", "--port", "0"]);
    let mut server = Running::start(command.env("NOTIFY_SOCKET", folder.join("notify")));
    assert_eq!(hears(), "READY=1");
    server.signal("HUP");
    let reloading = hears();
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading}"
    );
    assert_eq!(hears(), "READY=1");
    server.signal("TERM");
    assert_eq!(hears(), "STOPPING=1");
    assert!(server.end().success());
}

#[test]
fn the_log_can_be_json() {
    let folder = folder_with(&format!("{APP}[log]\nformat = \"json\"\n"));
    for (arguments, is_json) in [(&[] as &[&str], true), (&["--log-format", "text"], false)] {
        let mut server = serve(&folder, arguments);
        let line = server.logs("descriptors");
        let parsed = serde_json::from_str::<serde_json::Value>(&line);
        assert_eq!(parsed.is_ok(), is_json, "{line}");
        if let Ok(entry) = parsed {
            assert_eq!(entry["level"], "INFO");
            assert!(entry["limit"].is_number(), "{entry}");
        }
    }
}

#[test]
fn the_version_is_told() {
    let (code, told, _) = ended(skywave(&folder()).arg("--version"));
    assert_eq!(code, 0);
    assert_eq!(told, format!("skywave {}\n", env!("CARGO_PKG_VERSION")));
}
