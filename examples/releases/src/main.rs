//! `cargo run -p releases`: this example alone.

use axum::response::Redirect;
use axum::routing::get;
use skywave::{Broadcaster, Embedded};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = site::Options::parse();
    let broadcaster = Broadcaster::builder()
        .driver("embedded", Embedded::generated())
        .build()?;
    let app = releases::router()
        .route("/", get(|| async { Redirect::to("/releases") }))
        .merge(site::pages(&options.assets))
        .merge(broadcaster.routes())
        .with_state(broadcaster);
    site::serve("releases", app, &options).await
}
