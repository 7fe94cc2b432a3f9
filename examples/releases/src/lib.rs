//! Every open page is told about a new release.
//!
//! The smallest whole use of Skywave: an event on a public channel. A form posts a version,
//! [`NewRelease`] is broadcast on `releases`, and `releases.html` shows it. Nobody has to log in.

use axum::response::Html;
use axum::routing::get;
use axum::{Form, Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use site::Text;
use skywave::{Broadcast, Broadcaster, CanBroadcast, Channel, Error, IntoChannels, Report};

/// A version has been released. The form that announces it has the same field.
#[derive(Debug, Deserialize, Serialize)]
pub struct NewRelease {
    /// Such as `4.0.0`.
    pub version: Text<40>,
}

impl CanBroadcast for NewRelease {
    fn broadcast_on(&self) -> impl IntoChannels {
        Channel::new("releases")
    }

    fn broadcast_with(&self) -> impl Serialize {
        json!({ "message": format!("Version {} has been released !", self.version) })
    }
}

/// Routes `GET /releases` (the page) and `POST /releases` (form `version`).
pub fn router() -> Router<Broadcaster> {
    Router::new().route("/releases", get(page).post(release))
}

async fn page() -> Html<&'static str> {
    Html(include_str!("releases.html"))
}

/// Answers with the channels that the event was sent on.
async fn release(
    broadcast: Broadcast,
    Form(release): Form<NewRelease>,
) -> Result<Json<Report>, Error> {
    broadcast.emit(release).await.map(Json)
}
