//! Events as types: [`CanBroadcast`].
//!
//! A type says where it goes ([`broadcast_on`](CanBroadcast::broadcast_on)), under which name
//! ([`broadcast_as`](CanBroadcast::broadcast_as)) and with which data
//! ([`broadcast_with`](CanBroadcast::broadcast_with)). The last two have defaults: the type's own
//! name and its `Serialize`. Implement the trait by hand, or derive it.

use std::any::type_name;
use std::borrow::Cow;

use serde::Serialize;

use crate::channel::IntoChannels;

/// An event that knows its channels: what [`Broadcast::emit`](crate::Broadcast::emit) takes.
///
/// By derive, which also checks `{placeholders}` against the fields:
///
/// ```
/// # #[cfg(feature = "derive")] {
/// use serde::Serialize;
/// use skywave::CanBroadcast;
///
/// #[derive(Serialize, CanBroadcast)]
/// #[broadcast(private = "orders.{order_id}")]
/// struct OrderShipped {
///     order_id: u64,
///     carrier: String,
/// }
/// # }
/// ```
///
/// By hand:
///
/// ```
/// use serde::Serialize;
/// use serde_json::json;
/// use skywave::{CanBroadcast, Channel, IntoChannels};
///
/// #[derive(Serialize)]
/// struct NewRelease {
///     version: String,
/// }
///
/// impl CanBroadcast for NewRelease {
///     fn broadcast_on(&self) -> impl IntoChannels {
///         Channel::new("releases")
///     }
///
///     fn broadcast_with(&self) -> impl Serialize {
///         json!({ "message": format!("Version {} has been released!", self.version) })
///     }
/// }
///
/// let event = NewRelease { version: "4.0.0".into() };
/// assert_eq!(event.broadcast_as(), "NewRelease");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a broadcast event",
    label = "this type does not implement `CanBroadcast`",
    note = "add `#[derive(serde::Serialize, skywave::CanBroadcast)]` and `#[broadcast(channel = \"..\")]`"
)]
pub trait CanBroadcast: Serialize {
    /// The channel or channels the event goes to.
    fn broadcast_on(&self) -> impl IntoChannels;

    /// The event's name on the wire: by default the type's own name, without its path and
    /// generic parameters. Renaming the type then renames the event for the browsers, too.
    fn broadcast_as(&self) -> Cow<'static, str> {
        Cow::Borrowed(own_name(type_name::<Self>()))
    }

    /// The data that is sent: by default the value itself, as its `Serialize` writes it. Fields
    /// that browsers must not see are kept out with `#[serde(skip)]`.
    fn broadcast_with(&self) -> impl Serialize {
        self
    }

    /// Whether the event is to be sent at all; it always is by default. If not, its data is not
    /// even encoded, and the [`Report`](crate::Report) has its channels as
    /// [skipped](crate::SkipReason::Condition).
    fn broadcast_when(&self) -> bool {
        true
    }
}

/// A reference is the same event, so that `emit(&event)` leaves the value to its owner.
impl<E: CanBroadcast + ?Sized> CanBroadcast for &E {
    fn broadcast_on(&self) -> impl IntoChannels {
        (**self).broadcast_on()
    }

    fn broadcast_as(&self) -> Cow<'static, str> {
        (**self).broadcast_as()
    }

    fn broadcast_with(&self) -> impl Serialize {
        (**self).broadcast_with()
    }

    fn broadcast_when(&self) -> bool {
        (**self).broadcast_when()
    }
}

/// The last path segment of a type's name, without generic parameters.
pub(crate) fn own_name(path: &'static str) -> &'static str {
    let path = path.split('<').next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;

    #[derive(Serialize)]
    struct UserAdded {
        name: &'static str,
        #[serde(skip)]
        #[expect(dead_code, reason = "shows that a skipped field stays at home")]
        password: &'static str,
    }

    impl CanBroadcast for UserAdded {
        fn broadcast_on(&self) -> impl IntoChannels {
            Channel::new("users")
        }
    }

    #[derive(Serialize)]
    struct Changed<T>(T);

    impl<T: Serialize> CanBroadcast for Changed<T> {
        fn broadcast_on(&self) -> impl IntoChannels {
            ["a", "b"]
        }
    }

    #[test]
    fn the_default_name_is_the_types_own() {
        assert_eq!(
            UserAdded {
                name: "ada",
                password: ""
            }
            .broadcast_as(),
            "UserAdded"
        );
        assert_eq!(Changed(Some(String::new())).broadcast_as(), "Changed");
        assert_eq!(
            (&&Changed(1)).broadcast_as(),
            "Changed",
            "a reference is the same event"
        );
    }

    #[test]
    fn b13_the_default_data_is_what_serialize_writes_and_skipped_fields_stay_at_home() {
        let event = UserAdded {
            name: "ada",
            password: "secret",
        };
        let data = serde_json::to_string(&event.broadcast_with()).unwrap();
        assert_eq!(data, r#"{"name":"ada"}"#);
    }
}
