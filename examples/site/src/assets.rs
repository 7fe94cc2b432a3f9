//! Files and facts that every page asks for.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use skywave::{Broadcaster, ClientOptions};

/// Routes `/client.json`, `/assets/site.css`, `/assets/site.js`, `/assets/mark.svg` and
/// `/assets/pusher.min.js`, the unmodified pusher-js from the folder `assets`.
pub fn pages(assets: &Path) -> Router<Broadcaster> {
    let pusher_js = assets.join(PUSHER_JS);
    Router::new()
        .route("/client.json", get(client))
        .route(
            "/assets/site.css",
            get(css(include_str!("../assets/site.css"))),
        )
        .route(
            "/assets/site.js",
            get(javascript(include_str!("../assets/site.js"))),
        )
        .route(
            "/assets/mark.svg",
            get(svg(include_str!("../assets/mark.svg"))),
        )
        .route(
            "/assets/pusher.min.js",
            get(move || pusher_js_from(pusher_js)),
        )
}

/// What a page passes to `new Pusher(key, options)`, so that no page hard-codes it.
async fn client(options: ClientOptions) -> ClientOptions {
    options
}

async fn pusher_js_from(path: PathBuf) -> Response {
    match tokio::fs::read(&path).await {
        Ok(script) => javascript(script).into_response(),
        Err(_) => (StatusCode::NOT_FOUND, missing(&path)).into_response(),
    }
}

/// What is wrong with the folder, and what to do about it.
pub(crate) fn problem(assets: &Path) -> Option<String> {
    let path = assets.join(PUSHER_JS);
    (!path.is_file()).then(|| missing(&path))
}

fn missing(path: &Path) -> String {
    format!(
        "The pages need pusher-js, and it is not at {}.\n\
         `cargo xtask demo` brings it. By hand: `npm install pusher-js`, then start again with \
         `--assets node_modules/pusher-js/dist/web`.",
        path.display()
    )
}

type Asset<T> = ([(header::HeaderName, &'static str); 1], T);

fn css<T>(text: T) -> Asset<T> {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], text)
}

fn javascript<T>(text: T) -> Asset<T> {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        text,
    )
}

fn svg<T>(text: T) -> Asset<T> {
    ([(header::CONTENT_TYPE, "image/svg+xml")], text)
}

const PUSHER_JS: &str = "pusher.min.js";
