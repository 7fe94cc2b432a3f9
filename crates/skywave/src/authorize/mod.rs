//! Authorisation: may this connection subscribe to this channel, and which user is it?
//!
//! ```text
//! request     form or JSON → AuthRequest, or many channels at once, checked
//! authoriser  the user and the rules → yes, a member, or no with a reason
//! reply       AuthReply (signed, 200 JSON) or AuthError (403, 500)
//! contained   a panic of the application's code fails what it decides, and no more
//! token       one token for many channels, for drivers whose clients want one
//! route       all of it put together, for axum and for any other framework
//! ```

mod authoriser;
mod contained;
mod reply;
mod request;
mod route;
mod token;

pub(crate) use self::authoriser::{Answer, Authorise, Authoriser, RuleFor, UsersHook};
pub use self::reply::{AuthError, AuthReply};
pub use self::request::{AuthRequest, ChannelRequest, InvalidRequest, UserRequest};
pub(crate) use self::route::{answer, answer_axum};
