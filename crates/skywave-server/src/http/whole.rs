//! Requests that are whole already, as the front has them: answered at once, in the same way as
//! those that arrive bit by bit.

use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use skywave_protocol::Rejection;

use super::route::{Call, Route};
use super::{Asked, api, connect, events, status_of};
use crate::arrival::Visit;
use crate::node::Node;

/// The head of a request that publishes events.
pub(crate) struct Publishing<'a> {
    node: &'a Node,
    app_id: &'a str,
    call: Call,
    target: api::Target<'a>,
}

/// The answer to it: JSON when its status is 200, otherwise the text of a refusal.
pub(crate) struct Published {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl<'a> Publishing<'a> {
    /// What a POST to this target publishes; `None` when it asks for something else.
    pub(crate) fn of(node: &'a Node, target: &'a str) -> Option<Self> {
        let target = api::Target::of(&node.prefix, target);
        let (path, _) = target.text.split_once('?')?;
        match Route::of(path)? {
            Route::Api {
                app_id: Some(app_id),
                call: call @ (Call::Events | Call::BatchEvents),
            } => Some(Self {
                node,
                app_id,
                call,
                target,
            }),
            _ => None,
        }
    }

    /// Publishes, if the signature and the body are right.
    pub(crate) fn answer(&self, body: &[u8]) -> Published {
        let begin = Instant::now();
        let answer = self.publish(body);
        let counters = &self.node.counters;
        counters.publish_time.note(begin.elapsed());
        let published = match answer {
            Ok(body) => Published {
                status: StatusCode::OK,
                body,
            },
            Err(rejection) => Published {
                status: status_of(&rejection),
                body: rejection.to_string().into(),
            },
        };
        counters.answered(Asked::by_call(&self.call), published.status.as_u16());
        published
    }

    fn publish(&self, body: &[u8]) -> Result<Bytes, Rejection> {
        let question = api::Question::read("POST", self.target)?;
        let apps = self.node.engine.apps();
        let (app, request) = question.verify(&apps, Some(self.app_id))?;
        let limit = self.call.body_bytes(&app.settings().limits);
        if body.len() > limit {
            return Err(Rejection::BodyTooLarge { limit });
        }
        request.verify_body(body)?;
        match self.call {
            Call::BatchEvents => events::publish_batch(self.node, app, body),
            _ => events::publish(self.node, app, &request, body),
        }
    }
}

/// Answers a handshake; `None` when the request is no handshake that is in order.
pub(crate) fn shake_hands(node: &Node, mut request: Request<()>) -> Option<(Response<()>, Visit)> {
    if !node.prefix.take_off(&mut request) {
        return None;
    }
    let Some(Route::Connect { key }) = Route::of(request.uri().path()) else {
        return None;
    };
    let (response, visit) = connect::shake_hands(node, key, &request).ok()?;
    let status = response.status().as_u16();
    node.counters.answered(Asked::Connect, status);
    Some((response, visit))
}
