//! The engine through its public face: shards on several workers, links that record.

mod cache;
mod client_events;
mod counters;
mod counts;
mod fan_out;
mod observer;
mod order;
mod presence;
mod settings;
mod subscriptions;
mod users;
mod watchlists;
mod world;
