//! Alerts that every user may raise and only admins may listen to.
//!
//! Three parts: the event [`AdminUserAlert`] on the private channel `private-admins`; the rule that
//! says who may listen, in [`rules`]; and the order of layers that keeps CSRF protection on every
//! form although the browser's Pusher client sends no token, in `main.rs`. The same decision without
//! a rule, written out as a handler, is in [`custom`].

pub mod custom;

use axum::response::Html;
use axum::routing::get;
use axum::{Form, Json, Router};
use serde::{Deserialize, Serialize};
use site::{Text, User};
use skywave::{Broadcast, Broadcaster, Builder, CanBroadcast, Error, Report};

/// Something an admin should know. The form that raises it has the same fields.
#[derive(CanBroadcast, Debug, Deserialize, Serialize)]
#[broadcast(private = "admins")]
pub struct AdminUserAlert {
    /// What happened.
    pub message: Text<200>,
    /// How bad it is.
    #[serde(default)]
    pub level: Level,
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    Info,
    /// Soon a problem.
    Warning,
    /// A problem.
    #[default]
    Error,
}

/// Adds the rule of this example: only admins may listen on `private-admins`.
pub fn rules(builder: Builder<User>) -> Builder<User> {
    builder.authorize("private-admins", |user: &User| user.is_admin())
}

/// Routes `GET /alerts` (the page) and `POST /alerts` (form `message`, `level`).
pub fn router() -> Router<Broadcaster> {
    Router::new().route("/alerts", get(page).post(raise))
}

async fn page() -> Html<&'static str> {
    Html(include_str!("admin-alerts.html"))
}

/// A visitor's alert is not sent: the answer says that the channel was skipped, and why.
async fn raise(
    broadcast: Broadcast,
    Form(alert): Form<AdminUserAlert>,
) -> Result<Json<Report>, Error> {
    broadcast.emit(alert).await.map(Json)
}
