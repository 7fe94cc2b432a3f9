//! `cargo run -p vault`: this example, with the driver that the environment names.

use axum::response::Redirect;
use axum::routing::get;
use skywave::Broadcaster;
use tower_http::csrf::CsrfLayer;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = site::Options::parse();
    // Without any variable: the embedded server, with a key, a secret and a master key made up.
    let builder = Broadcaster::from_env()?.users(site::current_user);
    let broadcaster = vault::rules(builder).build()?;

    let app = vault::router(&options.assets)
        .route("/", get(|| async { Redirect::to("/vault") }))
        .merge(site::pages(&options.assets))
        .merge(site::accounts())
        .layer(CsrfLayer::new())
        .merge(broadcaster.routes())
        .layer(site::sessions())
        .with_state(broadcaster);
    site::serve("vault", app, &options).await
}
