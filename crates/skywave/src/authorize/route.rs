//! The ready authorisation route: request in, signed answer or refusal out.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};

use super::{AuthError, AuthReply, AuthRequest};
use crate::broadcaster::Broadcaster;

/// Answers one authorisation request with the broadcaster's rules and its default driver.
pub(crate) async fn answer(broadcaster: Broadcaster, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let ask = match AuthRequest::from_request(request, &()).await {
        Ok(ask) => ask,
        Err(refused) => return refused.into_response(),
    };
    let decide = async {
        let driver = broadcaster.default_driver();
        let authoriser = broadcaster.authoriser();
        match &ask {
            AuthRequest::Channel(ask) => {
                match authoriser.subscriber(parts, ask.channel_name()).await? {
                    Some(member) => driver.authorize_member(ask, &member),
                    None => driver.authorize(ask),
                }
            }
            AuthRequest::User(ask) => driver.authenticate(ask, &authoriser.user(parts).await?),
        }
    };
    match contained(decide).await {
        Ok(reply) => reply.into_response(),
        Err(error) => error.into_response(),
    }
}

/// Keeps a panic of the application's hook or rule to the one request: it fails, unsigned, where
/// the connection would be torn down without an answer.
async fn contained(
    decide: impl Future<Output = Result<AuthReply, AuthError>>,
) -> Result<AuthReply, AuthError> {
    let mut decide = pin!(decide);
    poll_fn(|context| {
        // The future is not polled again after a panic, so nobody sees what it left behind.
        catch_unwind(AssertUnwindSafe(|| decide.as_mut().poll(context))).unwrap_or_else(|_| {
            Poll::Ready(Err(AuthError::failed("the users hook or a rule panicked")))
        })
    })
    .await
}
