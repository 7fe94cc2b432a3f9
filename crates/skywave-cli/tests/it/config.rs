//! `skywave config`, and every mistake in a file.

use std::fs;

use crate::world::{ended, folder, folder_with, run, skywave};

/// Text of a file, and its mistakes without the file's name.
const MISTAKES: &[(&str, &[&str])] = &[
    // Syntax; the text itself is not shown.
    (
        "[[apps]]\nsecret = \"hush\nid = \"1\"",
        &["2:15: not TOML: invalid basic string, expected `\"`"],
    ),
    // The top.
    (
        "[sever]\n[log]\n",
        &["1:2: sever: unknown key; did you mean `server`?"],
    ),
    ("server = 1", &["1:10: server: expected a table, found 1"]),
    (
        "[apps]\nid = \"1\"",
        &["1:1: apps: expected tables `[[apps]]`, found a table"],
    ),
    (
        "apps = [1]",
        &["1:9: apps: expected tables `[[apps]]`, found 1"],
    ),
    // Where to listen.
    (
        "[[listen]]\n[[listen]]\naddress = \"localhost\"\nmode = 0o600\n",
        &[
            "1:1: listen: key `address` or `path` is missing; expected text",
            "3:11: listen.address: `localhost`: expected an address and a port, such as \
             `127.0.0.1:6001` or `[::]:6001`",
            "4:8: listen.mode: has no meaning beside `address`",
        ],
    ),
    (
        "[[listen]]\npath = \"a\"\nmode = 9999\nipv6_only = true\n\
         [[listen]]\npath = \"a\"\naddress = \"[::]:1\"",
        &[
            "3:8: listen.mode: expected a mode such as 0o660",
            "4:13: listen.ipv6_only: has no meaning beside `path`",
            "6:8: listen.path: expected `address` or `path`, found both",
        ],
    ),
    (
        "[[listen]]\naddress = \"127.0.0.1:1\"\ncertificate = \"gone\"\n\
         proxies = [\"10.0.0.0/8\", \"nobody\"]\n\
         [[listen]]\naddress = \"127.0.0.1:2\"\nkey = \"gone\"\nproxy_tls = true\n\
         [[listen]]\naddress = \"127.0.0.1:3\"\nproxies = [\"::1\"]\nproxy_header = \"forward\"",
        &[
            "3:15: listen.certificate: expected `key` beside it",
            "4:11: listen.proxies: `nobody`: expected a network or an address, such as \
             `10.0.0.0/8` or `::1`",
            "4:11: listen.proxies: expected `proxy_header` beside it",
            "7:7: listen.key: expected `certificate` beside it",
            "8:13: listen.proxy_tls: has no meaning without `proxies`",
            "12:16: listen.proxy_header: `forward`: did you mean `forwarded`?",
        ],
    ),
    (
        "[operator]\ncertificate = \"a\"\n[drain]\nover = 30\n[server]\nhostname = \"http://a\"\n\
         path_prefix = \"ws/\"\nfirst_message_timeout = \"0s\"",
        &[
            "1:2: operator: key `address` or `path` is missing; expected text",
            "2:1: operator.certificate: unknown key; expected one of `address`, `path`, \
             `ipv6_only`, `mode`",
            "4:8: drain.over: expected a time such as \"250ms\", \"10s\" or \"2m\", found 30",
            "6:12: server.hostname: `http://a`: expected the name of a host, without scheme and \
             port",
            "7:15: server.path_prefix: `ws/`: expected a path such as `/ws`",
            "8:25: server.first_message_timeout: expected whole seconds, from \"1s\" to \"1440m\"",
        ],
    ),
    // The server and its log.
    (
        "[server]\nworkers = 0\nactivity_timeout = \"1500ms\"\npong_timeout = 30\n\
         outbox_bytes = 12\nmessage_bytes = -1\noutbox_total_bytes = 1023\nmemory_bytes = 1024",
        &[
            "2:11: server.workers: expected at least 1, found 0",
            "3:20: server.activity_timeout: expected whole seconds, from \"1s\" to \"1440m\"",
            "4:16: server.pong_timeout: expected a time such as \"250ms\", \"10s\" or \"2m\", \
             found 30",
            "5:16: server.outbox_bytes: expected at least 1024, found 12",
            "6:17: server.message_bytes: expected a number from 0, found -1",
            "7:22: server.outbox_total_bytes: expected at least 1024, found 1023",
            "8:16: server.memory_bytes: expected at least 33554432, or 0 for no limit, found 1024",
        ],
    ),
    (
        "[per_address]\nexempt = [\"10.0.0.0/8\", \"::1\", \"10.0.0.0/33\", \"nobody\"]\nhandshake = 1",
        &[
            "2:10: per_address.exempt: `10.0.0.0/33`: expected a network or an address, such as \
             `10.0.0.0/8` or `::1`",
            "2:10: per_address.exempt: `nobody`: expected a network or an address, such as \
             `10.0.0.0/8` or `::1`",
            "3:1: per_address.handshake: unknown key; did you mean `handshakes`?",
        ],
    ),
    (
        "[log]\nformat = \"jsno\"\nfilter = \"a=b=c\"",
        &[
            "2:10: log.format: `jsno`: did you mean `json`?",
            "3:10: log.filter: expected a level, or levels of parts, such as \
             `info,skywave=debug`",
        ],
    ),
    // Apps.
    (
        "[[apps]]\n\n[[apps]]\nid = \"a/b\"\nkey = \"k:\"\nsecret = \"\"",
        &[
            "1:1: apps: key `id` is missing; expected text",
            "1:1: apps: key `key` is missing; expected text",
            "1:1: apps: key `secret` or `secret_file` is missing; expected text",
            "3:1: apps: key `secret` or `secret_file` is missing; expected text",
            "4:6: apps.id: `a/b`: expected letters, digits, `-` and `_`",
            "5:7: apps.key: `k:`: expected letters, digits, `-` and `_`",
        ],
    ),
    (
        "[[apps]]\nid = \"1\"\nkey = \"k\"\nsecret = \"hush\"\n\
         [[apps]]\nid = \"1\"\nkey = \"k\"\nsecret = \"hush\"",
        &[
            "6:6: apps.id: another app has the id `1`; expected different ids",
            "7:7: apps.key: another app has the key `k`; expected different keys",
        ],
    ),
    (
        "[[apps]]\nid = \"1\"\nkey = \"k\"\nsecret = \"hush\"\norigin_null = true\n\
         [[apps]]\nid = \"2\"\nkey = \"l\"\nsecret = \"hush\"\n\
         origins = [\"https://example.com\", \"example.com/path\"]\norigin_missing = 1",
        &[
            "5:15: apps.origin_null: has no meaning without `origins`",
            "10:11: apps.origins: `example.com/path`: an origin begins with its scheme, as in \
             https://example.com or https://*.example.com",
            "11:18: apps.origin_missing: expected true or false, found 1",
        ],
    ),
    (
        "[[apps]]\nid = 1\nkey = \"k\"\nsecret = \"${HUSH}\"\nsecrets = \"hush\"\n\
         client_events = \"hush\"",
        &[
            "2:6: apps.id: expected text, found 1",
            "4:10: apps.secret: the variable `HUSH` is not set; expected it in the environment, \
             or a default as in `${HUSH:-..}`",
            "5:1: apps.secrets: unknown key; did you mean `secret`?",
            "6:17: apps.client_events: expected true or false, found text",
        ],
    ),
    (
        "[[apps]]\nid = \"1\"\nkey = \"k\"\nsecret_file = \"gone\"\n\
         [apps.limits]\nmember = 1\nevents_per_batch = 0\nevent_bytes = \"1\"\n\
         [[apps]]\nid = \"2\"\nkey = \"l\"\nsecret = \"hush\"\nsecret_file = \"gone\"",
        &[
            "4:15: apps.secret_file: gone: No such file or directory (os error 2); expected a \
             file with a secret",
            "6:1: apps.limits.member: unknown key; expected one of {LIMITS}",
            "7:20: apps.limits.events_per_batch: expected at least 1, found 0",
            "8:15: apps.limits.event_bytes: expected a number from 0, found text",
            "13:15: apps.secret_file: is the same setting as `secret`; expected one of them",
        ],
    ),
];

