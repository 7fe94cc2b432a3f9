//! What a form's route answers: where the event went.

use axum::Json;
use serde_json::{Value, json};
use skywave::{Channel, Report};

/// `{"sent": ["releases"], "skipped": [{"channel": "..", "reason": ".."}]}`
pub fn answer(report: &Report) -> Json<Value> {
    let sent: Vec<_> = report.sent.iter().map(Channel::name).collect();
    let skipped: Vec<_> = report
        .skipped
        .iter()
        .map(|skipped| {
            json!({ "channel": skipped.channel.name(), "reason": skipped.reason.to_string() })
        })
        .collect();
    Json(json!({ "sent": sent, "skipped": skipped }))
}
