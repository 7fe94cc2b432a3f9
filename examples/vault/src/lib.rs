//! Notes that the server which carries them cannot read, and sockets in this process or elsewhere.
//!
//! Two things to see. The channel `private-encrypted-vault` is encrypted: the application and the
//! pages have its key, the server between them has not. And the driver comes from the environment
//! (`main.rs`), so the same program keeps the sockets itself, or publishes to `skywave serve`, to
//! hosted Pusher, or to any other server with its HTTP API:
//!
//! ```text
//! cargo run -p vault
//!
//! skywave serve --app-id 1 --app-key my-key --app-secret my-secret
//! BROADCAST_DRIVER=pusher PUSHER_HOST=127.0.0.1 PUSHER_PORT=6001 PUSHER_SSL=false \
//!   PUSHER_APP_ID=1 PUSHER_CLIENT=my-key PUSHER_SECRET=my-secret \
//!   PUSHER_ENCRYPTION_MASTER_KEY=$(openssl rand -base64 32) cargo run -p vault
//! ```

use std::path::{Path, PathBuf};

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Form, Json, Router};
use serde::{Deserialize, Serialize};
use site::{Text, User};
use skywave::{
    Broadcast, Broadcaster, Builder, CanBroadcast, EncryptedChannel, Error, IntoChannels, Report,
};

/// A note was put into the vault. The form that does it has the same field.
#[derive(Debug, Deserialize, Serialize)]
pub struct Noted {
    /// What it says.
    pub text: Text<500>,
}

impl CanBroadcast for Noted {
    fn broadcast_on(&self) -> impl IntoChannels {
        EncryptedChannel::new("vault")
    }
}

/// Adds the rule of this example: every user may read the notes.
pub fn rules(builder: Builder<User>) -> Builder<User> {
    builder.authorize("private-encrypted-vault", |_: &User| true)
}

/// Routes `GET /vault` (the page), `POST /vault` (form `text`), and the build of pusher-js that can
/// decrypt, from the folder `assets`.
pub fn router(assets: &Path) -> Router<Broadcaster> {
    let script = assets.join(PUSHER_JS);
    Router::new().route("/vault", get(page).post(note)).route(
        "/assets/pusher-with-encryption.min.js",
        get(move || pusher_js_from(script)),
    )
}

async fn page() -> Html<&'static str> {
    Html(include_str!("vault.html"))
}

/// Nothing here is about encryption: the channel's name is enough.
async fn note(broadcast: Broadcast, Form(note): Form<Noted>) -> Result<Json<Report>, Error> {
    broadcast.emit(note).await.map(Json)
}

async fn pusher_js_from(path: PathBuf) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    match tokio::fs::read(&path).await {
        Ok(script) => (content_type, script).into_response(),
        Err(_) => (StatusCode::NOT_FOUND, format!("not at {}", path.display())).into_response(),
    }
}

const PUSHER_JS: &str = "pusher-with-encryption.min.js";
