//! One connection from its first message to its last: [`Session`].

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use skywave_protocol::{ChannelName, SocketId};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::line::Printer;
use crate::client::{Connection, Listener, open};
use crate::failure::Failure;

/// What is listened to, by one connection after the other.
pub(super) struct Session<'a> {
    pub(super) listener: &'a Listener,
    pub(super) channels: &'a [ChannelName],
    /// Who to be in presence channels, as JSON text.
    pub(super) member: String,
    pub(super) printer: Printer,
}

/// Why a connection ended.
pub(super) enum Ended {
    /// There were as many events as were wanted.
    Enough,
    /// The server will not have it: coming back is no use.
    Refused(String),
    /// It broke, or could not be opened; or the server wants a pause.
    Lost(String),
    /// The server asks to come back at once.
    Moved(String),
}

impl Session<'_> {
    /// Connects and prints until the connection ends; also tells whether it was one.
    pub(super) async fn run(&mut self) -> Result<(Ended, bool), Failure> {
        let mut connection = match open(self.listener).await {
            Ok(connection) => connection,
            Err(error) => return Ok((Ended::Lost(format!("{error:#}")), false)),
        };
        let mut silence = FIRST_MESSAGE;
        let mut asked = false;
        let mut connected = false;
        loop {
            let message = match timeout(silence, connection.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(Some(Err(error))) => return Ok((Ended::Lost(error.to_string()), connected)),
                Ok(None) => return Ok((Ended::Lost("the connection ended".into()), connected)),
                Err(_) if asked || !connected => {
                    return Ok((Ended::Lost("the server is silent".into()), connected));
                }
                Err(_) => {
                    asked = true;
                    send(
                        &mut connection,
                        &json!({ "event": "pusher:ping", "data": {} }),
                    )
                    .await;
                    continue;
                }
            };
            asked = false;
            let text = match message {
                Message::Text(text) => text,
                Message::Close(frame) => return Ok((closed(frame.as_ref()), connected)),
                _ => continue,
            };
            let Ok(message) = serde_json::from_str::<Value>(&text) else {
                return Ok((
                    Ended::Lost("the server sent what is no message".into()),
                    connected,
                ));
            };
            if message["event"] == "pusher:connection_established" {
                connected = true;
                silence = self.established(&mut connection, &message).await;
            } else if let Some(ended) = self.heard(&mut connection, &message).await? {
                let _ = connection.close(None).await;
                return Ok((ended, connected));
            }
        }
    }

    /// Subscribes, and says after how much silence the server is asked whether it is there.
    async fn established(&self, connection: &mut Connection, message: &Value) -> Duration {
        let data = data(message);
        let socket_id = data["socket_id"].as_str().unwrap_or_default();
        for channel in self.channels {
            let mut subscription = json!({ "channel": channel.as_str() });
            let kind = channel.kind();
            if let (Some(credentials), true, Ok(socket_id)) = (
                &self.listener.credentials,
                kind.needs_authorisation(),
                socket_id.parse::<SocketId>(),
            ) {
                let member = kind.is_presence().then_some(self.member.as_str());
                let auth = credentials.sign_channel(socket_id, channel, member);
                subscription["auth"] = auth.into();
                if let Some(member) = member {
                    subscription["channel_data"] = member.into();
                }
            }
            let subscribe = json!({ "event": "pusher:subscribe", "data": subscription });
            send(connection, &subscribe).await;
        }
        let seconds = data["activity_timeout"].as_u64().unwrap_or(120);
        Duration::from_secs(seconds.clamp(1, 120))
    }

    /// Does what a message asks for; tells if that is the end.
    async fn heard(
        &mut self,
        connection: &mut Connection,
        message: &Value,
    ) -> Result<Option<Ended>, Failure> {
        let event = message["event"].as_str().unwrap_or_default();
        let channel = message["channel"].as_str().unwrap_or_default();
        let data = data(message);
        match event {
            "pusher:ping" => send(connection, &json!({ "event": "pusher:pong", "data": {} })).await,
            "pusher:pong" => {}
            "pusher:error" => eprintln!("skywave: {}", said(&data, "message")),
            "pusher:subscription_error" => {
                let why = said(&data, "error");
                return Ok(Some(Ended::Refused(format!("channel `{channel}`: {why}"))));
            }
            "pusher_internal:subscription_succeeded" => match data["presence"]["count"].as_u64() {
                Some(count) => eprintln!("skywave: listening to {channel}, {count} users"),
                None => eprintln!("skywave: listening to {channel}"),
            },
            _ => {
                let event = event.replace("pusher_internal:", "pusher:");
                if self
                    .printer
                    .print(channel, &event, &data, &message["user_id"])?
                {
                    return Ok(Some(Ended::Enough));
                }
            }
        }
        Ok(None)
    }
}

/// Sends a message; that it could not be sent shows when the next one is waited for.
async fn send(connection: &mut Connection, message: &Value) {
    let _ = connection.send(Message::text(message.to_string())).await;
}

/// The data of a message, which is JSON or a text of JSON.
fn data(message: &Value) -> Value {
    let data = &message["data"];
    let text = data.as_str();
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| data.clone())
}

fn said(data: &Value, key: &str) -> String {
    match &data[key] {
        Value::String(text) => text.clone(),
        _ => data.to_string(),
    }
}

/// What a close code asks of clients (Channels WebSocket protocol, "Error codes").
fn closed(frame: Option<&CloseFrame>) -> Ended {
    let Some(frame) = frame else {
        return Ended::Lost("the connection ended".to_owned());
    };
    let code = u16::from(frame.code);
    let why = format!(
        "the server closed the connection: {} ({code})",
        frame.reason
    );
    match code {
        4000 => Ended::Refused(format!("{why}; see --tls")),
        4001 => Ended::Refused(format!("{why}; see --app-key")),
        4002..=4099 => Ended::Refused(why),
        4200..=4299 => Ended::Moved(why),
        _ => Ended::Lost(why),
    }
}

/// How long a server may take to say hello, or that it is there.
const FIRST_MESSAGE: Duration = Duration::from_secs(30);
