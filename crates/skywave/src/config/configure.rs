//! How a configuration is read: [`Configure`].

use std::env;
use std::fmt;
use std::fs;
use std::path::Path;

use super::kind::Kinds;
use super::{Mistake, Settings, SettingsError, Variables, env as environment, file};
use crate::broadcaster::Broadcaster;
use crate::builder::Builder;
use crate::driver::IntoDriver;
use crate::error::BuildError;
use crate::user::NoUser;

impl Broadcaster {
    /// Starts a broadcaster with the drivers and settings of a TOML file. A relative path begins at
    /// the working directory.
    ///
    /// ```no_run
    /// # fn f() -> Result<(), skywave::BuildError> {
    /// use skywave::Broadcaster;
    ///
    /// let broadcaster = Broadcaster::from_config("config/broadcast.toml")?
    ///     .users(|parts| async move { parts.extensions.get::<String>().cloned() })
    ///     .authorize("private-users.{name}", |user: &String, name: String| *user == name)
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A [`BuildError`] with every mistake in the file: that it cannot be read; its syntax; a
    /// default without a driver of that name; unknown keys and kinds of drivers; missing settings
    /// and variables; values of the wrong type; placeholders instead of secrets; drivers whose
    /// feature is not compiled in.
    pub fn from_config(path: impl AsRef<Path>) -> Result<Builder<NoUser>, BuildError> {
        Self::configure().load(path)
    }

    /// Starts a broadcaster with the drivers that the environment describes: `BROADCAST_DRIVER`
    /// names the default (`embedded` unless it is set), `PUSHER_APP_ID`, `PUSHER_CLIENT`,
    /// `PUSHER_SECRET`, `ABLY_SECRET` and so on are settings of the drivers.
    ///
    /// # Errors
    ///
    /// A [`BuildError`] with every mistake, each with its variable.
    pub fn from_env() -> Result<Builder<NoUser>, BuildError> {
        Self::configure().env()
    }

    /// Starts a configuration with [kinds](Configure::kind) of drivers of your own.
    pub fn configure() -> Configure {
        Configure {
            kinds: Kinds::built_in(),
            variables: Box::new(|name| env::var(name).ok()),
        }
    }
}

/// A configuration to be read, from a file or from the environment.
///
/// ```
/// use skywave::{Broadcaster, Null};
///
/// let broadcaster = Broadcaster::configure()
///     .kind("void", &["colour"], |settings| {
///         let colour = settings.required::<String>("colour")?;
///         if colour != "black" {
///             return Err(settings.mistake("colour", "expected black"));
///         }
///         Ok(Null)
///     })
///     .text("broadcast.toml", "[drivers.void]\ncolour = \"${VOID_COLOUR:-black}\"")?
///     .build()?;
/// # Ok::<(), skywave::BuildError>(())
/// ```
#[must_use = "a configuration does nothing until it is read"]
pub struct Configure {
    kinds: Kinds,
    variables: Box<Variables<'static>>,
}

impl Configure {
    /// Adds a kind of driver: its name, the keys of its settings, and how it is made of them.
    ///
    /// In a file it is `[drivers.NAME]`, or any driver with `driver = "NAME"`. In the environment
    /// its settings are variables of the kind's name and the key, in capitals: `KAFKA_BROKER` for
    /// `broker` of `kafka`. How settings are read, and how `keys` are written, is told by
    /// [`Settings`].
    pub fn kind<D: IntoDriver>(
        mut self,
        name: impl AsRef<str>,
        keys: &[&'static str],
        make: impl Fn(&Settings) -> Result<D, SettingsError> + 'static,
    ) -> Self {
        self.kinds.add(name.as_ref(), keys, make);
        self
    }

    /// Takes variables from elsewhere than the environment, in tests for instance.
    pub fn variables(self, lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self {
            variables: Box::new(lookup),
            ..self
        }
    }

    /// Reads a file, as [`Broadcaster::from_config`] does.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn load(self, path: impl AsRef<Path>) -> Result<Builder<NoUser>, BuildError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| {
            let place = match env::current_dir() {
                Ok(directory) if path.is_relative() => format!(" in {}", directory.display()),
                _ => String::new(),
            };
            let path = path.display();
            let mistake = format!("{path}: {error}; expected a TOML file of this name{place}");
            BuildError::new(vec![mistake])
        })?;
        self.text(path.display().to_string(), &text)
    }

    /// Reads text that has been read from elsewhere, such as from the program itself with
    /// `include_str!`; mistakes name it `name`.
    ///
    /// # Errors
    ///
    /// As [`Broadcaster::from_config`].
    pub fn text(self, name: impl AsRef<str>, text: &str) -> Result<Builder<NoUser>, BuildError> {
        let read = file::read(name.as_ref(), text, &self.kinds, &self.variables);
        self.checked(read)
    }

    /// Reads the environment, as [`Broadcaster::from_env`] does.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn env(self) -> Result<Builder<NoUser>, BuildError> {
        let read = environment::read(&self.kinds, &self.variables);
        self.checked(read)
    }

    fn checked(
        &self,
        read: Result<Builder<NoUser>, Vec<Mistake>>,
    ) -> Result<Builder<NoUser>, BuildError> {
        let mut mistakes: Vec<String> = self.kinds.mistakes().collect();
        match read {
            Ok(builder) if mistakes.is_empty() => return Ok(builder),
            Ok(_) => {}
            Err(noted) => mistakes.extend(noted.into_iter().map(|mistake| mistake.text)),
        }
        Err(BuildError::new(mistakes))
    }
}

impl fmt::Debug for Configure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.kinds.names().collect();
        f.debug_struct("Configure")
            .field("kinds", &kinds)
            .finish_non_exhaustive()
    }
}