#[test]
fn every_mistake_is_reported_with_its_place() {
    for (text, expected) in MISTAKES {
        let folder = folder_with(text);
        let (code, told, _) = run(&folder, &["config", "check"]);
        assert_eq!(code, 2, "{text}\n{told}");
        let mut told: Vec<_> = told.lines().map(str::to_owned).collect();
        for line in &mut told {
            if let Some((before, _)) = line.split_once("expected one of `event_bytes`") {
                *line = format!("{before}expected one of {{LIMITS}}");
            }
        }
        let expected: Vec<_> = expected
            .iter()
            .map(|mistake| format!("skywave.toml:{mistake}"))
            .collect();
        assert_eq!(told, expected, "{text}");
        assert!(!told.concat().contains("hush"), "{told:?}");
        // And nothing starts with such a file.
        let (code, out, errors) = run(&folder, &["serve", "--port", "0"]);
        assert_eq!((code, out.as_str()), (2, ""), "{text}");
        let first = errors.lines().next().unwrap_or_default();
        assert!(first.starts_with("skywave: skywave.toml:"), "{errors}");
        assert!(!errors.contains("hush"), "{errors}");
    }
}

#[test]
fn the_example_has_no_mistakes() {
    let (code, example, _) = run(&folder(), &["config", "example"]);
    assert_eq!(code, 0);
    let folder = folder_with(&example);
    let (code, told, errors) = run(&folder, &["config", "check"]);
    assert_eq!(
        (code, told.as_str(), errors.as_str()),
        (0, "skywave.toml: no mistakes, 1 app\n", "")
    );
}

