//! Whom a user wants to see come and go.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::object;
use crate::{Limits, Rejection};

/// The `watchlist` of a sign-in: the ids of other users. Channels protocol, "Watchlist events".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watchlist {
    /// The users, each once, in the order of the list; at most [`Limits::watchlist_users`].
    pub user_ids: Vec<String>,
    /// Whether the list was longer than that; the connection is told
    /// ([`Rejection::WatchlistTooLong`]), and its sign-in succeeds.
    pub truncated: bool,
}

impl Watchlist {
    /// Reads the watchlist of the `user_data` of a sign-in: `{"watchlist"?: [string, …]}`. Verify
    /// its signature first. No list, or `null`, is an empty one.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidUserData`] or [`Rejection::UserIdTooLong`].
    pub fn parse(user_data: &str, limits: &Limits) -> Result<Self, Rejection> {
        let invalid = |reason| Rejection::InvalidUserData { reason };
        let data: UserData<'_> = object(user_data).map_err(invalid)?;
        let Some(list) = data.watchlist else {
            return Ok(Self::default());
        };
        let expected = "expected watchlist, an array of non-empty strings";
        let Ok(user_ids) = serde_json::from_str::<Vec<String>>(list.get()) else {
            return Err(invalid(expected.into()));
        };
        if user_ids.iter().any(String::is_empty) {
            return Err(invalid(expected.into()));
        }
        let limit = limits.user_id_chars;
        if user_ids.iter().any(|id| id.chars().count() > limit) {
            return Err(Rejection::UserIdTooLong { limit });
        }
        Ok(Self::within(limits.watchlist_users, &user_ids))
    }

    fn within(limit: usize, user_ids: &[String]) -> Self {
        let mut seen = BTreeSet::new();
        let mut distinct = user_ids.iter().filter(|user_id| seen.insert(*user_id));
        Self {
            user_ids: distinct.by_ref().take(limit).cloned().collect(),
            truncated: distinct.next().is_some(),
        }
    }
}

#[derive(Deserialize)]
struct UserData<'a> {
    #[serde(borrow)]
    watchlist: Option<&'a RawValue>,
}
