use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
#[broadcast(chanel = "releases")]
struct Misspelt;

#[derive(Serialize, CanBroadcast)]
#[broadcast(public = "releases", event = "released")]
struct OtherWords;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "releases", colour = "red")]
struct NothingNear;

fn main() {}
