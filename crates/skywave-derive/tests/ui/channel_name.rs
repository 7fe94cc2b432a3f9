use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "")]
struct Empty;

#[derive(Serialize, CanBroadcast)]
#[broadcast(private = "private-")]
struct OnlyAPrefix;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "orders:{id}")]
struct Colon {
    id: u8,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "new releases")]
struct Space;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "größe")]
struct NotAscii;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "#server-to-user-1")]
struct Reserved;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "same", private = "private-same", private = "same")]
struct Twice;

#[derive(Serialize, CanBroadcast)]
#[broadcast(presence = "a-name-that-goes-on-and-on.a-name-that-goes-on-and-on.a-name-that-goes-on-and-on.a-name-that-goes-on-and-on.a-name-that-goes-on-and-on.a-name-that-goes-on-and-on.a-name-that-goes-on-and-on.a-name-that-goes-on-and-on.{id}")]
struct TooLong {
    id: u8,
}

fn main() {}
