use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
#[broadcast(private = "presence-x")]
struct PresenceAsPrivate;

#[derive(Serialize, CanBroadcast)]
#[broadcast(presence = "private-x")]
struct PrivateAsPresence;

fn main() {}
