//! The ready authorisation route: request in, signed answer or refusal out.
//!
//! It knows no web framework: parts and body come in, an [`http::Response`] goes out, whether axum
//! or somebody else carries them.

use std::future::Future;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use skywave_protocol::ChannelName;
use tracing::Instrument;

use super::contained::contained;
use super::request::{BatchRequest, Question, body_of};
use super::token::token;
use super::{AuthError, AuthReply, AuthRequest, ChannelRequest};
use crate::broadcaster::Broadcaster;
use crate::counters::Count;
use crate::user::Member;

/// Answers a request that axum carries.
pub(crate) async fn answer_axum(broadcaster: Broadcaster, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let answer = match body_of(request).await {
        Ok(body) => answer(broadcaster, parts, &body).await,
        Err(refused) => refused.into_http(),
    };
    answer.map(Body::from)
}

/// Answers one authorisation request, for one channel, many, or the user, with the broadcaster's
/// rules and its default driver.
pub(crate) fn answer(
    broadcaster: Broadcaster,
    parts: Parts,
    body: &[u8],
) -> impl Future<Output = http::Response<Bytes>> + Send + use<> {
    let question = match broadcaster.tokens() {
        Some(_) => Question::read_with_tokens(&parts, body),
        None => Question::read(&parts.headers, body),
    };
    let span = tracing::debug_span!("authorise", channels = tracing::field::Empty);
    let answer = async move {
        match question {
            Err(refused) => refused.into_http(),
            Ok(Question::One(ask)) => match contained(one(&broadcaster, parts, &ask)).await {
                Ok(reply) => {
                    broadcaster.count(Count::Authorised);
                    reply.into_http()
                }
                Err(error) => {
                    broadcaster.count(error.count());
                    error.into_http()
                }
            },
            Ok(Question::Token(ask)) => {
                tracing::Span::current().record("channels", ask.channels.len());
                match contained(token(&broadcaster, parts, &ask)).await {
                    Ok(token) => token.into_http(),
                    Err(error) => error.into_http(),
                }
            }
            Ok(Question::Many(ask)) => {
                tracing::Span::current().record("channels", ask.channels.len());
                match contained(many(&broadcaster, parts, &ask)).await {
                    Ok(decided) => json(&Batch(decided)),
                    Err(error) => error.into_http(),
                }
            }
        }
    };
    answer.instrument(span)
}

async fn one(
    broadcaster: &Broadcaster,
    parts: Parts,
    ask: &AuthRequest,
) -> Result<AuthReply, AuthError> {
    let authoriser = broadcaster.authoriser();
    match ask {
        AuthRequest::Channel(ask) => {
            let subscriber = authoriser.subscriber(parts, ask.channel_name()).await?;
            signed(broadcaster, ask, subscriber.as_ref())
        }
        AuthRequest::User(ask) => {
            let user = authoriser.user(parts).await?;
            broadcaster.default_driver().authenticate(ask, &user)
        }
    }
}

/// Decides every channel on its own; only what concerns all of them, a users hook that fails, is
/// an error.
async fn many(
    broadcaster: &Broadcaster,
    parts: Parts,
    ask: &BatchRequest,
) -> Result<Vec<(String, Outcome)>, AuthError> {
    let names: Vec<ChannelName> = ask
        .channels
        .iter()
        .filter_map(|(_, name)| name.as_ref().ok().cloned())
        .collect();
    // In the order of the names.
    let mut subscribers = broadcaster
        .authoriser()
        .subscribers(parts, &names)
        .await
        .into_iter();
    let decided = ask.channels.iter().map(|(given, name)| {
        let outcome = match name {
            Err(problem) => Outcome::Refused {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                error: format!("field `channel_name[]`: {problem}"),
            },
            Ok(name) => {
                let subscriber = subscribers
                    .next()
                    .unwrap_or_else(|| Err(AuthError::failed("the channel was not decided")));
                let ask = ChannelRequest::new(ask.socket_id, name.clone());
                let reply =
                    subscriber.and_then(|member| signed(broadcaster, &ask, member.as_ref()));
                Outcome::of(broadcaster, reply)
            }
        };
        (given.clone(), outcome)
    });
    Ok(decided.collect())
}

fn signed(
    broadcaster: &Broadcaster,
    ask: &ChannelRequest,
    member: Option<&Member>,
) -> Result<AuthReply, AuthError> {
    let driver = broadcaster.default_driver();
    match member {
        Some(member) => driver.authorize_member(ask, member),
        None => driver.authorize(ask),
    }
}

/// What became of one channel of a batch.
#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Granted {
        #[serde(serialize_with = "as_number")]
        status: StatusCode,
        data: AuthReply,
    },
    Refused {
        #[serde(serialize_with = "as_number")]
        status: StatusCode,
        error: String,
    },
}

impl Outcome {
    fn of(broadcaster: &Broadcaster, reply: Result<AuthReply, AuthError>) -> Self {
        match reply {
            Ok(data) => {
                broadcaster.count(Count::Authorised);
                Self::Granted {
                    status: StatusCode::OK,
                    data,
                }
            }
            Err(refused) => {
                broadcaster.count(refused.count());
                let (status, error) = refused.told();
                Self::Refused { status, error }
            }
        }
    }
}

/// The answers by the channels' names as they were asked for: the form that pusher-js-auth, the
/// older plugin with this purpose, expects, too.
struct Batch(Vec<(String, Outcome)>);

impl Serialize for Batch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (channel, outcome) in &self.0 {
            map.serialize_entry(channel, outcome)?;
        }
        map.end()
    }
}

fn as_number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// A 200 with JSON.
pub(super) fn json(value: &impl Serialize) -> http::Response<Bytes> {
    match serde_json::to_vec(value) {
        Ok(json) => response(StatusCode::OK, "application/json", json),
        Err(error) => AuthError::failed(error).into_http(),
    }
}

/// Plain text.
pub(super) fn text(status: StatusCode, text: String) -> http::Response<Bytes> {
    response(status, "text/plain; charset=utf-8", text)
}

pub(super) fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> http::Response<Bytes> {
    let mut response = http::Response::new(body.into());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}
