//! The guide's reference against the code: every key is told, and every key told is there.

use std::collections::BTreeMap;
use std::path::Path;

use super::EXAMPLE;
use super::apps::APP_KEYS;
use super::file::{File, TOP_KEYS};
use super::limits::{LIMIT_KEYS, defaults};
use super::listen::{LISTEN_KEYS, OPERATOR_KEYS, PROXY_HEADERS};
use super::tables::{DRAIN_KEYS, FORMATS, LOG_KEYS, PER_ADDRESS_KEYS, SERVER_KEYS};
use super::webhooks::{ENDPOINT_KEYS, WEBHOOKS_KEYS};

const GUIDE: &str = include_str!("../../../../docs/server-configuration.md");

/// The rows of the tables below each `###` heading, as their cells.
fn tables() -> BTreeMap<&'static str, Vec<Vec<&'static str>>> {
    let tables = GUIDE.split("\n### ").skip(1).map(|section| {
        let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
        let lines = text.lines().filter(|line| line.starts_with('|')).skip(2);
        let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
        (heading.trim_matches('`'), lines.map(cells).collect())
    });
    tables.collect()
}

fn column(table: &[Vec<&str>], column: usize) -> Vec<String> {
    table.iter().map(|row| row[column].to_owned()).collect()
}

/// The words of a choice.
fn quoted<T>(words: &[(&str, T)]) -> String {
    let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    words.join(", ")
}

#[test]
fn the_guide_tells_every_key_and_no_other() {
    let mut tables = tables();
    for (heading, known) in [
        ("Top", TOP_KEYS),
        ("[[listen]]", LISTEN_KEYS),
        ("[server]", SERVER_KEYS),
        ("[per_address]", PER_ADDRESS_KEYS),
        ("[webhooks]", WEBHOOKS_KEYS),
        ("[operator]", OPERATOR_KEYS),
        ("[drain]", DRAIN_KEYS),
        ("[log]", LOG_KEYS),
        ("[[apps]]", APP_KEYS),
        ("[[apps.webhooks]]", ENDPOINT_KEYS),
        ("[apps.limits]", LIMIT_KEYS),
    ] {
        let told = tables.remove(heading).unwrap_or_default();
        let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
        assert_eq!(column(&told, 0), known, "{heading}");
    }
    assert!(tables.is_empty(), "{:?}", tables.keys());
}

#[test]
fn the_guide_tells_defaults_and_words_as_they_are() {
    let tables = tables();
    assert_eq!(column(&tables["[apps.limits]"], 2), defaults());
    assert_eq!(tables["[log]"][0][1], quoted(FORMATS));
    assert_eq!(tables["[[listen]]"][7][1], quoted(PROXY_HEADERS));
    assert_eq!(tables["[log]"][1][2], format!("`{}`", crate::serve::FILTER));

    let webhooks = skywave_server::Webhooks::default();
    let interval = webhooks.batch_interval.as_secs();
    for (key, default) in [
        ("batch_events", webhooks.batch_events.to_string()),
        ("batch_interval", format!("\"{interval}s\"")),
        ("queue_events", webhooks.queue_events.to_string()),
    ] {
        let key = format!("`webhook_{key}`");
        let row = tables["[[apps]]"].iter().find(|row| row[0] == key);
        assert_eq!(row.map(|row| row[2]), Some(format!("`{default}`").as_str()));
    }

    let config = skywave_server::Config::new([]);
    let time = |time: std::time::Duration| format!("`\"{}s\"`", time.as_secs());
    assert_eq!(tables["[webhooks]"][1][2], time(config.webhooks.timeout));
    let drain = skywave_server::Drain::default();
    assert_eq!(
        column(&tables["[drain]"], 2),
        [drain.notice, drain.over].map(time)
    );
    assert_eq!(
        column(&tables["[server]"], 2)[1..6],
        [
            time(config.activity_timeout),
            time(config.pong_timeout),
            time(config.request_timeout),
            format!("`{}`", config.outbox_bytes),
            format!("`{}`", config.message_bytes),
        ]
    );
}

/// The blocks of the guide in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = GUIDE.split(fence.as_str()).skip(1);
    blocks
        .filter_map(|block| block.split("```").next())
        .collect()
}

#[test]
fn the_guides_file_is_the_example() {
    assert_eq!(blocks("toml")[0], EXAMPLE);
}

/// On every page. The files that they name are not there.
#[test]
fn the_files_of_all_pages_are_right() {
    let pages = std::fs::read_dir("../../docs").expect("tests run in the folder of their crate");
    let mut files = 0;
    for page in pages {
        let page = page.expect("the folder can be read").path();
        if page.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&page).expect("pages are text");
        let name = page.display().to_string();
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            let ours = TOP_KEYS
                .iter()
                .any(|key| block.contains(&format!("[{key}]")));
            if !ours {
                continue;
            }
            files += 1;
            let read = File::read(&name, block, Path::new(""), &|_| Some("a".to_owned()));
            let mut mistakes = read.map_or_else(|mistakes| mistakes, |_| Vec::new());
            mistakes.retain(|mistake| !mistake.contains("No such file"));
            assert!(mistakes.is_empty(), "{mistakes:#?} in {block}");
        }
    }
    assert!(files >= 10, "only {files} were found");
}

#[test]
fn the_guides_mistakes_are_the_reported_ones() {
    let text = "[[listen]]\naddress = \"localhost:6001\"\n\n[[apps]]\nid = \"1\"\nsecert = \"hush\"\n\
                key = \"k\"\nclient_events = \"yes\"\n";
    let read = File::read("skywave.toml", text, Path::new(""), &|_| None);
    let mistakes = read.map_or_else(|mistakes| mistakes, |_| Vec::new());
    assert_eq!(mistakes.join("\n"), blocks("text")[0].trim_end());
}
