//! `skywave trigger`: publish an event, or many.

use std::io::{self, BufRead, Read, Write};

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::client::{self, Api};
use crate::failure::Failure;

/// `skywave trigger`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Name of the event.
    #[arg(required_unless_present = "batch")]
    event: Option<String>,
    /// Data of the event, usually JSON; `-` reads standard input.
    #[arg(default_value = "{}")]
    data: String,
    /// Channel to send to; may be repeated.
    #[arg(
        short,
        long = "channel",
        value_name = "NAME",
        required_unless_present = "batch"
    )]
    channels: Vec<String>,
    /// Leave out the connection with this socket id.
    #[arg(long, value_name = "ID")]
    socket_id: Option<String>,
    /// Ask what the channels look like: `user_count`, `subscription_count`, or both with a comma.
    #[arg(long, value_name = "ATTRIBUTES")]
    info: Option<String>,
    /// Send the events of standard input, one JSON object a line:
    /// `{"channel": .., "name": .., "data": ..}`, `socket_id` and info if need be.
    #[arg(long, conflicts_with_all = ["event", "channels", "socket_id", "info"])]
    batch: bool,
    /// Print the server's answer as it is.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    app: client::Options,
}

/// Publishes.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let api = Api::new(options.app.target()?)?;
    if options.batch {
        let events = events(io::stdin().lock())?;
        return client::run(send_all(&api, &events, options.json));
    }
    let data = match options.data.as_str() {
        "-" => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text)?;
            text
        }
        data => data.to_owned(),
    };
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(options.event));
    body.insert("channels".to_owned(), json!(options.channels));
    body.insert("data".to_owned(), json!(data));
    for (key, value) in [("socket_id", &options.socket_id), ("info", &options.info)] {
        if let Some(value) = value {
            body.insert(key.to_owned(), json!(value));
        }
    }
    client::run(async {
        let answer = api.post("/events", &Value::Object(body)).await?;
        let mut out = io::stdout().lock();
        if options.json {
            writeln!(out, "{answer}")?;
            return Ok(());
        }
        let event = options.event.as_deref().unwrap_or_default();
        writeln!(out, "sent {event} to {}", options.channels.join(", "))?;
        for (name, attributes) in answer["channels"].as_object().into_iter().flatten() {
            writeln!(out, "{name}{}", described(attributes))?;
        }
        Ok(())
    })
}

/// Sends events in batches, and counts them.
async fn send_all(api: &Api, events: &[Value], json: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for (number, batch) in events.chunks(BATCH).enumerate() {
        let sent = number * BATCH;
        let answer = api.post("/batch_events", &json!({ "batch": batch })).await;
        let answer = answer.map_err(|failure| match failure {
            Failure::Failed(error) => {
                Failure::Failed(error.context(format!("{sent} events were sent before")))
            }
            failure => failure,
        })?;
        if json {
            writeln!(out, "{answer}")?;
        }
    }
    if !json {
        writeln!(out, "sent {} events", events.len())?;
    }
    Ok(())
}

/// The events of a text, one a line.
fn events(lines: impl BufRead) -> Result<Vec<Value>, Failure> {
    let mut events = Vec::new();
    let mut mistakes = Vec::new();
    for (index, line) in lines.lines().enumerate() {
        let line = line.context("cannot read standard input")?;
        if line.trim().is_empty() {
            continue;
        }
        match event(&line) {
            Ok(event) => events.push(event),
            Err(problem) => mistakes.push(format!("standard input:{}: {problem}", index + 1)),
        }
    }
    if mistakes.is_empty() {
        return Ok(events);
    }
    Err(Failure::Wrong(mistakes))
}

/// One event of a batch: data that is no text becomes its JSON text.
fn event(line: &str) -> Result<Value, String> {
    let mut event: Map<String, Value> =
        serde_json::from_str(line).map_err(|error| format!("not a JSON object: {error}"))?;
    for key in ["channel", "name"] {
        if !event.get(key).is_some_and(Value::is_string) {
            return Err(format!("`{key}` is missing; expected text"));
        }
    }
    if let Some(key) = event.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let expected = skywave_settings::expected_one_of(key, KEYS.iter().copied());
        return Err(format!("`{key}`: unknown key; {expected}"));
    }
    let data = event.get("data").unwrap_or(&Value::Null);
    let text = match data {
        Value::String(text) => text.clone(),
        Value::Null => "{}".to_owned(),
        data => data.to_string(),
    };
    event.insert("data".to_owned(), Value::String(text));
    Ok(Value::Object(event))
}

/// What is known about a channel, in a few words.
pub(crate) fn described(attributes: &Value) -> String {
    let attributes = attributes.as_object().into_iter().flatten();
    let words = attributes.map(|(name, value)| format!("  {name}={value}"));
    words.collect()
}

/// What an event of a batch may say.
const KEYS: &[&str] = &["channel", "name", "data", "socket_id", "info"];

/// Events of one request, as hosted Pusher takes them.
const BATCH: usize = 10;
