//! Configuration from a file and from the environment: what works, and every mistake in its words.

use axum::extract::FromRequestParts;
use http::StatusCode;
use serde_json::json;
use skywave::config::{Configure, Secret, Settings, SettingsError};
use skywave::driver::DriverError;
use skywave::{Broadcast, Broadcaster, BuildError, Builder, Embedded, Log, NoUser, Null};

use crate::stage::{channel, form};

/// A configuration whose environment is these variables.
fn with_variables(variables: &'static [(&'static str, &'static str)]) -> Configure {
    Broadcaster::configure().variables(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

const VARIABLES: &[(&str, &str)] = &[
    ("DRIVER", "log"),
    ("KEY", "my-key"),
    ("SECRET", "hush"),
    ("NO", "false"),
    ("PLACEHOLDER", "29382xx.."),
    ("EMPTY", ""),
];

fn read(text: &str) -> Result<Builder<NoUser>, BuildError> {
    with_variables(VARIABLES).text("b.toml", text)
}

/// The names of the drivers and the default among them.
fn drivers(broadcaster: &Broadcaster) -> String {
    format!("{broadcaster:?}")
}

fn mistakes(read: Result<Builder<NoUser>, BuildError>) -> Vec<String> {
    read.unwrap_err().mistakes().to_vec()
}

#[test]
fn the_documents_file_is_read() {
    let text = r#"
        default = "${BROADCAST_DRIVER:-main}"
        public_url = "https://example.com"

        [drivers.main]
        driver = "embedded"
        app_id = "7"
        client = "${KEY}"          # as in the documents; `key` is the same
        secret = "${SECRET}"
        client_events = "${NO}"

        [drivers.log]

        [drivers.loud]             # a second one of one kind
        driver = "log"
        data = true

        [drivers.later]
        driver = "not yet there"
        enabled = false
        token = "${GONE}"
    "#;
    let broadcaster = read(text).unwrap().build().unwrap();
    assert_eq!(
        drivers(&broadcaster),
        r#"Broadcaster { drivers: ["main", "log", "loud"], default_driver: "main", .. }"#
    );
    let request = http::Request::get("/").body(()).unwrap().into_parts().0;
    let options = broadcaster.client_options(&request).unwrap();
    assert_eq!(options.key(), "my-key");
    assert_eq!(options.option("wsHost"), Some(&json!("example.com")));
    assert_eq!(
        options.option("authEndpoint"),
        Some(&json!("/broadcasting/authorize"))
    );
}

#[test]
fn one_driver_is_the_default_without_saying_so() {
    for text in [
        "[drivers.null]",
        "[drivers.null]\n[drivers.log]\nenabled = false",
    ] {
        let broadcaster = read(text).unwrap().build().unwrap();
        assert!(drivers(&broadcaster).contains(r#"default_driver: "null""#));
    }
}

#[tokio::test]
async fn the_table_auth_decides_paths_and_who_may_subscribe() {
    for (word, by_visitor, by_user) in [
        ("logged-in", StatusCode::FORBIDDEN, StatusCode::OK),
        ("everyone", StatusCode::OK, StatusCode::OK),
        ("deny", StatusCode::FORBIDDEN, StatusCode::FORBIDDEN),
    ] {
        let text = format!(
            "[drivers.null]\n[auth]\npath = \"/auth\"\naliases = [\"/pusher/user-auth\"]\n\
             private = \"{word}\""
        );
        let broadcaster = read(&text)
            .unwrap()
            .users(crate::stage::user_of)
            .build()
            .unwrap();
        assert_eq!(
            broadcaster.csrf_exempt_paths(),
            ["/auth", "/pusher/user-auth"]
        );
        let app = broadcaster.routes();
        for path in ["/auth", "/pusher/user-auth"] {
            let ask = || form(path, &[("socket_id", "1.2"), ("channel_name", "private-x")]);
            assert_eq!(ask().to(&app).await.status, by_visitor, "{word} {path}");
            assert_eq!(ask().by(7).to(&app).await.status, by_user, "{word} {path}");
        }
        assert_eq!(
            channel("private-x").to(&app).await.status,
            StatusCode::NOT_FOUND
        );
    }
}

#[tokio::test]
async fn the_table_auth_decides_who_may_publish() {
    for (word, sent) in [("logged-in", 0), ("anyone", 1)] {
        let text = format!("[drivers.null]\n[auth]\npublish_private = \"{word}\"");
        let broadcaster = read(&text).unwrap().build().unwrap();
        let mut parts = http::Request::get("/").body(()).unwrap().into_parts().0;
        let broadcast = Broadcast::from_request_parts(&mut parts, &broadcaster)
            .await
            .unwrap();
        let report = broadcast.to("private-x").message("hello").await.unwrap();
        assert_eq!(report.sent.len(), sent, "{word}");
    }
}

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
            "2:2: something: unknown key; expected one of `default`, `public_url`, `drivers`, `auth`",
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
fn a_driver_that_is_not_compiled_in_names_its_feature() {
    for (name, compiled_in) in [("pusher", cfg!(feature = "pusher"))] {
        if compiled_in {
            continue;
        }
        let needs = format!("driver `{name}` needs the feature `{name}` of skywave");
        assert_eq!(
            mistakes(read(&format!("[drivers.{name}]\nsecret = \"hush\""))),
            [format!("b.toml:1:10: drivers.{name}.driver: {needs}")]
        );
        assert_eq!(
            mistakes(with_variables(&[("BROADCAST_DRIVER", "pusher")]).env()),
            [format!("variable `BROADCAST_DRIVER`: {needs}")]
        );
    }
}

#[cfg(feature = "pusher")]
#[test]
fn the_environment_describes_pusher_in_the_documents_words_and_others() {
    for variables in [
        &[
            ("BROADCAST_DRIVER", "pusher"),
            ("PUSHER_APP_ID", "1"),
            ("PUSHER_CLIENT", "k"),
            ("PUSHER_SECRET", "s"),
            ("PUSHER_CLUSTER", "eu"),
        ] as &[_],
        &[
            ("BROADCAST_DRIVER", "pusher"),
            ("PUSHER_APP_ID", "1"),
            ("PUSHER_APP_KEY", "k"),
            ("PUSHER_APP_SECRET", "s"),
            ("PUSHER_APP_CLUSTER", "eu"),
        ],
        &[
            ("BROADCAST_DRIVER", "pusher"),
            ("PUSHER_URL", "https://k:s@api-eu.pusher.com/apps/1"),
        ],
    ] {
        let broadcaster = with_variables(variables).env().unwrap().build().unwrap();
        let request = http::Request::get("http://localhost/")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        let options = broadcaster.client_options(&request).unwrap();
        assert_eq!(
            (options.key(), options.option("cluster")),
            ("k", Some(&json!("eu")))
        );
    }
    // With its secret it is there beside the default.
    let variables = &[("PUSHER_SECRET", "s"), ("PUSHER_PORT", "many")];
    assert_eq!(
        mistakes(with_variables(variables).env()),
        [
            "variable `PUSHER_APP_ID`: not set; expected text",
            "variable `PUSHER_CLIENT` or `PUSHER_APP_KEY` or `PUSHER_KEY`: not set; expected text",
            "variable `PUSHER_PORT`: expected a number from 0 to 65535, found text",
        ]
    );
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

/// A kind of driver of the application.
fn kafka(settings: &Settings) -> Result<Null, SettingsError> {
    let broker = settings.required::<String>("broker|url");
    let secret = settings.required::<Secret>("secret");
    let retries = settings.optional::<u8>("retries");
    if broker? == "down" {
        return Err(settings.mistake("broker|url", "expected one that is up"));
    }
    if secret?.expose() == "wrong" {
        return Err(DriverError::new("no connection")
            .caused_by("it is down")
            .into());
    }
    retries.map(|_| Null)
}

fn own_kind(text: &str) -> Result<Builder<NoUser>, BuildError> {
    with_variables(VARIABLES)
        .kind("kafka", &["broker|url", "secret", "retries"], kafka)
        .text("b.toml", text)
}

#[test]
fn applications_have_kinds_of_their_own() {
    let text = "default = \"two\"\n[drivers.kafka]\nurl = \"a\"\nsecret = \"s\"\n[drivers.two]\n\
                driver = \"kafka\"\nbroker = \"b\"\nsecret = \"${SECRET}\"\nretries = 3";
    let broadcaster = own_kind(text).unwrap().build().unwrap();
    assert!(drivers(&broadcaster).contains(r#"["kafka", "two"]"#));

    for (text, expected) in [
        (
            "[drivers.kafka]\nretrys = 3",
            &[
                "b.toml:1:10: drivers.kafka: key `broker` or `url` is missing; expected text",
                "b.toml:1:10: drivers.kafka: key `secret` is missing; expected text",
                "b.toml:2:1: drivers.kafka.retrys: unknown key; did you mean `retries`?",
            ] as &[&str],
        ),
        (
            "[drivers.kafka]\nurl = \"down\"\nsecret = \"s\"\nretries = 256",
            &[
                "b.toml:2:7: drivers.kafka.url: expected one that is up",
                "b.toml:4:11: drivers.kafka.retries: expected a number from 0 to 255, found 256",
            ],
        ),
        (
            "[drivers.kafka]\nurl = \"up\"\nsecret = \"wrong\"",
            &["b.toml:1:10: drivers.kafka: no connection: it is down"],
        ),
        (
            "[drivers.kafak]",
            &[
                "b.toml:1:10: drivers.kafak.driver: unknown kind of driver `kafak`; did you mean \
               `kafka`?",
            ],
        ),
    ] {
        assert_eq!(mistakes(own_kind(text)), expected, "{text}");
    }
}

#[test]
fn a_kind_reads_only_what_it_declares_and_has_its_name_alone() {
    let read = with_variables(VARIABLES)
        .kind("log", &["colour"], |_| Ok(Null))
        .kind("void", &["colour"], |settings| {
            settings.optional::<String>("color")?;
            Ok(Null)
        })
        .text("b.toml", "[drivers.void]\ncolour = \"black\"");
    assert_eq!(
        mistakes(read),
        [
            "kind `log`: there are two; expected different names",
            "b.toml:1:10: drivers.void: its kind reads `color`, which is not among its keys",
        ]
    );
}

#[test]
fn settings_and_configurations_print_no_values() {
    let configure = with_variables(VARIABLES).kind("spy", &["secret"], |settings| {
        let printed = format!("{settings:?}");
        assert!(
            printed.contains("secret") && !printed.contains("hush"),
            "{printed}"
        );
        Ok(Null)
    });
    assert!(format!("{configure:?}").contains("spy"));
    let _builder = configure
        .text("b.toml", "[drivers.spy]\nsecret = \"hush\"")
        .unwrap();
}

#[test]
fn the_environment_describes_drivers() {
    let build = |variables| {
        let configure = with_variables(variables);
        drivers(&configure.env().unwrap().build().unwrap())
    };
    for (variables, expected) in [
        (
            &[] as &[_],
            r#"["embedded", "log", "null"], default_driver: "embedded""#,
        ),
        (&[("BROADCAST_DRIVER", "")], r#"default_driver: "embedded""#),
        (
            &[("BROADCAST_DRIVER", "log")],
            r#"["log", "null"], default_driver: "log""#,
        ),
        (
            &[
                ("BROADCAST_DRIVER", "embedded"),
                ("SKYWAVE_APP_KEY", "k"),
                ("SKYWAVE_APP_SECRET", "s"),
                ("EMBEDDED_CLIENT_EVENTS", "false"),
                ("LOG_DATA", "true"),
            ],
            r#"default_driver: "embedded""#,
        ),
    ] {
        let printed = build(variables);
        assert!(printed.contains(expected), "{printed}");
    }
}

#[test]
fn every_mistake_in_the_environment_names_its_variable() {
    for (variables, expected) in [
        (
            &[("BROADCAST_DRIVER", "embeded"), ("LOG_DATA", "hush")] as &[_],
            &[
                "variable `BROADCAST_DRIVER`: unknown kind of driver `embeded`; did you mean \
                 `embedded`?",
                "variable `LOG_DATA`: expected true or false, found text",
            ] as &[&str],
        ),
        (
            &[("SKYWAVE_APP_KEY", "29382xx..")],
            &[
                "variable `SKYWAVE_APP_KEY`: a placeholder; expected a value of your own",
                "variable `SKYWAVE_APP_SECRET`: not set; expected text",
            ],
        ),
        (
            &[
                ("SKYWAVE_APP_KEY", "k"),
                ("SKYWAVE_APP_SECRET", "hush"),
                ("SKYWAVE_APP_ID", "a"),
            ],
            &["driver `embedded`: app id `a`: expected decimal digits"],
        ),
    ] {
        let found = mistakes(with_variables(variables).env());
        assert_eq!(found, expected);
        assert!(!found.join("").contains("hush"), "{found:?}");
    }
}

#[test]
fn the_environment_describes_kinds_of_the_application() {
    let read = |variables| {
        with_variables(variables)
            .kind("kafka", &["broker|url", "secret", "retries"], kafka)
            .env()
    };
    let _builder = read(&[
        ("BROADCAST_DRIVER", "kafka"),
        ("KAFKA_URL", "a"),
        ("KAFKA_SECRET", "s"),
    ])
    .unwrap();
    // Not the default, so not there.
    let _builder = read(&[("KAFKA_RETRIES", "many")]).unwrap();
    assert_eq!(
        mistakes(read(&[
            ("BROADCAST_DRIVER", "kafka"),
            ("KAFKA_BROKER", "a"),
            ("KAFKA_URL", "b"),
            ("KAFKA_RETRIES", "many"),
        ])),
        [
            "variables `KAFKA_BROKER` and `KAFKA_URL` are the same setting; expected one of them, \
             or the same value",
            "variable `KAFKA_SECRET`: not set; expected text",
            "variable `KAFKA_RETRIES`: expected a number from 0 to 255, found text",
        ]
    );
}

#[tokio::test]
async fn a_driver_is_chosen_by_its_type() {
    let broadcaster = read("default = \"b\"\n[drivers.null]\n[drivers.a]\ndriver = \"log\"\n[drivers.b]\ndriver = \"log\"")
        .unwrap()
        .build()
        .unwrap();
    let broadcast = broadcaster.as_system();
    broadcast
        .driver_of::<Null>()
        .unwrap()
        .to("c")
        .message("hello")
        .await
        .unwrap();
    assert!(format!("{:?}", broadcast.driver_of::<Null>()).contains(r#"Some(["null"])"#));
    // Of two, the default one.
    assert!(format!("{:?}", broadcaster.driver_of::<Log>()).contains(r#"Some("b")"#));
    assert_eq!(
        broadcast.driver_of::<Embedded>().unwrap_err().to_string(),
        "there is no driver of type `Embedded`: expected the type of one of `null`, `a`, `b`"
    );
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn a_fake_has_the_drivers_of_the_file() {
    let (broadcaster, recording) = read("default = \"log\"\n[drivers.log]\n[drivers.null]")
        .unwrap()
        .fake()
        .unwrap();
    let broadcast = broadcaster.as_system().driver_of::<Null>().unwrap();
    broadcast.to("c").message("hello").await.unwrap();
    assert_eq!(recording.events()[0].driver, "null");
}
