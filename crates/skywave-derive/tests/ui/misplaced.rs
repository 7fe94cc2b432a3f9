use serde::Serialize;
use skywave::CanBroadcast;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "releases")]
struct OnAField {
    #[broadcast(skip)]
    version: String,
}

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "lamps")]
enum OnAVariant {
    #[broadcast(name = "lamp-on")]
    On,
}

fn main() {}
