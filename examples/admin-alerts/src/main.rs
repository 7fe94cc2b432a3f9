//! `cargo run -p admin-alerts`: this example alone.

use axum::response::Redirect;
use axum::routing::get;
use skywave::{Broadcaster, Embedded};
use tower_http::csrf::CsrfLayer;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = site::Options::parse();
    let builder = Broadcaster::builder()
        .driver("embedded", Embedded::generated())
        .users(site::current_user)
        .auth_path("/pusher/user-auth");
    let broadcaster = admin_alerts::rules(builder).build()?;

    // A layer wraps the routes above it, so every form is protected. The authorisation route comes
    // below and is exempt, as a Pusher client has no token to send; browsers keep its answer from
    // the pages of other sites.
    let app = admin_alerts::router()
        .route("/", get(|| async { Redirect::to("/alerts") }))
        .merge(site::pages(&options.assets))
        .merge(site::accounts())
        .layer(CsrfLayer::new())
        .merge(broadcaster.routes())
        .layer(site::sessions())
        .with_state(broadcaster);
    site::serve("admin-alerts", app, &options).await
}
