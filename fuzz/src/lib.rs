//! Fuzz targets: what has to hold for every input that comes from outside.
//!
//! A [`Target`] is a function that takes bytes and panics when something does not hold, beside inputs
//! to begin with. `cargo test -p skywave-fuzz` runs each for a few seconds on [variations](vary) of
//! those, and on everything in `regressions/`, where inputs stay that once showed a mistake.
//! `cargo xtask fuzz` runs them for long under libFuzzer, which looks for new paths in the code
//! (`engine/`, a workspace of its own).
//!
//! ```text
//! frames      RFC 6455: the decoder, in one piece and in many
//! messages    what clients say, on a WebSocket or in the body of xhr_send
//! names       channels, events, socket ids
//! origins     the header that names a page's site, against rules
//! requests    the query of a signed request, its signature, and the bodies that publish
//! members     presence and user data, watchlists
//! handshakes  the head of a request that wants to become a WebSocket
//! server      whole requests, through every route of a server
//! connections all bytes of a connection: what the server makes of them, and what hyper does
//! settings    the configuration file
//! ```

mod connections;
mod frames;
mod handshakes;
mod members;
mod messages;
mod names;
mod origins;
mod requests;
mod server;
mod settings;
pub mod vary;

/// Something that takes input from outside.
#[derive(Debug)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Panics when something does not hold for this input.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Longer inputs show nothing more.
    pub longest: usize,
}

impl Target {
    /// The target of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    frames::TARGET,
    messages::MESSAGES,
    messages::BODIES,
    names::TARGET,
    origins::TARGET,
    requests::REQUESTS,
    requests::EVENTS,
    members::TARGET,
    handshakes::TARGET,
    server::TARGET,
    connections::TARGET,
    settings::TARGET,
];

/// Texts as inputs.
fn seeds(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
