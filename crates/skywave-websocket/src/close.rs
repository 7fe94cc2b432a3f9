//! Close codes and the body of a close frame (RFC 6455 §5.5.1, §7.4).

use std::str;

use crate::DecodeError;

/// Why the peer closes: the body of a close frame that has one (§5.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseReason<'a> {
    /// The status code; one that may appear on the wire (§7.4), so never 1005, 1006 or 1015.
    pub code: u16,
    /// Text for logs, at most 123 bytes; often empty, not meant for users.
    pub reason: &'a str,
}

impl<'a> CloseReason<'a> {
    /// Reads the payload of a close frame; `None` when it is empty.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TruncatedCloseCode`], [`DecodeError::InvalidCloseCode`] or
    /// [`DecodeError::InvalidUtf8`].
    pub(crate) fn parse(payload: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        if payload.is_empty() {
            return Ok(None);
        }
        let Some((code, reason)) = payload.split_first_chunk::<2>() else {
            return Err(DecodeError::TruncatedCloseCode);
        };
        let code = u16::from_be_bytes(*code);
        if !may_be_sent(code) {
            return Err(DecodeError::InvalidCloseCode { code });
        }
        let reason = str::from_utf8(reason).map_err(|_| DecodeError::InvalidUtf8)?;
        Ok(Some(CloseReason { code, reason }))
    }
}

/// Whether an endpoint may put `code` into a close frame.
///
/// §7.4.1 and the IANA registry it opened (1012 to 1014 were added there) for 1000 to 2999; 3000 to
/// 3999 are for libraries and frameworks, 4000 to 4999 for applications (§7.4.2).
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::may_be_sent;

    #[test]
    fn codes_that_only_describe_a_local_event_may_not_be_sent_7_4_1() {
        for code in [1004, 1005, 1006, 1015] {
            assert!(!may_be_sent(code), "{code}");
        }
    }

    #[test]
    fn codes_outside_the_assigned_ranges_may_not_be_sent_7_4_2() {
        for code in [0, 999, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert!(!may_be_sent(code), "{code}");
        }
        for code in [1000, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999] {
            assert!(may_be_sent(code), "{code}");
        }
    }
}
