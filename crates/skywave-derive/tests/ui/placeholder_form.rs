use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "orders.{id")]
struct NeverClosed {
    id: u8,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "orders.id}")]
struct NeverOpened {
    id: u8,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "orders.{}")]
struct Nameless {
    id: u8,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "orders.{{id}}")]
struct Escaped {
    id: u8,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "orders.{order.id}")]
struct Path {
    order: u8,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "orders.{id:04}")]
struct Format {
    id: u8,
}

fn main() {}
