use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "stock", when = "self.left < 10")]
struct Quoted {
    left: u32,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "stock", when)]
struct NoValue;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "stock", when = , name = "low")]
struct Empty;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "stock", when = true, when = false)]
struct Twice;

#[derive(Serialize, CanBroadcast)]
#[broadcast(when = true)]
struct Nowhere;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "stock", if = "left")]
struct OtherWord;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "stock", when = self.left)]
struct NotACondition {
    left: u32,
}

fn main() {}
