//! The three examples as one application, with a start page and a log-in.
//!
//! Each example brings a `router()` and, where it has a private channel, its `rules()`. This crate
//! puts them together around one [`Broadcaster`], which is all the state there is.

use std::path::Path;

use anyhow::Result;
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use skywave::{Broadcaster, Embedded};
use tower_http::csrf::CsrfLayer;

/// The whole application; `assets` is the folder with `pusher.min.js`.
///
/// # Errors
///
/// When the broadcaster's configuration is wrong, or its server cannot start.
pub fn application(assets: &Path) -> Result<Router> {
    let broadcaster = broadcaster()?;
    let app = Router::new()
        .route("/", get(start))
        .merge(releases::router())
        .merge(admin_alerts::router())
        .merge(chat::router())
        .merge(site::pages(assets))
        .merge(site::accounts())
        .layer(CsrfLayer::new()) // every form above; not the authorisation route below
        .merge(broadcaster.routes())
        .layer(site::sessions())
        .with_state(broadcaster);
    Ok(app)
}

fn broadcaster() -> Result<Broadcaster> {
    // Open pages find the demo again after a restart, as the key stays.
    let builder = Broadcaster::builder()
        .driver("embedded", Embedded::with_key("skywave-demo"))
        .users(site::current_user)
        .auth_path("/pusher/user-auth");
    let builder = admin_alerts::rules(builder);
    let builder = chat::rules(builder);
    Ok(builder.build()?)
}

async fn start() -> Html<&'static str> {
    Html(include_str!("start.html"))
}
