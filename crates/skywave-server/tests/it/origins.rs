//! Whose pages may connect (security checklist 1); the table of origins is in `skywave-protocol`.

use skywave_protocol::Origins;
use skywave_server::{App, AppSettings};

use crate::host::Host;
use crate::node::{APP_ID, Node, connect, credentials, until};
use crate::wire::{Wire, app_target, handshake};

fn node(origins: Origins) -> Node {
    Node::with(|config| {
        let settings = AppSettings {
            origins,
            ..AppSettings::new(credentials())
        };
        config.apps = vec![App::new(APP_ID, settings)];
    })
}

fn only(rule: &str) -> Origins {
    Origins::only([rule.parse().expect("a well-formed rule")])
}

/// A WebSocket opened with these lines in the head of its handshake.
fn opened(mut wire: Wire, lines: &[&str]) -> Wire {
    wire.send(handshake(&app_target(), lines));
    assert_eq!(wire.reply().status, 101);
    wire
}

#[test]
fn pages_of_any_site_may_connect_where_there_is_no_rule() {
    let node = Node::start();
    for origin in [
        "https://example.com",
        "null",
        "nonsense",
        "https://b\u{fc}cher.example",
    ] {
        opened(node.wire(), &[&format!("Origin: {origin}")]).greeting();
    }
    opened(
        node.wire(),
        &["Origin: https://a.test", "Origin: https://b.test"],
    )
    .greeting();
    opened(node.wire(), &[]).greeting();
}

#[test]
fn pages_of_other_sites_are_refused_where_there_is_one() {
    let node = node(only("https://example.com"));
    let host = Host::start();
    let hosted = host.axum(&node.server);
    let wires = || [node.wire(), Wire::tcp(connect(hosted))];
    for wire in wires() {
        opened(wire, &["Origin: https://example.com"]).greeting();
    }
    for wire in wires() {
        // No browser.
        opened(wire, &[]).greeting();
    }
    for lines in [
        &["Origin: https://example.com.evil.test"][..],
        &["Origin: http://example.com"],
        &["Origin: null"],
        &["Origin:"],
        &["Origin: https://b\u{fc}cher.example"],
        &["Origin: https://example.com", "Origin: https://evil.test"],
        &["Origin: https://example.com", "Origin: https://example.com"],
    ] {
        for wire in wires() {
            opened(wire, lines).is_refused_with(4009);
        }
    }
    until("those that were let in are gone", || {
        node.server.connections() == 0
    });
}

#[test]
fn the_refusal_names_the_origin_and_is_no_longer_than_it_may_be() {
    let node = node(only("https://example.com"));
    let mut wire = opened(node.wire(), &["Origin: https://evil.test"]);
    let error = wire.message();
    assert_eq!(
        error["data"]["message"],
        "Origin not allowed: 'https://evil.test'"
    );
    wire.is_closed_with(4009);

    let long = format!("Origin: https://{}.test", "x".repeat(5_000));
    let mut wire = opened(node.wire(), &[&long]);
    let error = wire.message().to_string();
    assert!(error.len() < 300, "{error}");
    wire.is_closed_with(4009);
}

#[test]
fn clients_that_are_no_browsers_may_be_shut_out_and_null_let_in() {
    let node = node(Origins {
        null: true,
        missing: false,
        ..only("https://example.com")
    });
    opened(node.wire(), &["Origin: null"]).greeting();
    opened(node.wire(), &["Origin: https://example.com"]).greeting();
    opened(node.wire(), &[]).is_refused_with(4009);
}

#[test]
fn an_app_for_tls_alone_sends_plain_connections_there() {
    let node = Node::with(|config| {
        let settings = AppSettings {
            tls_only: true,
            ..AppSettings::new(credentials())
        };
        config.apps = vec![App::new(APP_ID, settings)];
    });
    opened(node.wire(), &[]).is_refused_with(4000);
    // Nobody can claim it.
    opened(node.wire(), &["X-Forwarded-Proto: https"]).is_refused_with(4000);
}
