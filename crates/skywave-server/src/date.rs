//! The `Date` of answers (RFC 9110 §6.6.1), written once a second.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The date, as a worker last wrote it.
#[derive(Debug, Default)]
pub(crate) struct Date {
    second: Cell<u64>,
    text: RefCell<String>,
}

impl Date {
    /// Appends the present date, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub(crate) fn append(&self, out: &mut Vec<u8>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.append_at(now.map_or(0, |since| since.as_secs()), out);
    }

    fn append_at(&self, second: u64, out: &mut Vec<u8>) {
        let mut text = self.text.borrow_mut();
        if text.is_empty() || self.second.get() != second {
            *text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
            self.second.set(second);
        }
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_follows_the_second() {
        let date = Date::default();
        for (second, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
        ] {
            let mut out = Vec::new();
            date.append_at(second, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }
}
