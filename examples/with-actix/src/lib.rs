//! Skywave in an application of another framework than axum: actix-web.
//!
//! Two things are different from the other examples. The authorisation route is a handler of the
//! framework that hands the request to [`Broadcaster::answer`], and the server for the browsers'
//! connections listens on a port of its own, since actix-web cannot carry it. (With `skywave serve`
//! or a hosted service as the driver there would be no second port here.)
//!
//! Whoever sends `Authorization: Bearer ada` is Ada; put your framework's own log-in in that place.

use actix_web::http::header::ContentType;
use actix_web::web::{self, Bytes, Data, Json, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, error};
use serde::Deserialize;
use skywave::{BroadcastUser, Broadcaster, BuildError, ClientOptions, Embedded, Report};

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct User {
    /// What the user calls themselves.
    pub name: String,
}

impl BroadcastUser for User {
    fn broadcast_id(&self) -> String {
        self.name.clone()
    }
}

/// A broadcaster whose server browsers find at `server`, such as `http://127.0.0.1:6001`.
///
/// # Errors
///
/// When `server` is no address.
pub fn broadcaster(server: &str) -> Result<Broadcaster, BuildError> {
    Broadcaster::builder()
        .driver("embedded", Embedded::with_key("with-actix"))
        .public_url(server)
        .users(|request| async move { request.extensions.get::<User>().cloned() })
        .authorize("private-users.{name}", |user: &User, name: String| {
            user.name == name
        })
        .build()
}

/// Routes `GET /` (the page), `GET /client.json`, `POST /broadcasting/authorize` and `POST /notes`
/// (form `text`).
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(page))
        .route("/client.json", web::get().to(client))
        .route("/broadcasting/authorize", web::post().to(authorize))
        .route("/notes", web::post().to(note));
}

async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .body(include_str!("page.html"))
}

async fn client(
    broadcaster: Data<Broadcaster>,
    request: HttpRequest,
) -> actix_web::Result<Json<ClientOptions>> {
    let (parts, ()) = neutral(&request, ())?.into_parts();
    let options = broadcaster.client_options(&parts);
    options.map(Json).map_err(error::ErrorBadRequest)
}

/// What axum's users get from `broadcaster.routes()`.
async fn authorize(
    broadcaster: Data<Broadcaster>,
    request: HttpRequest,
    body: Bytes,
) -> actix_web::Result<HttpResponse> {
    let answer = broadcaster.answer(neutral(&request, body)?).await;
    let (parts, body) = answer.into_parts();
    let status = actix_web::http::StatusCode::from_u16(parts.status.as_u16());
    let mut response = HttpResponse::build(status.map_err(error::ErrorInternalServerError)?);
    for (name, value) in &parts.headers {
        response.insert_header((name.as_str(), value.as_bytes()));
    }
    Ok(response.body(body))
}

/// A note to oneself, for all of one's pages but the one that wrote it.
#[derive(Deserialize)]
struct Note {
    text: String,
}

async fn note(
    broadcaster: Data<Broadcaster>,
    request: HttpRequest,
    note: web::Form<Note>,
) -> actix_web::Result<Json<Report>> {
    let user = user_of(&request).ok_or_else(|| error::ErrorUnauthorized("log in first"))?;
    let (parts, ()) = neutral(&request, ())?.into_parts();
    // What the extractor is in axum: it knows the request's user and connection.
    let broadcast = broadcaster.broadcast_for(parts).await;
    let sending = broadcast
        .map_err(error::ErrorUnprocessableEntity)?
        .to(format!("private-users.{}", user.name))
        .event("Note", &note.text)
        .to_others();
    sending
        .await
        .map(Json)
        .map_err(error::ErrorInternalServerError)
}

/// The request in the types of the crate `http`, with the user for the users hook.
///
/// actix-web has an older version of these types, so the headers are copied.
fn neutral<B>(request: &HttpRequest, body: B) -> actix_web::Result<http::Request<B>> {
    let mut neutral = http::Request::builder()
        .method(request.method().as_str())
        .uri(request.uri().to_string());
    for (name, value) in request.headers() {
        neutral = neutral.header(name.as_str(), value.as_bytes());
    }
    if let Some(user) = user_of(request) {
        neutral = neutral.extension(user);
    }
    neutral.body(body).map_err(error::ErrorBadRequest)
}

fn user_of(request: &HttpRequest) -> Option<User> {
    let token = request.headers().get("authorization")?.to_str().ok()?;
    Some(User {
        name: token.strip_prefix("Bearer ")?.to_owned(),
    })
}
