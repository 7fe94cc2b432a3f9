//! What the server knows about channels and users (HTTP API, "Application state" and "Users").

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::PusherApi;
use super::api::{failed, segment};
use super::batch::checked_channel;
use crate::error::Error;

/// What can be asked about a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelAttribute {
    /// How many users are in it; presence channels only.
    UserCount,
    /// How many connections listen to it; hosted Pusher wants it enabled for the app.
    SubscriptionCount,
    /// The last event of a cache channel; only for [one channel](PusherApi::channel).
    Cache,
}

impl ChannelAttribute {
    fn list(attributes: &[Self]) -> String {
        let names = attributes.iter().map(|attribute| match attribute {
            Self::UserCount => "user_count",
            Self::SubscriptionCount => "subscription_count",
            Self::Cache => "cache",
        });
        names.collect::<Vec<_>>().join(",")
    }
}

/// A channel that somebody listens to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ChannelInfo {
    /// Users in it, if asked for.
    #[serde(default)]
    pub user_count: Option<u64>,
    /// Connections that listen to it, if asked for.
    #[serde(default)]
    pub subscription_count: Option<u64>,
}

/// One channel, whether somebody listens to it or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ChannelState {
    /// Whether somebody listens to it.
    pub occupied: bool,
    /// Users in it, if asked for.
    #[serde(default)]
    pub user_count: Option<u64>,
    /// Connections that listen to it, if asked for.
    #[serde(default)]
    pub subscription_count: Option<u64>,
    /// The event that it keeps, if asked for and if it keeps one.
    #[serde(default)]
    pub cache: Option<CachedEvent>,
}

/// The event that a cache channel keeps for new subscribers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct CachedEvent {
    /// Its data.
    pub data: String,
    /// Seconds for which it is still kept.
    pub ttl: u64,
}

impl PusherApi {
    /// The channels that somebody listens to and whose names begin with `prefix`, which may be
    /// empty.
    ///
    /// # Errors
    ///
    /// [`Error::Driver`] when the request fails; the server refuses attributes that do not fit,
    /// such as the user count with a prefix other than `presence-`.
    pub async fn channels(
        &self,
        prefix: &str,
        attributes: &[ChannelAttribute],
    ) -> Result<BTreeMap<String, ChannelInfo>, Error> {
        #[derive(Deserialize)]
        struct Channels {
            channels: BTreeMap<String, ChannelInfo>,
        }
        let info = ChannelAttribute::list(attributes);
        let params = [("filter_by_prefix", prefix), ("info", info.as_str())];
        let answer: Channels = self.ask("/channels", &params).await?;
        Ok(answer.channels)
    }

    /// One channel, by its full name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidChannel`] for a name that is none; [`Error::Driver`] as for
    /// [`channels`](Self::channels).
    pub async fn channel(
        &self,
        name: &str,
        attributes: &[ChannelAttribute],
    ) -> Result<ChannelState, Error> {
        let name = checked_channel(name, self.request_limits())?;
        let info = ChannelAttribute::list(attributes);
        let path = format!("/channels/{}", segment(name.as_str()));
        self.ask(&path, &[("info", &info)]).await
    }

    /// The ids of the users in a presence channel, each once.
    ///
    /// # Errors
    ///
    /// As for [`channel`](Self::channel); the server refuses channels without members.
    pub async fn users(&self, channel: &str) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Users {
            users: Vec<User>,
        }
        #[derive(Deserialize)]
        struct User {
            #[serde(deserialize_with = "text_or_number")]
            id: String,
        }
        let name = checked_channel(channel, self.request_limits())?;
        let path = format!("/channels/{}/users", segment(name.as_str()));
        let answer: Users = self.ask(&path, &[]).await?;
        Ok(answer.users.into_iter().map(|user| user.id).collect())
    }

    /// Ends all connections that are signed in as this user. They may come back: refuse to sign
    /// them in first.
    ///
    /// # Errors
    ///
    /// [`Error::Driver`] when the request fails.
    pub async fn terminate_connections(&self, user_id: &str) -> Result<(), Error> {
        let path = format!("/users/{}/terminate_connections", segment(user_id));
        self.post(&path, b"{}".to_vec()).await.map_err(failed)
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        params: &[(&str, &str)],
    ) -> Result<T, Error> {
        let given: Vec<_> = params
            .iter()
            .copied()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        self.get(path, &given).await.map_err(failed)
    }
}

/// Ids are text; servers that keep them as they were signed may answer a number.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(serde_json::Number),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}
