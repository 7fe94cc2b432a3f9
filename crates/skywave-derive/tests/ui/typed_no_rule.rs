use serde::Serialize;
use skywave::{CanBroadcast, Channel, IntoChannels};

#[derive(Channel)]
#[channel(private = "orders.{order}")]
struct OrderChannel {
    order: u64,
}

#[derive(Channel)]
#[channel(presence = "lobby")]
struct Lobby;

// Nobody said who may listen.
#[derive(Serialize, CanBroadcast)]
#[broadcast(on = OrderChannel { order: self.order_id })]
struct OrderShipped {
    order_id: u64,
}

// Nobody said who joins.
#[derive(Serialize, CanBroadcast)]
#[broadcast(on = Lobby)]
struct Opened;

#[derive(Serialize)]
struct ByHand;

impl CanBroadcast for ByHand {
    fn broadcast_on(&self) -> impl IntoChannels {
        skywave::typed::ruled(OrderChannel { order: 7 })
    }
}

// No channel at all.
#[derive(Serialize, CanBroadcast)]
#[broadcast(on = 7)]
struct Number;

#[derive(Serialize, CanBroadcast)]
#[broadcast(on = "orders")]
struct Named;

#[derive(Serialize, CanBroadcast)]
#[broadcast(on = , name = "x")]
struct Empty;

fn main() {}
