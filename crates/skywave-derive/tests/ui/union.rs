use skywave::CanBroadcast;

#[derive(CanBroadcast)]
#[broadcast(channel = "bits")]
union Bits {
    integer: u32,
    float: f32,
}

fn main() {}
