//! `docs/security.md`: every risk is there, and every test that it names exists.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../../../../docs/security.md");

/// What is wrong with the page.
fn mistakes(page: &str) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut numbers = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, risk, rule, tests] = cells.as_slice() else {
            continue; // another table
        };
        let Ok(number) = number.parse::<u32>() else {
            continue; // a head
        };
        numbers.push(number);
        if risk.is_empty() || rule.is_empty() {
            mistakes.push(format!("{number}: an empty cell"));
        }
        if let Some(why) = tests.strip_prefix("none: ") {
            if why.len() < 20 {
                mistakes.push(format!("{number}: say why there is no test"));
            }
            continue;
        }
        for link in tests.split("<br>") {
            if let Err(mistake) = check(link) {
                mistakes.push(format!("{number}: {link}: {mistake}"));
            }
        }
    }
    if numbers != (1..=20).collect::<Vec<_>>() {
        mistakes.push(format!("expected the risks 1 to 20, found {numbers:?}"));
    }
    mistakes
}

/// A link is [`file::test`](path of the file), and the file has that test.
fn check(link: &str) -> Result<(), String> {
    let parts = link
        .strip_prefix("[`")
        .and_then(|rest| rest.strip_suffix(')'));
    let (text, target) = parts
        .and_then(|parts| parts.split_once("`]("))
        .ok_or("expected [`file::test`](path)")?;
    let (file, test) = text.split_once("::").ok_or("expected `file::test`")?;
    if !target.ends_with(&format!("/{file}")) {
        return Err(format!("{target} is another file than {file}"));
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let source = fs::read_to_string(docs.join(target)).map_err(|error| error.to_string())?;
    let rust = || {
        source.split("test]\n").skip(1).any(|item| {
            let mut lines = item.lines().take(4).map(str::trim_start);
            lines.any(|line| {
                line.trim_start_matches("async ")
                    .starts_with(&format!("fn {test}("))
            })
        })
    };
    let found = if target.ends_with(".rs") {
        rust()
    } else {
        source.contains(&format!("test('{test}'"))
    };
    found.then_some(()).ok_or_else(|| "no such test".to_owned())
}

#[test]
fn the_page_of_security_is_complete_and_its_tests_exist() {
    assert_eq!(mistakes(PAGE), [] as [&str; 0]);
}

#[test]
fn a_slip_in_the_page_of_security_is_noticed() {
    for (from, to) in [
        ("\n| 7 |", "\n| 8 |"),
        (
            "::the_key_in_front_of_a_signature_counts",
            "::the_key_counts",
        ),
        ("security/tenants.rs)", "security/tenant.rs)"),
        ("<br>[`", "<br> [`"),
    ] {
        assert!(PAGE.contains(from), "{from}");
        let slip = PAGE.replacen(from, to, 1);
        assert_eq!(mistakes(&slip).len(), 1, "{from}: {:?}", mistakes(&slip));
    }
}
