//! What the server logs, at the most talkative level, and what must not stand in it.

use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static SIGNATURES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Captures everything that is logged in this process from now on.
///
/// It has to be global, because workers are threads of their own; so the log is that of all tests
/// that ran so far, which makes the search for secrets in it the better.
pub(crate) fn capture() {
    static ONCE: Once = Once::new();
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
