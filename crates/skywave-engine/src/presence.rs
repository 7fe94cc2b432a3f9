//! Who is present in a presence channel: one member per user id, however many connections.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use skywave_protocol::{Limits, Member, Rejection};

/// The members of one presence channel, by user id.
#[derive(Debug, Default)]
pub(crate) struct Members {
    by_id: BTreeMap<Box<str>, Present>,
}

#[derive(Debug)]
struct Present {
    /// The info of the user's first connection; it stays until the user leaves.
    info: Option<Box<RawValue>>,
    /// Subscriptions of this user, on all workers.
    subscriptions: u32,
}

impl Members {
    /// Adds a subscription of `member`; true when the user was not present before.
    ///
    /// # Errors
    ///
    /// A rejection when the channel is full and the user is new.
    pub(crate) fn join(&mut self, member: &Member, limits: &Limits) -> Result<bool, Rejection> {
        if let Some(present) = self.by_id.get_mut(member.user_id.as_str()) {
            present.subscriptions += 1;
            return Ok(false);
        }
        if self.by_id.len() >= limits.members_per_channel {
            return Err(Rejection::TooManyMembers {
                limit: limits.members_per_channel,
            });
        }
        let present = Present {
            info: member.user_info.clone(),
            subscriptions: 1,
        };
        self.by_id.insert(member.user_id.as_str().into(), present);
        Ok(true)
    }

    /// Removes a subscription of the user; true when it was the last one.
    pub(crate) fn leave(&mut self, user_id: &str) -> bool {
        let Some(present) = self.by_id.get_mut(user_id) else {
            return false;
        };
        present.subscriptions -= 1;
        let gone = present.subscriptions == 0;
        if gone {
            self.by_id.remove(user_id);
        }
        gone
    }

    /// Distinct users.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// User ids with their info, in the order of the ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Option<&RawValue>)> {
        self.by_id
            .iter()
            .map(|(id, present)| (&**id, present.info.as_deref()))
    }
}
