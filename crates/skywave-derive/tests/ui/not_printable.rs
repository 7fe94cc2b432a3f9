use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
#[broadcast(private = "orders.{ids}")]
struct OrdersShipped {
    ids: Vec<u64>,
}

fn main() {}
