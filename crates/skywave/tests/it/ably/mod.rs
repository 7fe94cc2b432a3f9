//! The `ably` driver: what it asks of Ably, what it makes of the answers, and the tokens that its
//! clients get.

mod publishing;
mod stub;
mod tokens;
mod trouble;

use serde_json::Value;
use skywave::{Ably, Broadcaster};

/// The key of the vectors.
const KEY: &str = "aBcDeF.GhIjKl:0123456789abcdefSecret";

/// The settings for a server on this machine.
fn ably(port: u16) -> Ably {
    Ably::new(KEY).base_url(format!("http://127.0.0.1:{port}"))
}

fn broadcaster(ably: Ably) -> Broadcaster {
    Broadcaster::builder().driver("ably", ably).build().unwrap()
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../ably-vectors.json")).unwrap()
}
