//! Which file is the configuration: [`find`].

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Place;
use super::file::File;
use crate::failure::Failure;

/// A configuration file that is there.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// As it was given, for messages.
    pub(crate) path: PathBuf,
}

/// The file that was named, or the one in a usual place. `None` is no configuration.
pub(crate) fn find(place: &Place) -> Option<Found> {
    let usual = || USUAL.iter().map(PathBuf::from).find(|path| path.exists());
    let path = place.config.clone().or_else(usual)?;
    Some(Found { path })
}

impl Found {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// It cannot be read; or every mistake in it.
    pub(crate) fn read(&self) -> Result<File, Failure> {
        let path = self.path.display().to_string();
        let text = fs::read_to_string(&self.path).with_context(|| {
            format!("cannot read {path}; see `skywave config example` for a file to begin with")
        })?;
        let folder = self.path.parent().unwrap_or(Path::new(""));
        File::read(&path, &text, folder, &|name| env::var(name).ok()).map_err(Failure::Wrong)
    }
}

/// Where a configuration is looked for that was not named, in this order.
pub(super) const USUAL: &[&str] = &["skywave.toml", "/etc/skywave/skywave.toml"];
