//! Every mistake in a file, in its words.

use skywave::{Broadcaster, Embedded, Null};

use super::{VARIABLES, mistakes, read, with_variables};

/// Text of a file, and its mistakes without the file's name.
const MISTAKES: &[(&str, &[&str])] = &[
    // Syntax; the text itself is not shown.
    (
        "default = \"hush\n[drivers.null]",
        &["1:16: not TOML: invalid basic string, expected `\"`"],
    ),
    (
        "[drivers.null]\na = hush\n[drivers.null]\n",
        &[
            "2:5: not TOML: string values must be quoted, expected literal string",
            "3:10: not TOML: duplicate key",
        ],
    ),
    // The top.
    (
        "",
        &["1:1: there is no driver; expected at least one table `[drivers.NAME]`"],
    ),
    (
        "[drivers]",
        &["1:1: there is no driver; expected at least one table `[drivers.NAME]`"],
    ),
    (
        "default = \"log\"\n[drivers.log]\nenabled = false",
        &["1:1: no driver is enabled; expected at least one that is"],
    ),
    ("drivers = 3", &["1:11: drivers: expected a table, found 3"]),
    (
        "[drivers]\nlog = \"hush\"",
        &["2:7: drivers.log: expected a table, found text"],
    ),
    (
        "defalt = \"log\"\n[drivers.log]\n[driver.null]",
        &[
            "1:1: defalt: unknown key; did you mean `default`?",
            "3:2: driver: unknown key; did you mean `drivers`?",
        ],
    ),
    (
        "[drivers.log]\n[something.else]",
        &[
            "2:2: something: unknown key; expected one of `default`, `public_url`, `driver_failure`, `drivers`, `auth`, `queue`",
        ],
    ),
    // The default driver.
    (
        "[drivers.log]\n[drivers.null]",
        &["1:1: key `default` is missing; expected one of `log`, `null`"],
    ),
    (
        "default = \"ably\"\n[drivers.log]\n[drivers.null]",
        &["1:11: default: there is no driver `ably`; expected one of `log`, `null`"],
    ),
    (
        "default = \"nul\"\n[drivers.log]\n[drivers.null]",
        &["1:11: default: there is no driver `nul`; did you mean `null`?"],
    ),
    (
        "default = \"null\"\n[drivers.log]\n[drivers.null]\nenabled = false",
        &["1:11: default: driver `null` is not enabled; expected `log`"],
    ),
    (
        "default = \"${DRIVER}\"\n[drivers.null]",
        &["1:11: default: there is no driver `log`; expected `null`"],
    ),
    (
        "default = 1\n[drivers.null]",
        &["1:11: default: expected text, found 1"],
    ),
    // What becomes of events.
    (
        "driver_failure = \"ignore\"\n[drivers.null]\n[queue]\ncapacity = 0\nattempts = \"${ZERO:-0}\"\n\
         first_delay = 200\nclosing = \"1s\"",
        &[
            "1:18: driver_failure: `ignore`: expected one of `error`, `log`",
            "4:12: queue.capacity: expected at least 1, found 0",
            "5:12: queue.attempts: expected at least 1, found 0",
            "6:15: queue.first_delay: expected a time such as \"250ms\", \"10s\" or \"2m\", found 200",
            "7:1: queue.closing: unknown key; expected one of `capacity`, `attempts`, `first_delay`, \
             `close_within`",
        ],
    ),
    // Kinds.
    (
        "[drivers.main]",
        &["1:10: drivers.main.driver: unknown kind of driver `main`; expected one of {KINDS}"],
    ),
    (
        "[drivers.main]\ndriver = \"embeded\"",
        &["2:10: drivers.main.driver: unknown kind of driver `embeded`; did you mean `embedded`?"],
    ),
    (
        "[drivers.main]\ndriver = true\nenabled = \"no\"",
        &[
            "2:10: drivers.main.driver: expected text, found true",
            "3:11: drivers.main.enabled: expected true or false, found text",
        ],
    ),
    // Settings of a driver.
    (
        "[drivers.log]\ndata = 1\nlevel = \"hush\"",
        &[
            "2:8: drivers.log.data: expected true or false, found 1",
            "3:1: drivers.log.level: unknown key; expected one of `data`, `driver`, `enabled`",
        ],
    ),
    (
        "[drivers.embedded]\nsceret = \"hush\"\nkey = \"k\"",
        &[
            "1:10: drivers.embedded: key `secret` is missing; expected text",
            "2:1: drivers.embedded.sceret: unknown key; did you mean `secret`?",
        ],
    ),
    (
        "[drivers.embedded]\nsecret = \"hush\"",
        &["1:10: drivers.embedded: key `client` or `key` is missing; expected text"],
    ),
    (
        "[drivers.embedded]\napp_id = \"7\"",
        &["2:10: drivers.embedded.app_id: expected `client` and `secret` beside it"],
    ),
    (
        "[drivers.embedded]\nclient = \"k\"\nkey = \"k\"\nsecret = \"hush\"",
        &["3:1: drivers.embedded.key: is the same setting as `client`; expected one of them"],
    ),
    (
        "[drivers.embedded]\nclient = \"29382xx..\"\nsecret = \"api:key\"",
        &[
            "2:10: drivers.embedded.client: a placeholder; expected a value of your own",
            "3:10: drivers.embedded.secret: a placeholder; expected a value of your own",
        ],
    ),
    (
        "[drivers.embedded]\nclient = \"${PLACEHOLDER}\"\nsecret = \"${GONE:-29382xx..}\"",
        &[
            "2:10: drivers.embedded.client: a placeholder; expected a value of your own",
            "3:10: drivers.embedded.secret: a placeholder; expected a value of your own",
        ],
    ),
    (
        "[drivers.embedded]\nclient = \"k\"\nsecret = 7\napp_id = [\"hush\"]",
        &[
            "3:10: drivers.embedded.secret: expected text, found 7",
            "4:10: drivers.embedded.app_id: expected text, found a list",
        ],
    ),
    (
        "[drivers.embedded]\nclient = \"k\"\nsecret = \"hush\"\napp_id = \"one\"",
        &["1:10: drivers.embedded: app id `one`: expected decimal digits"],
    ),
    // Variables.
    (
        "[drivers.embedded]\nclient = \"${GONE}\"\nsecret = \"hush ${ALSO_GONE}\"",
        &[
            "2:10: drivers.embedded.client: the variable `GONE` is not set; expected it in the \
             environment, or a default as in `${GONE:-..}`",
            "3:10: drivers.embedded.secret: the variable `ALSO_GONE` is not set; expected it in \
             the environment, or a default as in `${ALSO_GONE:-..}`",
        ],
    ),
    (
        "[drivers.embedded]\nclient = \"k\"\nsecret = \"${EMPTY}\"\nclient_events = \"${SECRET}\"",
        &[
            "3:10: drivers.embedded.secret: empty; expected text",
            "4:17: drivers.embedded.client_events: expected true or false, found text",
        ],
    ),
    (
        "[drivers.embedded]\nclient = \"k\"\nsecret = \"hush$1\"\napp_id = \"${hush\"",
        &[
            "3:10: drivers.embedded.secret: a `$` that begins no variable; expected `${NAME}`, or \
             `$$` for a dollar sign",
            "4:10: drivers.embedded.app_id: a malformed variable; expected `${NAME}` or \
             `${NAME:-default}`",
        ],
    ),
    // Authorisation.
    (
        "[drivers.null]\n[auth]\npath = \"auth\"\naliases = [\"/a\", \"/a\"]\nprivate = \"logged_in\"\n\
         publish_private = \"everyone\"\nguard = 1",
        &[
            "3:8: auth.path: `auth`: expected a path that starts with `/`",
            "4:11: auth.aliases: `/a`: there are two; expected different paths",
            "5:11: auth.private: `logged_in`: did you mean `logged-in`?",
            "6:19: auth.publish_private: `everyone`: expected one of `logged-in`, `anyone`",
            "7:1: auth.guard: unknown key; expected one of `path`, `aliases`, `private`, \
             `publish_private`",
        ],
    ),
    (
        "auth = \"deny\"\n[drivers.null]",
        &["1:8: auth: expected a table, found text"],
    ),
    (
        "[drivers.null]\n[auth]\npath = 7\naliases = \"/a\"\nprivate = false",
        &[
            "3:8: auth.path: expected text, found 7",
            "4:11: auth.aliases: expected a list of texts, found text",
            "5:11: auth.private: expected text, found false",
        ],
    ),
    (
        "public_url = \"example.com\"\n[drivers.null]",
        &[
            "1:14: public_url: `example.com` is not an address: expected one like \
             https://example.com",
        ],
    ),
    // Everything at once, in the order of the file.
    (
        "default = \"pusher\"\n[drivers.loud]\ndriver = \"log\"\ndata = \"yes\"\n[drivers.embedded]\n\
         key = \"${GONE}\"\n[auth]\nprivate = \"nobody\"",
        &[
            "1:11: default: there is no driver `pusher`; expected one of `loud`, `embedded`",
            "4:8: drivers.loud.data: expected true or false, found text",
            "5:10: drivers.embedded: key `secret` is missing; expected text",
            "6:7: drivers.embedded.key: the variable `GONE` is not set; expected it in the \
             environment, or a default as in `${GONE:-..}`",
            "8:11: auth.private: `nobody`: expected one of `logged-in`, `everyone`, `deny`",
        ],
    ),
];

