//! What the front answers, as bytes.

use std::io::Write;

use http::{Response, StatusCode};

use crate::date::Date;
use crate::http::Published;

/// Appends the answer to a request that publishes; `is_last` when the connection ends with it.
pub(super) fn publish(answer: &Published, is_last: bool, date: &Date, out: &mut Vec<u8>) {
    status_line(answer.status, out);
    out.extend_from_slice(match answer.status {
        StatusCode::OK => b"content-type: application/json\r\n",
        _ => b"content-type: text/plain; charset=utf-8\r\n",
    });
    write(
        out,
        format_args!("content-length: {}\r\n", answer.body.len()),
    );
    if is_last {
        out.extend_from_slice(b"connection: close\r\n");
    }
    end(date, out);
    out.extend_from_slice(&answer.body);
}

/// Appends the answer after which the connection is a WebSocket.
pub(super) fn upgrade(response: &Response<()>, date: &Date, out: &mut Vec<u8>) {
    status_line(response.status(), out);
    for (name, value) in response.headers() {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    end(date, out);
}

fn status_line(status: StatusCode, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn end(date: &Date, out: &mut Vec<u8>) {
    out.extend_from_slice(b"date: ");
    date.append(out);
    out.extend_from_slice(b"\r\n\r\n");
}

fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("memory takes what is written");
}
