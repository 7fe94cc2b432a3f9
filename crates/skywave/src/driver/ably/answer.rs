//! What Ably answers when a request was taken: for one channel, or for each of many.

use serde::Deserialize;
use serde_json::{Map, Value};
use skywave_http_client::HttpError;
use skywave_protocol::ChannelName;

use super::error::{AblyError, ErrorInfo};
use super::key::ApiKey;

/// What became of a batch. The channels are the application's.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) accepted: Vec<ChannelName>,
    pub(super) refused: Vec<AblyError>,
}

/// The results of one batch. Protocol version 3 and later answers so, whatever failed.
#[derive(Deserialize)]
struct BatchResult {
    results: Vec<ChannelResult>,
}

#[derive(Deserialize)]
struct ChannelResult {
    channel: String,
    error: Option<ErrorInfo>,
}

/// An array of results where several batches were sent, and maybe where one was.
#[derive(Deserialize)]
#[serde(untagged)]
enum Results {
    Many(Vec<BatchResult>),
    One(BatchResult),
}

/// Checks that the answer is to a message. That of a proxy, say, is not.
pub(super) fn of_message(server: &str, body: &[u8]) -> Result<(), HttpError> {
    match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(answer) if answer.contains_key("channel") || answer.contains_key("messageId") => Ok(()),
        Ok(_) => Err(broken(server, "it names neither channel nor message")),
        Err(error) => Err(broken(server, error)),
    }
}

/// Reads the answer to a batch for these channels, by their names at Ably.
pub(super) fn of_batch<'a>(
    server: &str,
    body: &[u8],
    channels: impl Iterator<Item = (&'a ChannelName, &'a str)>,
    key: &ApiKey,
) -> Result<Outcome, HttpError> {
    let results: Results = serde_json::from_slice(body).map_err(|error| broken(server, error))?;
    let mut results: Vec<_> = match results {
        Results::One(batch) => batch.results,
        Results::Many(batches) => batches
            .into_iter()
            .flat_map(|batch| batch.results)
            .collect(),
    };
    let mut outcome = Outcome {
        accepted: Vec::new(),
        refused: Vec::new(),
    };
    for (channel, name) in channels {
        let Some(found) = results.iter().position(|result| result.channel == name) else {
            return Err(broken(server, format!("it says nothing about `{name}`")));
        };
        match results.swap_remove(found).error {
            None => outcome.accepted.push(channel.clone()),
            Some(info) => outcome
                .refused
                .push(AblyError::of_channel(&info, channel.clone(), key)),
        }
    }
    Ok(outcome)
}

fn broken(server: &str, problem: impl std::fmt::Display) -> HttpError {
    HttpError::Broken {
        server: server.to_owned(),
        problem: format!("not the answer that is expected: {problem}"),
    }
}
