//! What the server logs, at the most talkative level, and what must not stand in it.

use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

use crate::node::SECRET;

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static SIGNATURES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Captures everything that is logged in this process from now on.
///
/// It has to be global, because workers are threads of their own; so the log is that of all tests
/// that ran so far, which makes the search for secrets in it the better.
pub(crate) fn capture() {
    static ONCE: Once = Once::new();
    if crate::security::is_alone() {
        return;
    }
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(Capture)
            .init();
    });
}

/// Everything logged so far.
pub(crate) fn written() -> String {
    String::from_utf8_lossy(&lock(&WRITTEN)).into_owned()
}

/// Fails if what was logged since the last call has a secret in it, or anything that looks like a
/// signature. Every [`Node`](crate::node::Node) asks at its end, so the whole suite is looked at.
pub(crate) fn is_clean() {
    /// Bytes looked at already.
    static SEEN: Mutex<usize> = Mutex::new(0);
    let mut seen = lock(&SEEN);
    let written = lock(&WRITTEN);
    // A little of what was seen, for what a write may have cut.
    let new = String::from_utf8_lossy(&written[seen.saturating_sub(100)..]).into_owned();
    *seen = written.len();
    drop(written);
    assert!(!new.contains(SECRET), "the secret is logged");
    if let Some(digest) = digest(&new) {
        panic!("what looks like a signature is logged: {digest}");
    }
}

/// The first run of as many hexadecimal digits as a signature has.
pub(crate) fn digest(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_hexdigit())
        .find(|digits| digits.len() >= 64)
}

/// Notes a signature that a test made, for [`signatures`].
pub(crate) fn note_signature(signature: &str) {
    lock(&SIGNATURES).push(signature.to_owned());
}

/// All signatures that tests made so far.
pub(crate) fn signatures() -> Vec<String> {
    lock(&SIGNATURES).clone()
}

struct Capture;

impl<'a> MakeWriter<'a> for Capture {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl io::Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&WRITTEN).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A test that failed with the lock held is no reason for others to fail.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
