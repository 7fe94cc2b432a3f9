//! `skywave config check`.

use std::io::{self, Write};

use serde_json::json;

use super::{Place, find};
use crate::failure::Failure;

/// Reads the file and says whether it is right.
pub(super) fn run(place: &Place, json: bool) -> Result<(), Failure> {
    let Some(found) = find(place) else {
        return Err(anyhow::anyhow!(
            "there is no configuration file: name one with --config, or write skywave.toml; \
             `skywave config example` prints one to begin with"
        )
        .into());
    };
    let path = found.path.display().to_string();
    let mut out = io::stdout().lock();
    match found.read() {
        Ok(_) if json => writeln!(out, "{}", json!({ "file": path, "mistakes": [] }))?,
        Ok(file) => {
            let apps = match file.apps.len() {
                0 => "no app".to_owned(),
                1 => "1 app".to_owned(),
                several => format!("{several} apps"),
            };
            writeln!(out, "{path}: no mistakes, {apps}")?;
        }
        Err(Failure::Wrong(mistakes)) if json => {
            writeln!(out, "{}", json!({ "file": path, "mistakes": mistakes }))?;
            return Err(Failure::Wrong(Vec::new()));
        }
        Err(Failure::Wrong(mistakes)) => {
            for mistake in mistakes {
                writeln!(out, "{mistake}")?;
            }
            return Err(Failure::Wrong(Vec::new()));
        }
        Err(failure) => return Err(failure),
    }
    Ok(())
}
