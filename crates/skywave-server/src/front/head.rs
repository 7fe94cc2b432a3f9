//! The head of a request that leaves nothing to interpret.
//!
//! Where two readers of HTTP could differ on where a request ends, one of them can be made to see a
//! request that the other did not (RFC 9112 §11.2). So the front only takes a head that came whole,
//! with at most one `Content-Length` in plain digits and nothing else that says how long the body is
//! or what happens to the connection. All others are somebody else's.

use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use httparse::{EMPTY_HEADER, Status};

/// A head that leaves nothing to interpret.
pub(super) struct Head<'h, 'b> {
    pub(super) method: Method,
    pub(super) target: &'b str,
    /// In bytes, with the empty line at its end.
    pub(super) length: usize,
    pub(super) body_length: usize,
    /// The peer closes after the answer.
    pub(super) is_last: bool,
    fields: &'h [httparse::Header<'b>],
}

/// The methods that the front knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
}

/// Room for the fields of a head.
pub(super) fn fields<'b>() -> [httparse::Header<'b>; MAX_FIELDS] {
    [EMPTY_HEADER; MAX_FIELDS]
}

/// Heads with more fields than browsers and publishers send are left to others.
const MAX_FIELDS: usize = 32;
/// So are longer ones, in bytes.
const MAX_LENGTH: usize = 8 * 1024;

impl<'h, 'b> Head<'h, 'b> {
    /// Reads the head that `bytes` begin with; `None` when it is not for the front.
    pub(super) fn read(bytes: &'b [u8], fields: &'h mut [httparse::Header<'b>]) -> Option<Self> {
        let mut request = httparse::Request::new(fields);
        let Ok(Status::Complete(length)) = request.parse(bytes) else {
            return None;
        };
        let (Some(method), Some(target), Some(1)) = (request.method, request.path, request.version)
        else {
            return None;
        };
        if length > MAX_LENGTH || !is_plain(target) {
            return None;
        }
        let method = match method {
            "GET" => Method::Get,
            "POST" => Method::Post,
            _ => return None,
        };
        let mut head = Self {
            method,
            target,
            length,
            body_length: 0,
            is_last: false,
            fields: request.headers,
        };
        head.read_framing()?;
        Some(head)
    }

    /// Finds out how long the body is; `None` unless that is beyond doubt.
    fn read_framing(&mut self) -> Option<()> {
        let publishes = self.method == Method::Post;
        let mut body_length = None;
        for field in self.fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            if is("content-length") {
                let earlier = body_length.replace(digits(field.value)?);
                if earlier.is_some() {
                    return None;
                }
            } else if is("transfer-encoding") || is("expect") || publishes && is("upgrade") {
                return None;
            } else if publishes && is("connection") {
                self.is_last |= ends_connection(field.value)?;
            }
        }
        match (self.method, body_length) {
            (Method::Get, None) => Some(()),
            (Method::Post, Some(length)) => {
                self.body_length = length;
                Some(())
            }
            _ => None,
        }
    }

    /// The request, which has no body.
    pub(super) fn to_request(&self) -> Option<Request<()>> {
        let mut headers = HeaderMap::with_capacity(self.fields.len());
        for field in self.fields {
            let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
            headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
        }
        let mut request = Request::new(());
        *request.uri_mut() = self.target.parse::<Uri>().ok()?;
        *request.headers_mut() = headers;
        Some(request)
    }
}

/// What a `Connection` field says of the time after the answer, if it says nothing else.
fn ends_connection(value: &[u8]) -> Option<bool> {
    if value.eq_ignore_ascii_case(b"close") {
        Some(true)
    } else if value.eq_ignore_ascii_case(b"keep-alive") {
        Some(false)
    } else {
        None
    }
}

/// Whether a target means the same to everybody (RFC 3986 §2, and no fragment).
fn is_plain(target: &str) -> bool {
    // Without an early exit, so that the compiler looks at many bytes at once.
    let odd = |byte: u8| {
        (byte <= b' ')
            | (byte >= 0x7f)
            | (byte == b'"')
            | (byte == b'#')
            | (byte == b'<')
            | (byte == b'>')
            | (byte == b'\\')
            | (byte == b'^')
            | (byte == b'`')
            | (byte == b'{')
            | (byte == b'|')
            | (byte == b'}')
    };
    !target.bytes().fold(false, |any, byte| any | odd(byte))
}

/// A length of so few digits that it is a number of the machine.
fn digits(value: &[u8]) -> Option<usize> {
    if value.is_empty() || value.len() > MAX_DIGITS || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(value).ok()?.parse().ok()
}

const MAX_DIGITS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &str = "POST /apps/3/events?a=b HTTP/1.1\r\nHost: a\r\n";

    /// Method, lengths of head and body, and whether it is the last; of what the front takes.
    fn read(text: &str) -> Option<(Method, usize, usize, bool)> {
        let mut fields = fields();
        let head = Head::read(text.as_bytes(), &mut fields)?;
        Some((head.method, head.length, head.body_length, head.is_last))
    }

    #[test]
    fn what_leaves_nothing_to_interpret_is_taken() {
        for (fields, body, is_last) in [
            ("Content-Length: 2\r\n", 2, false),
            ("content-length:0002\r\n", 2, false),
            ("Content-Length: 0\r\nConnection: Keep-Alive\r\n", 0, false),
            (
                "Content-Length: 999999999\r\nCONNECTION: close\r\n",
                999_999_999,
                true,
            ),
        ] {
            let text = format!("{POST}{fields}\r\n");
            let expected = Some((Method::Post, text.len(), body, is_last));
            assert_eq!(read(&format!("{text}{{}}")), expected, "{fields}");
        }
        let get =
            "GET /app/k HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
        assert_eq!(read(get), Some((Method::Get, get.len(), 0, false)));
    }

    #[test]
    fn all_else_is_left_to_others() {
        for fields in [
            "",
            "Content-Length: 2\r\nContent-Length: 2\r\n",
            "Content-Length: 2, 2\r\n",
            "Content-Length: +2\r\n",
            "Content-Length: 0x2\r\n",
            "Content-Length:\r\n",
            "Content-Length: 1000000000\r\n",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Content-Length: 2\r\nTransfer-Encoding: identity\r\n",
            "Content-Length: 2\r\nExpect: 100-continue\r\n",
            "Content-Length: 2\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
            "Content-Length: 2\r\nConnection: close, x\r\n",
            "Content-Length : 2\r\n",
            "Content-Length: 2\r\n folded\r\n",
        ] {
            assert_eq!(read(&format!("{POST}{fields}\r\n{{}}")), None, "{fields}");
        }
        let rest = "Content-Length: 2\r\n\r\n{}";
        for line in [
            "POST /apps/3/events HTTP/1.0",
            "PUT /apps/3/events HTTP/1.1",
            "post /apps/3/events HTTP/1.1",
            "POST /apps/3/events#fragment HTTP/1.1",
            "POST /apps/3/\"events HTTP/1.1",
            "POST /apps/3/\u{e9}vents HTTP/1.1",
            "GET /app/k HTTP/1.1",
        ] {
            assert_eq!(read(&format!("{line}\r\n{rest}")), None, "{line}");
        }
        let whole = format!("{POST}Content-Length: 2\r\n\r\n");
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
        let many = "X: y\r\n".repeat(MAX_FIELDS);
        assert_eq!(read(&format!("{POST}{many}{rest}")), None);
        let long = format!("X: {}\r\n", "y".repeat(MAX_LENGTH));
        assert_eq!(read(&format!("{POST}{long}{rest}")), None);
    }
}
