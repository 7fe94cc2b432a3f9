//! CSRF protection with a real layer: left out by the order of layers, or kept.

use axum::Router;
use axum::routing::post;
use http::StatusCode;
use tower_http::csrf::CsrfLayer;

use crate::stage::{Answer, Recorder, builder, channel, form};

/// How a browser marks a post from another site.
fn from_elsewhere(ask: crate::stage::Ask) -> crate::stage::Ask {
    ask.header("host", "example.com")
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site")
}

fn from_the_page(ask: crate::stage::Ask) -> crate::stage::Ask {
    ask.header("host", "example.com")
        .header("origin", "https://example.com")
        .header("sec-fetch-site", "same-origin")
}

async fn ship() -> &'static str {
    "shipped"
}

/// The order of layers decides: what is merged after the layer is not wrapped by it.
fn exempt() -> Router {
    Router::new()
        .route("/orders/ship", post(ship))
        .layer(CsrfLayer::new())
        .merge(builder(&Recorder::new()).build().unwrap().routes())
}

/// pusher-js asks from the page itself, so this layer needs no exemption at all.
fn protected() -> Router {
    Router::new()
        .route("/orders/ship", post(ship))
        .merge(builder(&Recorder::new()).build().unwrap().routes())
        .layer(CsrfLayer::new())
}

fn assert_stopped(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    assert!(!answer.body.contains("auth"), "{}", answer.body);
}

#[tokio::test]
async fn routes_merged_after_the_layer_are_exempt_and_only_they() {
    let app = exempt();
    from_elsewhere(channel("private-x"))
        .by(7)
        .to(&app)
        .await
        .json();
    assert_stopped(&from_elsewhere(form("/orders/ship", &[])).to(&app).await);
    assert_eq!(
        from_the_page(form("/orders/ship", &[])).to(&app).await.body,
        "shipped"
    );
}

#[tokio::test]
async fn b12_no_other_path_becomes_exempt_with_the_route() {
    let app = Router::new()
        .route("/broadcasting/authorize-anything", post(ship))
        .route("/broadcasting/authorize/more", post(ship))
        .layer(CsrfLayer::new())
        .merge(builder(&Recorder::new()).build().unwrap().routes());
    for path in [
        "/broadcasting/authorize-anything",
        "/broadcasting/authorize/more",
    ] {
        assert_stopped(&from_elsewhere(form(path, &[])).to(&app).await);
    }
}

#[tokio::test]
async fn the_protection_can_be_kept() {
    let app = protected();
    from_the_page(channel("private-x"))
        .by(7)
        .to(&app)
        .await
        .json();
    assert_stopped(&from_elsewhere(channel("private-x")).by(7).to(&app).await);
}
