use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "releases", name = "")]
struct Empty;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "releases", name = "pusher:ping")]
struct Protocol;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "releases", name = "pusher_internal:member_added")]
struct Internal;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "releases", name = "released", name = "new-release")]
struct Twice;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "releases", name = "released.{version}")]
struct Placeholder {
    version: u8,
}

fn main() {}
