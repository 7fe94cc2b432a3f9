//! `skywave bench` against a running server.

use serde_json::Value;

use crate::world::{folder, folder_with, run, serve};

const APP: &str = "[[apps]]\nid = \"1\"\nkey = \"k\"\nsecret = \"hush\"\n";

fn bench(url: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut all = vec!["bench", "--url", url];
    all.extend(arguments);
    run(&folder(), &all)
}

#[test]
fn every_delivery_is_counted() {
    let server = serve(&folder_with(APP), &[]);
    let url = format!("http://k:hush@{}/apps/1", server.address);
    let load = [
        "--connections",
        "7",
        "--channels",
        "3",
        "--rate",
        "60",
        "--seconds",
        "1",
    ];
    let (code, told, errors) = bench(&url, &[&load[..], &["--json"]].concat());
    assert_eq!((code, errors), (0, String::new()));
    let figures: Value = serde_json::from_str(&told).unwrap();
    let number = |of: &str, name: &str| figures[of][name].as_u64().unwrap();
    assert_eq!(number("connections", "opened"), 7);
    assert_eq!(number("connections", "channels"), 3);
    // The first is due at once, and one more may fall on the end.
    assert!((30..=62).contains(&number("events", "sent")), "{told}");
    let heard = number("deliveries", "heard");
    assert_eq!(heard, number("deliveries", "expected"));
    // 7 connections on 3 channels: 3, 2 and 2 on each.
    let sent = number("events", "sent");
    assert!((sent * 2..=sent * 3).contains(&heard), "{told}");
    let steps = figures["latency_us"]["histogram"].as_array().unwrap();
    let counted: u64 = steps
        .iter()
        .map(|step| step["count"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, heard);

    let (code, told, errors) = bench(&url, &load);
    assert_eq!((code, errors), (0, String::new()));
    assert!(
        told.contains("; 0 lost, 0 out of order or twice\n"),
        "{told}"
    );
}

#[test]
fn another_machine_is_not_aimed_at_unless_its_owner_knows() {
    let (code, told, errors) = bench("http://k:hush@192.0.2.1:6001/apps/1", &[]);
    assert_eq!((code, told), (2, String::new()));
    assert!(errors.contains("--allow-remote"), "{errors}");
}

#[test]
fn what_cannot_be_measured_is_said() {
    let server = serve(&folder_with(APP), &[]);
    let place = &server.address;
    for (url, arguments, code, problem) in [
        (
            format!("http://k:hush@{place}/apps/1"),
            ["--size", "63"],
            2,
            "expected 64 to 10240 bytes",
        ),
        (
            format!("http://k:wrong@{place}/apps/1"),
            ["--seconds", "1"],
            1,
            "Invalid signature",
        ),
        (
            format!("http://x:hush@{place}/apps/1"),
            ["--seconds", "1"],
            1,
            "Application does not exist",
        ),
        (
            "http://k:hush@127.0.0.1:1/apps/1".into(),
            ["--seconds", "1"],
            1,
            "0 of 100 connections",
        ),
    ] {
        let (ended, told, errors) = bench(&url, &arguments);
        assert_eq!((ended, told), (code, String::new()), "{errors}");
        assert!(errors.contains(problem), "{url}: {errors}");
    }
}
