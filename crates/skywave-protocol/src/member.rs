//! A user in a presence channel.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::object;
use crate::{Excerpt, Limits, Rejection};

/// A user as the app describes it: the member of a presence channel, or who signed in.
#[derive(Clone, Debug)]
pub struct Member {
    /// The user's id in the app; a number is kept as its decimal text. Not empty.
    pub user_id: String,
    /// What else the app tells the other members, as JSON; `null` counts as nothing.
    pub user_info: Option<Box<RawValue>>,
}

impl Member {
    /// Reads the `channel_data` of a presence subscription:
    /// `{"user_id": string or number, "user_info"?: any}`. Verify its signature first.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidChannelData`], [`Rejection::UserIdTooLong`] or
    /// [`Rejection::MemberTooLarge`].
    pub fn parse(channel_data: &str, limits: &Limits) -> Result<Self, Rejection> {
        let invalid = |reason| Rejection::InvalidChannelData { reason };
        let data: ChannelData<'_> = object(channel_data).map_err(invalid)?;
        let Some(user_id) = data.user_id.and_then(|raw| id_text(raw.get())) else {
            return Err(invalid(
                "expected user_id, a non-empty string or a number".into(),
            ));
        };
        Self::within(limits, user_id, data.user_info)
    }

    /// Reads the `user_data` of a sign-in: `{"id": string, "user_info"?: any}`. Verify its
    /// signature first.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidUserData`], [`Rejection::UserIdTooLong`] or
    /// [`Rejection::MemberTooLarge`].
    pub fn parse_user(user_data: &str, limits: &Limits) -> Result<Self, Rejection> {
        let invalid = |reason: Excerpt| Rejection::InvalidUserData { reason };
        let data: UserData<'_> = object(user_data).map_err(invalid)?;
        let Some(user_id) = data.id.and_then(|raw| non_empty_string(raw.get())) else {
            return Err(invalid("expected id, a non-empty string".into()));
        };
        Self::within(limits, user_id, data.user_info)
    }

    fn info_text(&self) -> Option<&str> {
        self.user_info.as_deref().map(RawValue::get)
    }

    fn within(
        limits: &Limits,
        user_id: String,
        user_info: Option<&RawValue>,
    ) -> Result<Self, Rejection> {
        // An id has at least as many bytes as characters: count only the long ones.
        if user_id.len() > limits.user_id_chars && user_id.chars().count() > limits.user_id_chars {
            return Err(Rejection::UserIdTooLong {
                limit: limits.user_id_chars,
            });
        }
        if user_info.is_some_and(|info| info.get().len() > limits.member_bytes) {
            return Err(Rejection::MemberTooLarge {
                limit: limits.member_bytes,
            });
        }
        Ok(Self {
            user_id,
            user_info: user_info.map(ToOwned::to_owned),
        })
    }
}

/// Members are equal when the app wrote them equally.
impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.user_id == other.user_id && self.info_text() == other.info_text()
    }
}

impl Eq for Member {}

#[derive(Deserialize)]
struct ChannelData<'a> {
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow)]
    user_info: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct UserData<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    user_info: Option<&'a RawValue>,
}

fn id_text(json: &str) -> Option<String> {
    match json.as_bytes().first() {
        Some(b'"') => non_empty_string(json),
        // An integer's JSON is its decimal text; other numbers are no ids.
        Some(b'-' | b'0'..=b'9') => {
            let digits = json.strip_prefix('-').unwrap_or(json);
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| json.to_owned())
        }
        _ => None,
    }
}

fn non_empty_string(json: &str) -> Option<String> {
    let text: Cow<'_, str> = serde_json::from_str(json).ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}
