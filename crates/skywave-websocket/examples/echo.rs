//! A WebSocket echo server on blocking sockets, a thread per connection: what the Autobahn test
//! suite is run against.
//!
//! ```text
//! cargo run --example echo -- --port 9001
//! ```
//!
//! Port 0, the default, takes a free one. The line `listening on 127.0.0.1:PORT` says that the
//! server accepts connections.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;
use std::{env, thread};

use http::{HeaderName, HeaderValue, Request, Response};
use skywave_websocket::{Decoder, Limits, Message, frame, handshake};

/// Autobahn sends messages of 16 MiB, and 4 MiB in fragments of 64 bytes.
const LIMITS: Limits = Limits {
    message_bytes: 16 << 20,
    fragments: 1 << 17,
};

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port()?))?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            if let Err(error) = serve(stream) {
                eprintln!("connection ended: {error}");
            }
        });
    }
    Ok(())
}

fn port() -> Result<u16, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok(0),
        (Some("--port"), Some(port)) => Ok(port.parse()?),
        _ => Err("usage: echo [--port PORT]".into()),
    }
}

/// One connection, from its first byte to its last.
fn serve(mut stream: TcpStream) -> Result<(), Box<dyn Error>> {
    stream.set_nodelay(true)?;
    let mut scratch = vec![0; 64 * 1024];
    let (request, first_frames) = read_request(&mut stream, &mut scratch)?;
    let response = match handshake::accept(&request, &[]) {
        Ok(response) => response,
        Err(error) => {
            write_head(&mut stream, &error.response())?;
            stream.write_all(error.to_string().as_bytes())?;
            return Ok(());
        }
    };
    write_head(&mut stream, &response)?;

    let mut decoder = Decoder::new(LIMITS);
    let mut out = Vec::new();
    let mut length = first_frames.len();
    scratch[..length].copy_from_slice(&first_frames);
    loop {
        let is_open = echo(&mut decoder, &mut scratch[..length], &mut out);
        stream.write_all(&out)?;
        out.clear();
        if !is_open {
            return close(stream, &mut scratch).map_err(Into::into);
        }
        length = stream.read(&mut scratch)?;
        if length == 0 {
            return Ok(());
        }
    }
}

/// Appends the answers to everything in `input`; whether the connection is still open.
fn echo(decoder: &mut Decoder, input: &mut [u8], out: &mut Vec<u8>) -> bool {
    let mut messages = decoder.decode(input);
    while let Some(result) = messages.next() {
        match result {
            Ok(Message::Text(text)) => frame::text(text.as_bytes(), out),
            Ok(Message::Binary(bytes)) => frame::binary(bytes, out),
            Ok(Message::Ping(payload)) => frame::pong(payload, out),
            Ok(Message::Pong(_)) => {}
            Ok(Message::Close(received)) => {
                frame::close_reply(received, out);
                return false;
            }
            Err(error) => {
                frame::close(error.close_code(), &error.to_string(), out);
                return false;
            }
        }
    }
    true
}

/// Closes after the close frame was sent. The socket is read to its end first: closing it with
/// unread bytes makes the system reset the connection, and the peer may lose our close frame.
fn close(mut stream: TcpStream, scratch: &mut [u8]) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    while stream.read(scratch)? > 0 {}
    Ok(())
}

/// The request's head, and the bytes that came with it.
fn read_request(
    stream: &mut TcpStream,
    scratch: &mut [u8],
) -> Result<(Request<()>, Vec<u8>), Box<dyn Error>> {
    let mut length = 0;
    loop {
        match stream.read(&mut scratch[length..])? {
            0 => return Err("the request is incomplete or too long".into()),
            n => length += n,
        }
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(end) = head.parse(&scratch[..length])? {
            return Ok((to_request(&head)?, scratch[end..length].to_vec()));
        }
    }
}

fn to_request(head: &httparse::Request<'_, '_>) -> Result<Request<()>, http::Error> {
    let mut request = Request::builder()
        .method(head.method.unwrap_or_default())
        .uri(head.path.unwrap_or_default())
        .version(match head.version {
            Some(1) => http::Version::HTTP_11,
            _ => http::Version::HTTP_10,
        });
    for header in head.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes())?;
        request = request.header(name, HeaderValue::from_bytes(header.value)?);
    }
    request.body(())
}

fn write_head<B>(stream: &mut TcpStream, response: &Response<B>) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        head.extend_from_slice(name.as_ref());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    stream.write_all(&head)
}
