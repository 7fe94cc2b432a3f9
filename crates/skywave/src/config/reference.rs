//! The guide's reference against the code: every key is told, and every key told is there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::env::{OTHER_NAMES, variable_names};
use super::file::{
    AUTH_KEYS, DRIVER_FAILURE, DRIVER_KEYS, PRIVATE, PUBLISH_PRIVATE, QUEUE_KEYS, TOP_KEYS,
};
use super::kind::Kinds;
use crate::builder::DEFAULT_AUTH_PATH;
use crate::{Broadcaster, DriverFailure, QueueSettings};

const GUIDE: &str = include_str!("../../../../docs/configuration.md");

/// The rows of the tables below each `###` heading, as their cells.
fn tables() -> BTreeMap<&'static str, Vec<Vec<&'static str>>> {
    let reference = GUIDE.split("\n### ").skip(1);
    let tables = reference.map(|section| {
        let section = section.split("\n## ").next().unwrap_or(section);
        let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
        let lines = text.lines().filter(|line| line.starts_with('|')).skip(2);
        let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
        (heading.trim_matches('`'), lines.map(cells).collect())
    });
    tables.collect()
}

fn keys(table: &[Vec<&str>]) -> Vec<String> {
    let keys = table
        .iter()
        .map(|row| row[0].replace("` or `", "|").replace('`', ""));
    keys.collect()
}

fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

#[test]
fn the_guide_tells_every_key_and_no_other() {
    let tables = tables();
    for (heading, known) in [
        ("Top", TOP_KEYS),
        ("[auth]", AUTH_KEYS),
        ("[queue]", QUEUE_KEYS),
        ("Every driver", DRIVER_KEYS),
    ] {
        assert_eq!(keys(&tables[heading]), known, "{heading}");
    }
    let kinds = Kinds::built_in();
    for name in kinds.names() {
        let kind = kinds.find(name).ok().unwrap();
        let table = tables
            .get(name)
            .unwrap_or_else(|| panic!("the guide leaves out `{name}`"));
        assert_eq!(keys(table), kind.keys, "{name}");
    }
}

#[test]
fn the_guide_tells_words_and_defaults_as_they_are() {
    let tables = tables();
    let failure = &tables["Top"][2];
    let words = DRIVER_FAILURE.iter().map(|(word, _)| *word);
    assert_eq!(failure[1], quoted(words));
    assert_eq!(failure[2], format!("`{}`", DRIVER_FAILURE[0].0));
    assert_eq!(DRIVER_FAILURE[0].1, DriverFailure::default());
    let queue = tables["[queue]"].iter().map(|row| (row[0], row[2]));
    assert_eq!(
        QueueSettings::default(),
        QueueSettings::default()
            .capacity(1_000)
            .attempts(8)
            .first_delay(Duration::from_millis(200))
            .close_within(Duration::from_secs(10))
    );
    assert_eq!(
        queue.collect::<Vec<_>>(),
        [
            ("`capacity`", "1000"),
            ("`attempts`", "8"),
            ("`first_delay`", "`\"200ms\"`"),
            ("`close_within`", "`\"10s\"`"),
        ]
    );
    let auth = &tables["[auth]"];
    assert_eq!(auth[0][2], format!("`{DEFAULT_AUTH_PATH}`"));
    assert_eq!(auth[2][1], quoted(PRIVATE.iter().map(|(word, _)| *word)));
    assert_eq!(
        auth[3][1],
        quoted(PUBLISH_PRIVATE.iter().map(|(word, _)| *word))
    );
    for name in Kinds::built_in().names() {
        let kinds = tables["Every driver"][0][1];
        assert!(
            kinds.contains(&format!("`{name}`")),
            "{kinds} leave out `{name}`"
        );
    }
}

#[test]
fn the_guide_tells_the_variables_with_names_of_their_own() {
    for (kind, key, variables) in OTHER_NAMES {
        let row = format!("| `{kind}.{key}` | {} |", quoted(variables.iter().copied()));
        assert!(GUIDE.contains(&row), "{row}");
        assert_eq!(variable_names(kind, key), *variables);
    }
    assert_eq!(variable_names("pusher", "port"), ["PUSHER_PORT"]);
}

/// The blocks of the guide in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = GUIDE.split(fence.as_str()).skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    blocks.collect()
}

#[test]
fn the_guides_file_is_right() {
    let file = blocks("toml")[0];
    let builder = Broadcaster::configure()
        .variables(|_| None)
        .text("b.toml", file);
    assert!(builder.is_ok(), "{builder:?}");
}

#[cfg(feature = "pusher")]
#[test]
fn the_guides_mistakes_are_the_reported_ones() {
    let file = "default = \"ably\"\n\n[drivers.pusher]\napp_id = \"${PUSHER_APP_ID}\"\nkey = \"k\"\n\
                sceret = \"hush\"\ncluster = \"eu\"\n\n[drivers.log]\ndata = \"yes\"\n";
    let configure = Broadcaster::configure().variables(|_| None);
    let mistakes = configure.text("config/broadcast.toml", file).unwrap_err();
    assert_eq!(mistakes.to_string(), blocks("text")[0].trim_end());
}
