//! A driver of one's own: it appends every event to a file, one JSON object per line.
//!
//! Two types, as in most drivers: [`JsonLines`] holds the settings and is what an application
//! names; `Appender` is the driver while it runs. [`JsonLines::from_settings`] makes it a kind that
//! a configuration file can name, see `src/main.rs` and `config/broadcast.toml`.

use std::fs::{File, OpenOptions};
use std::future;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::value::RawValue;
use skywave::config::{Settings, SettingsError};
use skywave::driver::{
    BoxFuture, ChannelName, Driver, DriverError, Envelope, IntoDriver, SocketId,
};
use skywave::{AuthReply, ClientOptions, Page};

/// The driver's settings: the file to append to.
#[derive(Clone, Debug)]
pub struct JsonLines {
    path: PathBuf,
}

impl JsonLines {
    /// The keys that it has in a configuration.
    pub const KEYS: &[&str] = &["path"];

    /// Appends to this file, and creates it where there is none.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The driver of a table in a configuration.
    ///
    /// # Errors
    ///
    /// A mistake in the table.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let path: PathBuf = settings.required("path")?;
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            return Err(settings.mistake("path", "expected a file whose name ends with .jsonl"));
        }
        Ok(Self::new(path))
    }
}

/// Opens the file as the broadcaster is built: a mistake is told at start, not by the first event.
impl IntoDriver for JsonLines {
    fn into_driver(self) -> Result<Arc<dyn Driver>, DriverError> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path);
        let file = file.map_err(|error| {
            let path = self.path.display();
            DriverError::new(format!("cannot open {path}")).caused_by(error)
        })?;
        Ok(Arc::new(Appender {
            file: Mutex::new(file),
        }))
    }
}

/// The driver while it runs.
struct Appender {
    file: Mutex<File>,
}

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    event: &'a str,
    channels: Vec<&'a str>,
    /// The data is JSON text already.
    data: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    except: Option<String>,
}

impl Appender {
    /// Everything before this (names, limits, who may send) has been checked by then.
    fn append(&self, envelope: &Envelope) -> Result<(), DriverError> {
        let line = Line {
            event: envelope.event.as_str(),
            channels: envelope.channels.iter().map(ChannelName::as_str).collect(),
            data: serde_json::from_str(&envelope.data).map_err(unwritable)?,
            except: envelope.except.map(|socket_id| socket_id.to_string()),
        };
        let mut line = serde_json::to_vec(&line).map_err(unwritable)?;
        line.push(b'\n');
        // One write for the line: an event is there for all its channels, or for none.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)
            .map_err(|error| DriverError::new("cannot append to the file").caused_by(error))
    }
}

impl Driver for Appender {
    // A short write to a file does not wait for anybody. A driver with a network behind it would
    // return `Box::pin(async move { .. })`.
    fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(future::ready(self.append(envelope)))
    }

    // What a driver cannot do it says; the route answers 500, and nobody is let in.
    fn authorize(
        &self,
        _: SocketId,
        _: &ChannelName,
        _: Option<&str>,
    ) -> Result<AuthReply, DriverError> {
        Err(DriverError::new("nobody can subscribe to a file"))
    }

    fn authenticate(&self, _: SocketId, _: &str) -> Result<AuthReply, DriverError> {
        Err(DriverError::new("nobody can sign in to a file"))
    }

    /// Without a transport a page's client gives up at once.
    fn client_options(&self, page: &Page) -> ClientOptions {
        ClientOptions::for_server("none", page).with("enabledTransports", Vec::<String>::new())
    }
}

fn unwritable(error: serde_json::Error) -> DriverError {
    DriverError::new("the event cannot be written as JSON").caused_by(error)
}
