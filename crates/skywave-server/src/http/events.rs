//! `POST events`, `POST batch_events` and the deprecated `POST channels/NAME/events`: publishing.
//! Protocol §2.2 to §2.5.

use std::iter;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use skywave_engine::{App, Publication};
use skywave_protocol::{Info, Rejection, TriggerRequest, VerifiedRequest};

use super::channels::attributes;
use crate::node::Node;

/// Publishes one event.
pub(super) fn publish(
    node: &Node,
    app: &App,
    request: &VerifiedRequest<'_, '_>,
    body: &[u8],
) -> Result<Bytes, Rejection> {
    let event = TriggerRequest::parse_request(request, body, &app.settings().limits)?;
    node.publish_counted(app, iter::once(publication(&event)))?;
    if event.info == Info::default() {
        return Ok(Bytes::from_static(b"{}"));
    }
    let channels: Map<String, Value> = event
        .channels
        .iter()
        .map(|channel| {
            let occupancy = node.engine.occupancy(app, channel);
            (
                channel.to_string(),
                attributes(occupancy, event.info).into(),
            )
        })
        .collect();
    Ok(json!({ "channels": channels }).to_string().into())
}

/// Publishes the events of a batch, all of them or none.
pub(super) fn publish_batch(node: &Node, app: &App, body: &[u8]) -> Result<Bytes, Rejection> {
    let events = TriggerRequest::parse_batch(body, &app.settings().limits)?;
    node.publish_counted(app, events.iter().map(publication))?;
    if events.iter().all(|event| event.info == Info::default()) {
        return Ok(Bytes::from_static(b"{}"));
    }
    // One entry per event, empty where it asked for nothing. An event of a batch has one channel.
    let batch: Vec<Map<String, Value>> = events
        .iter()
        .map(|event| {
            let occupancy = event
                .channels
                .first()
                .map(|channel| node.engine.occupancy(app, channel));
            attributes(occupancy.unwrap_or_default(), event.info)
        })
        .collect();
    Ok(json!({ "batch": batch }).to_string().into())
}

/// Publishes one event as libraries did long ago: the body is its data.
pub(super) fn publish_deprecated(
    node: &Node,
    app: &App,
    request: &VerifiedRequest<'_, '_>,
    channel: &str,
    body: &[u8],
) -> Result<(), Rejection> {
    let event = TriggerRequest::parse_deprecated(request, channel, body, &app.settings().limits)?;
    node.publish_counted(app, iter::once(publication(&event)))
}

fn publication<'a>(event: &'a TriggerRequest<'_>) -> Publication<'a> {
    Publication {
        channels: &event.channels,
        event: &event.name,
        data: &event.data,
        except: event.socket_id.map(Into::into),
    }
}
