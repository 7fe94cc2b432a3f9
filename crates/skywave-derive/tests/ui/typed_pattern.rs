use skywave::Channel;

#[derive(Channel)]
struct NoPattern;

#[derive(Channel)]
#[channel]
struct NoKey;

#[derive(Channel)]
#[channel(privat = "orders")]
struct UnknownKey;

#[derive(Channel)]
#[channel(channel = "orders")]
struct OtherKey;

#[derive(Channel)]
#[channel(private = "orders", presence = "orders")]
struct Twice;

#[derive(Channel)]
#[channel(private = "orders")]
#[channel(presence = "orders")]
struct TwoAttributes;

#[derive(Channel)]
#[channel(public = "private-orders")]
struct Contradiction;

#[derive(Channel)]
#[channel(private = "orders:all")]
struct Colon;

#[derive(Channel)]
#[channel(private = "orders.{oder}")]
struct UnknownField {
    order: u64,
}

#[derive(Channel)]
#[channel(private = "orders.{order}")]
struct UnusedField {
    order: u64,
    shop: u64,
}

#[derive(Channel)]
#[channel(private = "orders.{order}.{order}")]
struct SameField {
    order: u64,
}

#[derive(Channel)]
#[channel(private = "orders.{shop}-{order}")]
struct NoDot {
    order: u64,
    shop: u64,
}

#[derive(Channel)]
#[channel(private = "orders.{0}")]
struct Tuple(u64);

#[derive(Channel)]
#[channel(private = "orders")]
enum Orders {
    All,
}

#[derive(Channel)]
#[channel(private = "orders.{order}")]
struct Generic<T> {
    order: T,
}

fn main() {}
