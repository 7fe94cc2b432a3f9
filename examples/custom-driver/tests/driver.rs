//! The driver, through the API that applications send with.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use custom_driver::JsonLines;
use serde_json::{Value, json};
use skywave::config::Configure;
use skywave::testing::{Delivered, DriverSuite};
use skywave::{Broadcaster, BuildError};

/// A file of this test's own that is not there yet.
fn file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    path
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn configure() -> Configure {
    Broadcaster::configure().kind("json-lines", JsonLines::KEYS, JsonLines::from_settings)
}

fn mistake(built: Result<Broadcaster, BuildError>) -> String {
    built.unwrap_err().to_string()
}

#[tokio::test]
async fn it_does_what_all_drivers_do() {
    let path = file("suite.jsonl");
    let written = path.clone();
    DriverSuite::new(JsonLines::new(path))
        .delivering(move || {
            let channels = |line: &Value| line["channels"].as_array().unwrap().clone();
            let on_each = |line: Value| {
                let (event, data) = (line["event"].clone(), line["data"].clone());
                channels(&line).into_iter().map(move |channel| {
                    Delivered::new(
                        channel.as_str().unwrap(),
                        event.as_str().unwrap(),
                        data.clone(),
                    )
                })
            };
            lines(&written).into_iter().flat_map(on_each).collect()
        })
        .run()
        .await;
}

#[tokio::test]
async fn events_are_appended_line_by_line() {
    let path = file("appended.jsonl");
    for _ in 0..2 {
        let broadcaster = Broadcaster::builder()
            .driver("events", JsonLines::new(&path))
            .build()
            .unwrap();
        let system = broadcaster.as_system();
        system
            .channel(["a", "private-b"], "Sent", json!({ "key": "line\n" }))
            .await
            .unwrap();
        system
            .driver_of::<JsonLines>()
            .unwrap()
            .to("c")
            .message("hello")
            .await
            .unwrap();
    }
    let sent =
        json!({ "event": "Sent", "channels": ["a", "private-b"], "data": { "key": "line\n" } });
    let message =
        json!({ "event": "base-event", "channels": ["c"], "data": { "message": "hello" } });
    assert_eq!(lines(&path), [sent.clone(), message.clone(), sent, message]);
}

#[tokio::test]
async fn the_examples_file_names_it_as_the_default() {
    let path = file("configured.jsonl");
    let name = path.to_str().unwrap().to_owned();
    let text = include_str!("../config/broadcast.toml");
    let broadcaster = configure()
        .variables(move |variable| (variable == "EVENTS_FILE").then(|| name.clone()))
        .text("config/broadcast.toml", text)
        .unwrap()
        .build()
        .unwrap();
    broadcaster
        .as_system()
        .to("c")
        .message("hello")
        .await
        .unwrap();
    assert_eq!(lines(&path).len(), 1);
}

#[test]
fn mistakes_name_their_place() {
    let build = |path: &str| {
        let text = format!("[drivers.events]\ndriver = \"json-lines\"\npath = \"{path}\"");
        configure().text("b.toml", &text)?.build()
    };
    assert_eq!(
        mistake(build("events.log")),
        "b.toml:3:8: drivers.events.path: expected a file whose name ends with .jsonl"
    );
    assert_eq!(
        mistake(build("/no/such/folder/events.jsonl")),
        "b.toml:1:10: driver `events`: cannot open /no/such/folder/events.jsonl: No such file or \
         directory (os error 2)"
    );
}

/// The program itself, with a real environment.
#[test]
fn the_program_reads_its_file_and_the_environment() {
    let path = file("program.jsonl");
    let run = |driver: &str| {
        Command::new(env!("CARGO_BIN_EXE_custom-driver"))
            .arg("4.1.0")
            .env("EVENTS_FILE", &path)
            .env("BROADCAST_DRIVER", driver)
            .output()
            .unwrap()
    };
    assert!(run("events").status.success());
    assert_eq!(lines(&path)[0]["data"], json!({ "version": "4.1.0" }));

    let output = run("evnets");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    let place = "config/broadcast.toml:1:11: default: there is no driver `evnets`; did you mean";
    assert!(told.contains(place), "{told}");
}
