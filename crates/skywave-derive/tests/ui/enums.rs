use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
#[broadcast(private = "orders.{order_id}")]
enum Order {
    Shipped { order_id: u64, carrier: String },
    Cancelled { order: u64 },
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(private = "lamps.{0}")]
enum Lamp {
    Dimmed(u8),
    Off,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(private = "never.{id}")]
enum Never {}

fn main() {}
