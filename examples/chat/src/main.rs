//! `cargo run -p chat`: this example alone.

use axum::response::Redirect;
use axum::routing::get;
use skywave::{Broadcaster, Embedded};
use tower_http::csrf::CsrfLayer;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = site::Options::parse();
    let builder = Broadcaster::builder()
        .driver("embedded", Embedded::generated())
        .users(site::current_user);
    let broadcaster = chat::rules(builder).build()?;

    let app = chat::router()
        .route("/", get(|| async { Redirect::to("/chat") }))
        .merge(site::pages(&options.assets))
        .merge(site::accounts())
        .layer(CsrfLayer::new())
        .merge(broadcaster.routes())
        .layer(site::sessions())
        .with_state(broadcaster);
    site::serve("chat", app, &options).await
}
