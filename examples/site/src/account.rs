//! Who is logged in: a name and a role, kept in a session of tower-sessions.
//!
//! There are no passwords: whoever says "Ada" is Ada. Everything else is as in a real application.
//! The session's cookie is `HttpOnly` and `SameSite=Lax`, its id changes at log-in, and
//! [`current_user`] is the one hook through which Skywave learns who sent a request.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::{Form, FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skywave::BroadcastUser;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::Duration;
use tower_sessions::{Expiry, MemoryStore, Session, SessionManagerLayer, session};

use crate::Text;

/// Somebody who is logged in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct User {
    /// What the user calls themselves.
    pub name: Text<30>,
    /// What the user may do.
    pub role: Role,
}

/// What a user may do. A visitor, who is not logged in, has no role.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Anybody with a name.
    User,
    /// May listen to the alerts too.
    Admin,
}

impl User {
    /// Whether the user may do what only admins may.
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }
}

impl BroadcastUser for User {
    /// The same name is the same user, in any number of tabs and browsers. A real application
    /// answers with the key from its table of users.
    fn broadcast_id(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.name.as_str().to_lowercase().hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    fn broadcast_info(&self) -> Value {
        json!({ "name": self.name, "role": self.role })
    }
}

/// Routes `POST /login` (form `name`, `role`), `POST /logout` and `GET /user.json`.
///
/// They need [`sessions`] around them.
pub fn accounts<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .route("/user.json", get(who_am_i))
}

/// The layer that gives requests their session; outermost, around every route that asks for it.
pub fn sessions() -> SessionManagerLayer<MemoryStore> {
    SessionManagerLayer::new(MemoryStore::default())
        .with_name("skywave_demo")
        .with_same_site(SameSite::Lax)
        .with_secure(false) // loopback has no TLS; leave this line out everywhere else
        .with_expiry(Expiry::OnInactivity(Duration::days(1)))
}

/// The user of a request: the hook for `Broadcaster::builder().users(..)`.
pub async fn current_user(mut request: Parts) -> Option<User> {
    user_of(&mut request).await
}

async fn user_of(request: &mut Parts) -> Option<User> {
    let session = Session::from_request_parts(request, &()).await.ok()?;
    session.get(USER).await.ok()?
}

async fn log_in(session: Session, Form(user): Form<User>) -> Result<Redirect, SessionFailed> {
    session.cycle_id().await?; // an id planted before the log-in is worth nothing after it
    session.insert(USER, user).await?;
    Ok(Redirect::to("/"))
}

async fn log_out(session: Session) -> Result<Redirect, SessionFailed> {
    session.flush().await?;
    Ok(Redirect::to("/"))
}

/// The logged-in user, or `null` for a visitor.
async fn who_am_i(user: Option<User>) -> Json<Value> {
    Json(user.map_or(Value::Null, |user| {
        json!({
            "id": user.broadcast_id(),
            "name": user.name,
            "role": user.role,
        })
    }))
}

/// `user: User` in a handler: a visitor is refused.
impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let user = user_of(parts).await;
        user.ok_or((
            StatusCode::UNAUTHORIZED,
            "log in first: this needs a user, not a visitor",
        ))
    }
}

/// `user: Option<User>` in a handler: `None` is a visitor.
impl<S: Sync> OptionalFromRequestParts<S> for User {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(user_of(parts).await)
    }
}

/// The store of the sessions failed.
struct SessionFailed(session::Error);

impl From<session::Error> for SessionFailed {
    fn from(error: session::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for SessionFailed {
    fn into_response(self) -> Response {
        let text = format!("the session could not be kept: {}", self.0);
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    }
}

const USER: &str = "user";
