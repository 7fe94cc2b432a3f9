use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "a b", nmae = "released")]
#[broadcast(private = "c.{x")]
struct Release {
    version: u8,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "a.{versoin}", private = "b.{x}")]
struct Placeholders {
    version: u8,
}

fn main() {}
