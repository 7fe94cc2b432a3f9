
mod client;
mod decoding;
mod encoding;
mod limits;