#[test]
fn the_example_has_a_key_and_a_secret_of_its_own() {
    let examples = [(); 2].map(|()| run(&folder(), &["config", "example"]).1);
    assert_ne!(examples[0], examples[1]);
    assert!(!examples[0].contains("my-secret"), "{}", examples[0]);
}

#[test]
fn everything_that_the_example_leaves_out_is_right_as_well() {
    let (_, example, _) = run(&folder(), &["config", "example"]);
    let all: Vec<_> = example
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            // There is one secret already.
            Some(setting) if setting.starts_with("secret") => line,
            Some(setting) if setting.contains(" = ") || setting.starts_with('[') => setting,
            _ => line,
        })
        .collect();
    let folder = folder_with(&all.join("\n"));
    let (code, told, _) = run(&folder, &["config", "check"]);
    assert_eq!(code, 0, "{told}");
}

#[test]
fn a_program_gets_the_mistakes_as_json() {
    let folder = folder_with("[log]\nformat = 1\n");
    let (code, told, _) = run(&folder, &["config", "check", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(code, 2);
    assert_eq!(
        told,
        serde_json::json!({
            "file": "skywave.toml",
            "mistakes": ["skywave.toml:2:10: log.format: expected text, found 1"],
        })
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_failure() {
    let folder = folder();
    for arguments in [
        &["config", "check", "--config", "gone.toml"] as &[&str],
        &["serve", "--port", "0", "--config", "gone.toml"],
    ] {
        let (code, out, errors) = run(&folder, arguments);
        assert_eq!((code, out.as_str()), (1, ""), "{arguments:?}");
        assert_eq!(
            errors,
            "skywave: cannot read gone.toml; see `skywave config example` for a file to begin \
             with: No such file or directory (os error 2)\n"
        );
    }
    let (code, _, errors) = run(&folder, &["config", "check"]);
    assert_eq!(code, 1);
    assert!(
        errors.contains("there is no configuration file"),
        "{errors}"
    );
}

#[test]
fn the_file_may_be_named_by_a_flag_or_a_variable() {
    let folder = folder();
    fs::write(folder.join("other.toml"), "[log]\n").unwrap();
    let (code, told, _) = run(&folder, &["config", "check", "--config", "other.toml"]);
    assert_eq!(
        (code, told.as_str()),
        (0, "other.toml: no mistakes, no app\n")
    );
    let mut command = skywave(&folder);
    command
        .args(["config", "check"])
        .env("SKYWAVE_CONFIG", "other.toml");
    let (code, told, _) = ended(&mut command);
    assert_eq!(
        (code, told.as_str()),
        (0, "other.toml: no mistakes, no app\n")
    );
}

#[test]
fn a_secret_may_come_from_a_variable_or_from_a_file_beside_the_configuration() {
    let folder = folder();
    let beneath = folder.join("etc");
    fs::create_dir_all(&beneath).unwrap();
    fs::write(beneath.join("secret"), "hush\n").unwrap();
    let text = "[[apps]]\nid = \"1\"\nkey = \"k\"\nsecret_file = \"secret\"\n\
                [[apps]]\nid = \"2\"\nkey = \"l\"\nsecret = \"${HUSH}\"\n";
    fs::write(beneath.join("skywave.toml"), text).unwrap();
    let mut command = skywave(&folder);
    command.args(["config", "check", "--config", "etc/skywave.toml"]);
    let (code, told, _) = ended(command.env("HUSH", "silence"));
    assert_eq!(
        (code, told.as_str()),
        (0, "etc/skywave.toml: no mistakes, 2 apps\n")
    );
    fs::write(beneath.join("secret"), "\n").unwrap();
    let (code, told, _) = ended(command.env("HUSH", "silence"));
    assert_eq!(code, 2);
    assert!(
        told.contains("etc/secret: empty; expected a secret"),
        "{told}"
    );
}
