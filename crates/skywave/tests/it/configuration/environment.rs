//! The environment instead of a file: what works, and every mistake in its words.

#[cfg(feature = "pusher")]
use serde_json::json;

use super::kinds::kafka;
use super::{drivers, mistakes, with_variables};

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
