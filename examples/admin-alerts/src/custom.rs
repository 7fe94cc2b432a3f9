//! Who may listen, decided by a handler of one's own instead of a rule.
//!
//! A rule is shorter, and safer: it cannot forget a kind of request. A handler can do anything. To
//! run with this one, put its route in the place of the ready one in `main.rs`:
//!
//! ```text
//! .merge(admin_alerts::custom::router())
//! .merge(broadcaster.driver_routes())
//! ```

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use site::User;
use skywave::{AuthError, AuthReply, AuthRequest, BroadcastUser, Broadcaster, Member};

/// Routes `POST /pusher/user-auth`.
pub fn router() -> Router<Broadcaster> {
    Router::new().route("/pusher/user-auth", post(authorize))
}

/// Only admins on `private-admins`; every user on every other private channel.
async fn authorize(
    State(broadcaster): State<Broadcaster>,
    user: Option<User>,
    ask: AuthRequest,
) -> Result<AuthReply, AuthError> {
    let user = user.ok_or_else(|| AuthError::denied("nobody is logged in"))?;
    let driver = broadcaster.driver("embedded");
    match ask {
        AuthRequest::Channel(ask) if ask.channel() == "private-admins" && !user.is_admin() => {
            Err(AuthError::denied("only admins listen to alerts"))
        }
        AuthRequest::Channel(ask) => driver.authorize(&ask),
        AuthRequest::User(ask) => driver.authenticate(&ask, &Member::new(user.broadcast_id())),
    }
}
