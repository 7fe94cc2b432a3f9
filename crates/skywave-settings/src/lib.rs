//! What a configuration file says, and what is wrong with it.
//!
//! A file is TOML with variables of the environment in its texts. It is read as a tree of
//! [entries](Entry), each with the place where it was written; [`Settings`] reads one table of the
//! tree, typed, and notes every mistake instead of stopping at the first. A mistake names file,
//! line, column and key, says what was expected there, and never shows a value that may be secret.
//!
//! ```
//! use skywave_settings::{Origin, Place, Settings, parse};
//!
//! let entries = parse("port = 70000\nhots = \"a\"").map_err(|_| "not TOML")?;
//! let origin = Origin::File("server.toml".to_owned());
//! let settings = Settings::new(origin, "", Place::START, entries, vec!["host", "port"]);
//! let _ = settings.optional::<u16>("port");
//! let mistakes = settings.into_mistakes();
//! assert_eq!(
//!     mistakes.iter().map(|mistake| mistake.text.as_str()).collect::<Vec<_>>(),
//!     [
//!         "server.toml:2:1: hots: unknown key; did you mean `host`?",
//!         "server.toml:1:8: port: expected a number from 0 to 65535, found 70000",
//!     ]
//! );
//! # Ok::<(), &str>(())
//! ```
//!
//! Which keys there are, and what becomes of them, is left to whoever reads: the drivers of an
//! application, the server's process.
//!
//! ```text
//! document    TOML text → a tree of entries with their places
//! value       what was written, and the types that it can be read as
//! substitute  ${VARIABLE} and ${VARIABLE:-default} in text
//! settings    one table of the tree: typed reading, and the list of its mistakes
//! nearest     what someone may have meant
//! ```

mod document;
mod nearest;
mod settings;
mod substitute;
mod value;

pub use self::document::parse;
pub use self::nearest::nearest;
pub use self::settings::{Mistake, Origin, Settings, SettingsError, expected_one_of, names};
pub use self::substitute::Variables;
pub use self::value::{Entry, FromSetting, Place, Value};
