//! How pusher-js connects without a WebSocket: `xhr_streaming` and `xhr_polling`. Protocol §4.2.
//!
//! The server's half is a stream of lines, the client's half are posts whose body is a JSON array
//! of strings. What travels in both is the protocol's ordinary messages.

use crate::json::{reason, string};
use crate::{Excerpt, Rejection};

/// A line of the response to `xhr_streaming` or `xhr`, from the server to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackLine<'a> {
    /// The session was unknown and is now open. Only ever the first line of a session: a client
    /// that sees it again takes its session for lost.
    Opened {
        /// Replaces the host in all later requests of the session.
        hostname: Option<&'a str>,
    },
    /// A message, the JSON text of one [`ServerMessage`](crate::ServerMessage).
    Message(&'a str),
    /// No message, but a sign of life, which is not answered.
    Alive,
    /// A sign of life that a streaming client answers with an empty post.
    Heartbeat,
    /// The end of the session.
    Closed {
        /// What a WebSocket would be closed with.
        code: u16,
        /// For people.
        reason: &'a str,
    },
}

impl FallbackLine<'_> {
    /// Appends the line, with its end.
    ///
    /// ```
    /// use skywave_protocol::FallbackLine;
    ///
    /// let mut out = Vec::new();
    /// FallbackLine::Opened { hostname: None }.encode(&mut out);
    /// FallbackLine::Message(r#"{"event":"e"}"#).encode(&mut out);
    /// FallbackLine::Alive.encode(&mut out);
    /// FallbackLine::Closed { code: 4001, reason: "gone" }.encode(&mut out);
    /// assert_eq!(
    ///     String::from_utf8_lossy(&out),
    ///     "o\na[\"{\\\"event\\\":\\\"e\\\"}\"]\na[]\nc[4001,\"gone\"]\n"
    /// );
    /// ```
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Opened { hostname: None } => out.push(b'o'),
            Self::Opened {
                hostname: Some(hostname),
            } => {
                out.extend_from_slice(b"o{\"hostname\":");
                string(hostname, out);
                out.push(b'}');
            }
            Self::Message(message) => {
                out.extend_from_slice(b"a[");
                string(message, out);
                out.push(b']');
            }
            Self::Alive => out.extend_from_slice(b"a[]"),
            Self::Heartbeat => out.push(b'h'),
            Self::Closed { code, reason } => {
                out.extend_from_slice(b"c[");
                out.extend_from_slice(code.to_string().as_bytes());
                out.push(b',');
                string(reason, out);
                out.push(b']');
            }
        }
        out.push(b'\n');
    }
}

/// Reads the body of an `xhr_send` post: the messages in it, none if it is a heartbeat.
///
/// ```
/// let body = br#"["{\"event\":\"pusher:ping\",\"data\":{}}"]"#;
/// let messages = skywave_protocol::fallback_messages(body)?;
/// assert_eq!(messages, [r#"{"event":"pusher:ping","data":{}}"#]);
/// assert!(skywave_protocol::fallback_messages(b"[]")?.is_empty());
/// # Ok::<(), skywave_protocol::Rejection>(())
/// ```
///
/// # Errors
///
/// [`Rejection::InvalidBody`] if it is not a JSON array of strings.
pub fn fallback_messages(body: &[u8]) -> Result<Vec<String>, Rejection> {
    let invalid = |reason: Excerpt| Rejection::InvalidBody { reason };
    let text = str::from_utf8(body).map_err(|_| invalid("expected UTF-8".into()))?;
    serde_json::from_str(text).map_err(|error| invalid(reason(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(line: FallbackLine<'_>) -> String {
        let mut out = Vec::new();
        line.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_those_that_pusher_js_reads() {
        let closed = FallbackLine::Closed {
            code: 4100,
            reason: "say \"no\"\n",
        };
        for (line, text) in [
            (FallbackLine::Opened { hostname: None }, "o\n"),
            (
                FallbackLine::Opened {
                    hostname: Some("node7.example.com"),
                },
                "o{\"hostname\":\"node7.example.com\"}\n",
            ),
            (FallbackLine::Message("line\nü"), "a[\"line\\nü\"]\n"),
            (FallbackLine::Alive, "a[]\n"),
            (FallbackLine::Heartbeat, "h\n"),
            (closed, "c[4100,\"say \\\"no\\\"\\n\"]\n"),
        ] {
            assert_eq!(encoded(line), text);
        }
    }

    #[test]
    fn a_line_ends_nowhere_but_at_its_end() {
        let line = encoded(FallbackLine::Message("a\nb\r\n\u{2028}\0"));
        assert_eq!(line.find('\n'), Some(line.len() - 1));
    }

    #[test]
    fn a_post_is_an_array_of_strings() {
        for (body, messages) in [
            ("[]", &[][..]),
            (" [ ] ", &[]),
            (r#"["a"]"#, &["a"]),
            (r#"["a","\u00fc\n",""]"#, &["a", "ü\n", ""]),
        ] {
            assert_eq!(fallback_messages(body.as_bytes()).unwrap(), messages);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for body in [
            "",
            " ",
            "{}",
            "null",
            "\"a\"",
            "[1]",
            "[null]",
            "[[\"a\"]]",
            "[\"a\"",
            "[\"a\"]x",
            "[\"\\ud800\"]",
            "[\"\u{1}\"]",
        ] {
            let refused = fallback_messages(body.as_bytes()).unwrap_err();
            assert!(
                matches!(refused, Rejection::InvalidBody { .. }),
                "{body}: {refused}"
            );
        }
        fallback_messages(b"[\"\xff\"]").unwrap_err();
    }
}
