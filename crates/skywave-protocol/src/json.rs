//! Writing JSON strings, and reading JSON from peers.
//!
//! Strings are escaped as `serde_json` escapes them, in one pass that copies whole runs of clean
//! bytes: event data goes through here once per event. Protocol messages carry JSON inside a JSON
//! string, so there is also a writer that escapes twice at once instead of building the inner text.

use serde::Deserialize;

use crate::{Excerpt, hex};

/// Appends `text` as the inside of a JSON string, without the quotes.
pub(crate) fn escape(text: &str, out: &mut Vec<u8>) {
    write_escaped::<false>(text.as_bytes(), out);
}

/// Appends `text` as the inside of a JSON string that is inside another JSON string.
pub(crate) fn escape_twice(text: &str, out: &mut Vec<u8>) {
    write_escaped::<true>(text.as_bytes(), out);
}

/// Appends `"text"`.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text, out);
    out.push(b'"');
}

/// Reads a `T` from a JSON object; says what is wrong and where if it is not one.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Excerpt> {
    // serde would also take an array for a struct.
    if !text.trim_ascii_start().starts_with('{') {
        return Err("expected a JSON object".into());
    }
    serde_json::from_str(text).map_err(|error| reason(&error))
}

/// What is wrong, and where; of what was found instead, no more than the beginning.
pub(crate) fn reason(error: &serde_json::Error) -> Excerpt {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&position).unwrap_or(&text);
    Excerpt::from(format!("{what:.120}{position}").as_str())
}

/// Copies `bytes` with quotes, backslashes and control characters escaped, once or `TWICE`.
fn write_escaped<const TWICE: bool>(bytes: &[u8], out: &mut Vec<u8>) {
    // `\"` and `\n` are `\\\"` and `\\n` when they are escaped themselves.
    let before_quote: &[u8] = if TWICE { br"\\\" } else { br"\" };
    let before_control: &[u8] = if TWICE { br"\\" } else { br"\" };
    out.reserve(bytes.len());
    let mut written = 0;
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min(at + CHUNK);
        // Without an early exit, so that the compiler tests the whole chunk at once.
        if !bytes[at..end]
            .iter()
            .fold(false, |dirty, &byte| dirty | needs_escape(byte))
        {
            at = end;
            continue;
        }
        for (here, &byte) in bytes.iter().enumerate().take(end).skip(at) {
            if needs_escape(byte) {
                out.extend_from_slice(&bytes[written..here]);
                if byte < 0x20 {
                    out.extend_from_slice(before_control);
                    write_control(byte, out);
                    written = here + 1;
                } else {
                    // The byte itself begins the next run.
                    out.extend_from_slice(before_quote);
                    written = here;
                }
            }
        }
        at = end;
    }
    out.extend_from_slice(&bytes[written..]);
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// What follows the backslash in the escape sequence of a control character.
fn write_control(byte: u8, out: &mut Vec<u8>) {
    match byte {
        0x08 => out.push(b'b'),
        b'\t' => out.push(b't'),
        b'\n' => out.push(b'n'),
        0x0c => out.push(b'f'),
        b'\r' => out.push(b'r'),
        _ => {
            out.extend_from_slice(b"u00");
            out.extend_from_slice(hex::encode(&[byte]).as_bytes());
        }
    }
}

/// Bytes tested at once: two vector registers of every 64-bit target.
const CHUNK: usize = 32;
