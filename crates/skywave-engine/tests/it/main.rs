//! The engine through its public face: shards on several workers, links that record.

mod cache;
mod client_events;
mod fan_out;
mod order;
mod presence;
mod subscriptions;
mod users;
mod world;
