use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
struct NoAttribute {
    version: String,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(name = "released")]
struct OnlyAName {
    version: String,
}

fn main() {}
