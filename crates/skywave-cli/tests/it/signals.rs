//! What signals do to a running server.

use crate::world::{connect, folder_with, hears, serve};

const APP: &str = "[[apps]]\nid = \"1\"\nkey = \"k\"\nsecret = \"hush\"\n";

#[test]
fn either_signal_ends_it_and_says_goodbye() {
    for signal in ["TERM", "INT"] {
        let mut server = serve(&folder_with(APP), &[]);
        let (mut browser, _) = connect(&server.address, "k");
        server.signal(signal);
        let last = hears(&mut browser);
        assert!(last.starts_with("closed: Some"), "{last}");
        drop(browser);
        assert!(server.end().success(), "{signal}");
    }
}
