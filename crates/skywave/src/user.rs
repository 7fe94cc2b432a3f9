//! Who is logged in ([`BroadcastUser`]) and who is present ([`Member`]).

use serde::Serialize;
use serde_json::Value;

/// The application's own user type, as the [users hook](crate::Builder::users) gives it.
///
/// ```
/// use serde_json::{Value, json};
/// use skywave::BroadcastUser;
///
/// #[derive(Clone)]
/// struct User {
///     id: u64,
///     name: String,
/// }
///
/// impl BroadcastUser for User {
///     fn broadcast_id(&self) -> String {
///         self.id.to_string()
///     }
///
///     fn broadcast_info(&self) -> Value {
///         json!({ "name": self.name })
///     }
/// }
/// ```
pub trait BroadcastUser: Clone + Send + Sync + 'static {
    /// The user's id: one to 128 characters, the same for the same user everywhere. Browsers see
    /// it.
    fn broadcast_id(&self) -> String;

    /// What other members of a presence channel may know about the user, at most 1,024 bytes of
    /// JSON; nothing by default.
    fn broadcast_info(&self) -> Value {
        Value::Null
    }
}

/// A text is a user with this id, for applications that know no more.
impl BroadcastUser for String {
    fn broadcast_id(&self) -> String {
        self.clone()
    }
}

/// The user type of a [`Builder`](crate::Builder) without a users hook: there is never one, every
/// request is a visitor's.
#[derive(Clone, Copy, Debug)]
pub enum NoUser {}

/// Who someone is to the others in a presence channel.
///
/// ```
/// use serde_json::json;
/// use skywave::Member;
///
/// let member = Member::new(7).info(json!({ "name": "Ada" }));
/// assert_eq!(member.id(), "7");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    id: String,
    info: Value,
}

impl Member {
    /// The member with this id, and nothing else to know. Connections with the same id are one
    /// member. An id has at least one character and at most 128.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "ids are numbers and texts, owned or not"
    )]
    pub fn new(id: impl ToString) -> Self {
        Self {
            id: id.to_string(),
            info: Value::Null,
        }
    }

    /// The same member with what the others may know: any JSON of at most 1,024 bytes, as
    /// `user_info`.
    #[must_use]
    pub fn info(self, info: Value) -> Self {
        Self { info, ..self }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The member that a user is unless a rule says otherwise: with the user's
    /// [`broadcast_id`](BroadcastUser::broadcast_id) and
    /// [`broadcast_info`](BroadcastUser::broadcast_info).
    ///
    /// ```
    /// use skywave::Member;
    ///
    /// assert_eq!(Member::of(&"ada".to_owned()).id(), "ada");
    /// ```
    pub fn of(user: &impl BroadcastUser) -> Self {
        Self {
            id: user.broadcast_id(),
            info: user.broadcast_info(),
        }
    }

    /// `channel_data` of a presence channel.
    pub(crate) fn channel_data(&self) -> serde_json::Result<String> {
        serde_json::to_string(&ChannelData {
            user_id: &self.id,
            user_info: self.shown_info(),
        })
    }

    /// `user_data` of a sign-in.
    pub(crate) fn user_data(&self) -> serde_json::Result<String> {
        serde_json::to_string(&UserData {
            id: &self.id,
            user_info: self.shown_info(),
        })
    }

    /// What the others may know, if it is anything.
    pub(crate) fn shown_info(&self) -> Option<&Value> {
        (!self.info.is_null()).then_some(&self.info)
    }
}

/// Channels protocol, "Presence channels": the user id is text.
#[derive(Serialize)]
struct ChannelData<'a> {
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_info: Option<&'a Value>,
}

/// Channels protocol, "Authenticating users".
#[derive(Serialize)]
struct UserData<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_info: Option<&'a Value>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_members_id_is_text_and_its_info_any_json() {
        for (member, channel_data, user_data) in [
            (Member::new(7), r#"{"user_id":"7"}"#, r#"{"id":"7"}"#),
            (
                Member::new("ada").info(json!({ "name": "Ada", "age": 36 })),
                r#"{"user_id":"ada","user_info":{"age":36,"name":"Ada"}}"#,
                r#"{"id":"ada","user_info":{"age":36,"name":"Ada"}}"#,
            ),
            (
                Member::new("x").info(json!(["a", 1])),
                r#"{"user_id":"x","user_info":["a",1]}"#,
                r#"{"id":"x","user_info":["a",1]}"#,
            ),
        ] {
            assert_eq!(member.channel_data().unwrap(), channel_data);
            assert_eq!(member.user_data().unwrap(), user_data);
        }
    }
}
