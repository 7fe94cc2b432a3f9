//! What is printed: [`Printer`].

use std::io::{self, Write};

use serde_json::{Value, json};

/// Prints events, a line each, and counts them.
pub(super) struct Printer {
    json: bool,
    /// Only events of this name.
    event: Option<String>,
    /// How many more there may be.
    left: Option<u64>,
}

impl Printer {
    pub(super) fn new(json: bool, event: Option<String>, count: Option<u64>) -> Self {
        Self {
            json,
            event,
            left: count,
        }
    }

    /// Prints an event, if it is wanted; true when there were enough.
    pub(super) fn print(
        &mut self,
        channel: &str,
        event: &str,
        data: &Value,
        user_id: &Value,
    ) -> io::Result<bool> {
        if self.event.as_deref().is_some_and(|wanted| wanted != event) {
            return Ok(false);
        }
        let mut out = io::stdout().lock();
        if self.json {
            let mut line = json!({ "channel": channel, "event": event, "data": data });
            if !user_id.is_null() {
                line["user_id"] = user_id.clone();
            }
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{channel}  {event}  {data}")?;
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(self.left == Some(0))
    }
}
