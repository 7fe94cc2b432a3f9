use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
#[broadcast(private = "orders.{ordr_id}")]
struct OrderShipped {
    order_id: u64,
    carrier: String,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "{colour}.{0}")]
struct NothingNear {
    version: u64,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "pairs.{2}")]
struct Pair(u8, u8);

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "pings.{id}")]
struct Ping;

fn main() {}
