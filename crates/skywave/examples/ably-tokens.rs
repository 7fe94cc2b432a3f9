//! An application whose only driver is Ably's, with nothing but its authorisation route: for the
//! conformance suite, which lets the unmodified ably-js ask it for tokens.
//!
//! `ably-tokens jwt --port 3000` answers with JWTs, `ably-tokens request` with requests for
//! tokens. Who asks is said by a header `x-user`.

use std::io::Write;

use axum::Router;
use serde_json::json;
use skywave::driver::AblyToken;
use skywave::{Ably, Broadcaster, Member};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let form = match arguments.first().map(String::as_str) {
        Some("jwt") => AblyToken::Jwt,
        Some("request") => AblyToken::Request,
        _ => return Err("expected `jwt` or `request`".into()),
    };
    let port = match arguments.iter().position(|argument| argument == "--port") {
        Some(at) => arguments.get(at + 1).ok_or("expected a port")?.parse()?,
        None => 3000,
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("Skywave ably: http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    axum::serve(listener, routes(form)?).await?;
    Ok(())
}

fn routes(form: AblyToken) -> Result<Router, skywave::BuildError> {
    let broadcaster = Broadcaster::builder()
        .driver("ably", Ably::new(KEY).tokens(form))
        .users(|parts| async move {
            let user = parts.headers.get("x-user")?;
            user.to_str().ok().map(str::to_owned)
        })
        .authorize("private-users.{name}", |user: &String, name: String| {
            *user == name
        })
        .join("presence-lobby", |user: &String| {
            Some(Member::new(user).info(json!({ "name": user.to_uppercase() })))
        })
        .build()?;
    Ok(broadcaster.routes())
}

/// Of nobody's app; the test knows it, too.
const KEY: &str = "aBcDeF.GhIjKl:0123456789abcdefSecret";
