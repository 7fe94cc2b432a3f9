//! A chat room that shows who is in it.
//!
//! The room is a presence channel: [`rules`] says who may come in and what the others see of them,
//! and the server keeps everybody's list. Messages are posted to the application and broadcast to
//! everybody but their sender's own page, which shows them at once. Typing goes from page to page as
//! client events; the application has no code for it.

use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Form, Json, Router};
use serde::{Deserialize, Serialize};
use site::{Text, User};
use skywave::{
    Broadcast, BroadcastUser, Broadcaster, Builder, CanBroadcast, Error, Member, Report,
};

/// Somebody said something.
#[derive(CanBroadcast, Debug, Serialize)]
#[broadcast(presence = "room.lobby")]
pub struct NewMessage {
    /// Whose message it is, as in the list of members.
    pub user_id: String,
    /// What they call themselves.
    pub name: Text<30>,
    /// What they said.
    pub text: Text<500>,
}

/// The form of the page.
#[derive(Debug, Deserialize)]
struct Said {
    text: Text<500>,
}

/// Adds the rule of this example: every user may join the lobby, and there is no other room.
pub fn rules(builder: Builder<User>) -> Builder<User> {
    builder.join("presence-room.{room}", |user: &User, room: String| {
        (room == "lobby").then(|| Member::new(user.broadcast_id()).info(user.broadcast_info()))
    })
}

/// Routes `GET /chat` (the page) and `POST /chat` (form `text`).
pub fn router() -> Router<Broadcaster> {
    Router::new()
        .route("/chat", get(page).post(say))
        .route("/assets/chat.js", get(script))
}

async fn page() -> Html<&'static str> {
    Html(include_str!("chat.html"))
}

async fn script() -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/javascript; charset=utf-8")],
        include_str!("chat.js"),
    )
}

/// To all others: the page sends its socket id in `X-Socket-ID`, and that connection is left out.
async fn say(
    broadcast: Broadcast,
    user: User,
    Form(said): Form<Said>,
) -> Result<Json<Report>, Error> {
    let message = NewMessage {
        user_id: user.broadcast_id(),
        name: user.name,
        text: said.text,
    };
    broadcast.emit(message).to_others().await.map(Json)
}
