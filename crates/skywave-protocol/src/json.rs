//! Writing JSON strings, and reading JSON from peers.
//!
//! Strings are escaped as `serde_json` escapes them, in one pass that copies whole runs of clean
//! bytes: event data goes through here once per event. Protocol messages carry JSON inside a JSON
//! string, so there is also a writer that escapes twice at once instead of building the inner text.

use serde::Deserialize;

use crate::Excerpt;

/// Appends `text` as the inside of a JSON string, without the quotes.
pub(crate) fn escape(text: &str, out: &mut Vec<u8>) {
    escape_runs(text.as_bytes(), out, |byte, out| {
        out.extend_from_slice(Escape::of(byte).bytes());
    });
}

/// Appends `text` as the inside of a JSON string that is inside another JSON string.
pub(crate) fn escape_twice(text: &str, out: &mut Vec<u8>) {
    escape_runs(text.as_bytes(), out, |byte, out| {
        for &byte in Escape::of(byte).bytes() {
            // An escape sequence is a backslash and printable characters.
            if matches!(byte, b'\\' | b'"') {
                out.push(b'\\');
            }
            out.push(byte);
        }
    });
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
    serde_json::from_str(text).map_err(|error| Excerpt::from(error.to_string().as_str()))
}

fn escape_runs(bytes: &[u8], out: &mut Vec<u8>, mut write: impl FnMut(u8, &mut Vec<u8>)) {
    out.reserve(bytes.len());
    let mut written = 0;
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min(at + CHUNK);
        // Without an early exit, so that the compiler tests the whole chunk at once.
        let dirty = bytes[at..end]
            .iter()
            .fold(false, |dirty, &byte| dirty | needs_escape(byte));
        if dirty {
            for here in at..end {
                if needs_escape(bytes[here]) {
                    out.extend_from_slice(&bytes[written..here]);
                    write(bytes[here], out);
                    written = here + 1;
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

/// The escape sequence of one byte.
struct Escape {
    bytes: [u8; 6],
    length: usize,
}

impl Escape {
    /// The sequence for a byte that [`needs_escape`].
    fn of(byte: u8) -> Self {
        let letter = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0c => b'f',
            b'\r' => b'r',
            _ => {
                let low = byte & 15;
                let low = if low < 10 {
                    b'0' + low
                } else {
                    b'a' + low - 10
                };
                let high = b'0' + (byte >> 4);
                return Self {
                    bytes: [b'\\', b'u', b'0', b'0', high, low],
                    length: 6,
                };
            }
        };
        Self {
            bytes: [b'\\', letter, 0, 0, 0, 0],
            length: 2,
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Bytes tested at once: two vector registers of every 64-bit target.
const CHUNK: usize = 32;
