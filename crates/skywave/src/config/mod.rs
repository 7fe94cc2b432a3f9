//! Configuration from a TOML file or from environment variables, checked as a whole at start.
//!
//! [`Broadcaster::from_config`] reads a file, [`Broadcaster::from_env`] the environment; both give
//! a [`Builder`](crate::Builder) to which the application adds what only code can say: who is
//! logged in and who may listen to what. [`Broadcaster::configure`] is the same with
//! [kinds](Configure::kind) of drivers of your own.
//!
//! ```toml
//! # config/broadcast.toml
//! default = "${BROADCAST_DRIVER:-embedded}"
//!
//! [drivers.embedded]
//!
//! [drivers.log]
//! data = true
//!
//! [auth]
//! private = "logged-in"
//! ```
//!
//! Nothing is started unless everything is right, and one run reports every mistake with its file,
//! line, column and key, and what was expected there. No value of a driver's settings is ever
//! printed, since any of them may be secret.
//!
//! ```text
//! kind   the kinds of drivers, each with its keys and how it is made of its settings
//! file   the whole file → a builder
//! env    the environment → a builder
//! ```
//!
//! What a file is, and how its mistakes are told, is the crate `skywave-settings`.
//!
//! The guide's page on configuration lists every key.

mod configure;
mod env;
mod file;
mod kind;
#[cfg(test)]
mod reference;

pub use skywave_protocol::Secret;
use skywave_settings::{
    Entry, Mistake, Origin, Place, Value, Variables, expected_one_of, names, parse,
};
pub use skywave_settings::{FromSetting, Settings, SettingsError};

pub use self::configure::Configure;
#[cfg(doc)]
use crate::Broadcaster;
