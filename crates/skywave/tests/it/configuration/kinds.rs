//! Kinds of drivers of an application's own.

use skywave::config::{Secret, Settings, SettingsError};
use skywave::driver::DriverError;
use skywave::{BuildError, Builder, NoUser, Null};

use super::{VARIABLES, drivers, mistakes, with_variables};

/// A kind of driver of the application.
pub(super) fn kafka(settings: &Settings) -> Result<Null, SettingsError> {
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
