//! The crate as its users see it: rules, properties, and a published implementation as witness.

mod client;
mod decoding;
mod differential;
mod encoding;
mod handshake;
mod limits;
mod properties;
mod streams;
