use std::num::ParseIntError;
use std::str::FromStr;

use skywave::Channel;

struct OrderId(u64);

// It can be read, but not written.
impl FromStr for OrderId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

#[derive(Channel)]
#[channel(private = "orders.{order}")]
struct OrderChannel {
    order: OrderId,
}

fn main() {}
