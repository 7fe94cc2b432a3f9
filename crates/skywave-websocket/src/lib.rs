//! RFC 6455, server half, sans-I/O: bytes in, messages out; messages in, bytes out.
//!
//! The crate never touches a socket, a clock or a source of randomness, allocates only what a
//! peer has already sent, and cannot panic on any input. Whoever owns the socket reads bytes and
//! hands them over, and writes the bytes it gets back. Three parts, none of which knows another:
//!
//! * [`handshake::accept`] checks an upgrade request and gives the `101` response (§4.2).
//! * [`Decoder`] turns what a client sends into whole [`Message`]s (§5).
//! * [`frame`] appends the server's frames to a byte vector. A *prepared frame* is nothing but
//!   those bytes: server frames are not masked, so one encoding serves every recipient.
//!
//! # Where the bytes live
//!
//! A server has many connections, nearly all of them silent at any moment, and a few threads.
//! So the read buffer belongs to the thread, not to the connection: the thread reads a socket
//! into its scratch buffer and passes `&mut scratch[..n]` to that connection's decoder. A message
//! that is whole inside the scratch (nearly every one) is unmasked where it lies and borrowed from
//! there: no copy, no allocation. Only when the input ends inside a frame, or a message is
//! fragmented, does the decoder take bytes into memory of its own, already unmasked and, for text,
//! already validated; it gives that memory back when the message has been handed out.
//! Between whole messages a decoder is forty bytes and owns nothing; who finds that too much for an
//! idle connection drops it then, and makes another one ([`Decoder::is_between_messages`]).
//!
//! # What a peer can cost
//!
//! A byte costs the same small amount of work however small the pieces in which it arrives. A frame
//! header that announces more than [`Limits`] admits is refused as soon as it is read, and one that
//! announces a lot within the limits reserves nothing: memory grows with what has arrived, by
//! doubling. Invalid UTF-8 in a message that is not whole yet is refused at its first wrong byte,
//! even in the middle of a frame.
//!
//! # What is left to the caller
//!
//! Answering a ping with [`frame::pong`], answering a close with [`frame::close_reply`], ending the
//! connection after a [`DecodeError`] with [`frame::close`], and all timing. Extensions are never
//! negotiated (there is no compression), so a frame with a reserved bit is an error.
//!
//! # Example
//!
//! ```
//! use skywave_websocket::{Decoder, Limits, Message, frame};
//!
//! let mut decoder = Decoder::new(Limits::default()); // one per connection
//! let mut out = Vec::new(); // bytes for this connection's socket
//!
//! // What a socket read left in the thread's scratch buffer: a masked text frame, "Hello" (§5.7).
//! let mut scratch = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
//!
//! let mut messages = decoder.decode(&mut scratch);
//! while let Some(result) = messages.next() {
//!     match result {
//!         Ok(Message::Text(text)) => frame::text(text.as_bytes(), &mut out),
//!         Ok(Message::Binary(bytes)) => frame::binary(bytes, &mut out),
//!         Ok(Message::Ping(payload)) => frame::pong(payload, &mut out),
//!         Ok(Message::Pong(_)) => {}
//!         Ok(Message::Close(received)) => frame::close_reply(received, &mut out),
//!         Err(error) => frame::close(error.close_code(), &error.to_string(), &mut out),
//!     }
//! }
//! assert_eq!(out, b"\x81\x05Hello");
//! ```

pub mod frame;
pub mod handshake;

mod assembly;
mod close;
mod decoder;
mod error;
mod header;
mod mask;

pub use close::CloseReason;
pub use decoder::{Decoder, Limits, Message, Messages};
pub use error::DecodeError;
