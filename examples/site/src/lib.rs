//! What the examples' pages share, so that each example shows only its own idea.
//!
//! [`pages`] serves the stylesheet, the pages' common script, pusher-js and `/client.json`;
//! [`accounts`] is a log-in by name and role, kept in a session; [`serve`] listens, prints the
//! address and stops cleanly. Everything is in memory and bound to `127.0.0.1`.
//!
//! Your application has its own of all this: copy `account.rs` for how Skywave learns who is logged
//! in, and leave the rest.

mod account;
mod assets;
mod input;
mod serve;

pub use account::{Role, User, accounts, current_user, sessions};
pub use assets::pages;
pub use input::Text;
pub use serve::{Options, serve};
