use skywave::Channel;

struct OrderId(u64);

#[derive(Channel)]
#[channel(private = "orders.{order}")]
struct OrderChannel {
    order: OrderId,
}

fn main() {}