#[test]
fn every_mistake_is_reported_with_its_place_and_what_was_expected() {
    let known = mistakes(read("[drivers.x]")).remove(0);
    let kinds = known.split("expected one of ").nth(1).unwrap();
    for name in ["`embedded`", "`log`", "`null`"] {
        assert!(kinds.contains(name), "{known}");
    }
    for (text, expected) in MISTAKES {
        let found = mistakes(read(text));
        let expected: Vec<_> = expected
            .iter()
            .map(|mistake| format!("b.toml:{}", mistake.replace("{KINDS}", kinds)))
            .collect();
        assert_eq!(found, expected, "in {text}");
        assert!(!found.join("").contains("hush"), "{found:?}");
    }
}

/// Every character of a file removed, and replaced by every character that means something.
#[test]
fn whatever_is_wrong_with_a_file_the_secret_in_it_is_not_told() {
    let file = "default = \"${DRIVER}\"\npublic_url = \"https://a.b\"\n[drivers.embedded]\n\
                app_id = \"1\"\nkey = \"${KEY}\"\nsecret = \"hush-${NO:-hush}\"\n\
                client_events = true\n[drivers.log]\n[auth]\naliases = [\"/a\"]\n";
    let _builder = read(file).unwrap();
    let mut wrong = 0;
    for position in 0..file.len() {
        for replacement in [
            "", "\"", "'", "$", "{", "}", "=", "[", "]", ".", "#", "\n", "\u{0}", "é",
        ] {
            let (before, after) = (&file[..position], &file[position + 1..]);
            let text = format!("{before}{replacement}{after}");
            if let Err(error) = read(&text) {
                wrong += 1;
                assert!(!error.to_string().contains("hush"), "{error}\nin {text}");
                for mistake in error.mistakes() {
                    assert!(mistake.starts_with("b.toml:"), "{mistake}\nin {text}");
                }
            }
        }
    }
    assert!(wrong > 1_000, "{wrong}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_where_it_was_looked_for() {
    let error = Broadcaster::from_config("config/no-such.toml").unwrap_err();
    let directory = std::env::current_dir().unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "config/no-such.toml: No such file or directory (os error 2); expected a TOML file of \
             this name in {}",
            directory.display()
        )
    );
}

#[test]
fn a_file_is_found_by_its_path() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("broadcast.toml");
    std::fs::write(&path, "[drivers.log]\ndata = 3").unwrap();
    assert_eq!(
        mistakes(Broadcaster::from_config(&path)),
        [format!(
            "{}:2:8: drivers.log.data: expected true or false, found 3",
            path.display()
        )]
    );
}

#[test]
fn what_is_wrong_at_the_start_of_a_driver_names_its_place() {
    let error = with_variables(VARIABLES)
        .kind("own", &[], |_| Ok(Embedded::new("one", "k", "s")))
        .text(
            "b.toml",
            "default = \"a\"\n[drivers.a]\ndriver = \"own\"\n[drivers.null]",
        )
        .unwrap()
        .driver("null", Null)
        .driver("b", Embedded::new("one", "k", "s"))
        .build()
        .unwrap_err();
    assert_eq!(
        error.mistakes(),
        [
            "b.toml:2:10: driver `a`: app id `one`: expected decimal digits",
            "driver `null`: there are two; expected different names",
            "driver `b`: app id `one`: expected decimal digits",
        ]
    );
}
