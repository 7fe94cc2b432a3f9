//! On whose behalf something is sent: [`Actor`].

use std::fmt;

/// On whose behalf a [`Broadcast`](crate::Broadcast) sends.
///
/// A request's actor is found by the [users hook](crate::Builder::users); code outside of requests
/// says it: [`as_system`](crate::Broadcaster::as_system), [`as_user`](crate::Broadcaster::as_user).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A request in which nobody is logged in.
    Visitor,
    /// The user with this id.
    User(String),
    /// The application itself: jobs, command-line programs, webhooks.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Visitor => f.write_str("a visitor"),
            Self::User(id) => write!(f, "user `{id}`"),
            Self::System => f.write_str("the system"),
        }
    }
}
