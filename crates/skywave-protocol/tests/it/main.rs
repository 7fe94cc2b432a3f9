//! The protocol as clients and libraries see it: recorded vectors, exact messages, refusals and
//! properties that hold for every input.

mod client_messages;
mod origins;
mod properties;
mod refusals;
mod requests;
mod server_messages;
mod subscriptions;
mod triggers;
mod vectors;
mod watchlists;

use skywave_protocol::{ChannelName, Credentials, Secret, ServerMessage, SocketId};

const KEY: &str = "278d425bdf160c739803";
const SECRET: &str = "7ad3773142a6692b25b8";

/// The app of the official documentation's examples.
fn app() -> Credentials {
    Credentials::new(KEY, &Secret::new(SECRET))
}

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).expect("the test names a valid channel")
}

fn socket(id: &str) -> SocketId {
    SocketId::parse(id).expect("the test names a valid socket id")
}

fn encoded(message: ServerMessage<'_>) -> String {
    let mut out = Vec::new();
    message.encode(&mut out);
    String::from_utf8(out).expect("messages are UTF-8")
}
