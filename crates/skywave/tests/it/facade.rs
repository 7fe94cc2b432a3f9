//! The facade: which broadcaster is there, and on whose behalf it sends.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use http::StatusCode;
use skywave::{Actor, Broadcaster, Error, Null, facade};

use crate::stage::{Recorder, builder, form};

async fn alert() -> Result<(), Error> {
    let sending = facade::broadcast()?
        .to(["news", "private-admins"])
        .message("hello");
    sending.to_others().await?;
    Ok(())
}

fn app(broadcaster: &Broadcaster) -> Router {
    Router::new()
        .route("/alert", post(alert))
        .layer(from_fn_with_state(broadcaster.clone(), facade::bind))
}

#[tokio::test]
async fn a_request_sends_for_its_user_and_leaves_out_its_connection() {
    let recorder = Recorder::new();
    let app = app(&builder(&recorder).build().unwrap());
    let ask = || form("/alert", &[]).header("x-socket-id", "1.2");
    assert_eq!(ask().by(7).to(&app).await.status, StatusCode::OK);
    assert_eq!(ask().to(&app).await.status, StatusCode::OK);
    let envelopes = recorder.envelopes();
    let sent: Vec<_> = envelopes
        .iter()
        .map(|envelope| {
            (
                envelope.channels.len(),
                envelope.except.map(|id| id.to_string()),
            )
        })
        .collect();
    let except = Some("1.2".to_owned());
    assert_eq!(sent, [(2, except.clone()), (1, except)]);
}

#[tokio::test]
async fn a_malformed_connection_is_refused() {
    let app = app(&builder(&Recorder::new()).build().unwrap());
    let answer = form("/alert", &[])
        .header("x-socket-id", "me")
        .to(&app)
        .await;
    answer.refused(StatusCode::UNPROCESSABLE_ENTITY, "x-socket-id");
}

#[tokio::test]
async fn scopes_are_apart_and_end_where_another_task_begins() {
    let (one, two) = (Recorder::new(), Recorder::new());
    let in_scope = |recorder: &Recorder| {
        let broadcaster = builder(recorder).build().unwrap();
        facade::scope(broadcaster.as_user(7), async {
            tokio::task::yield_now().await;
            alert().await.unwrap();
            assert_eq!(
                facade::broadcast().unwrap().actor(),
                &Actor::User("7".into())
            );
            tokio::spawn(async { facade::broadcast().map(|b| b.actor().clone()) })
                .await
                .unwrap()
        })
    };
    let (first, second) = tokio::join!(in_scope(&one), in_scope(&two));
    assert_eq!((one.envelopes().len(), two.envelopes().len()), (1, 1));
    for spawned in [first, second] {
        // Not set, or set by the other test of this process.
        assert!(
            matches!(spawned, Err(Error::FacadeNotSet) | Ok(Actor::Visitor)),
            "{spawned:?}"
        );
    }
}

/// The only test that sets it: there is one per process.
#[test]
fn it_has_to_be_set_once_before_it_is_used() {
    assert_eq!(
        facade::broadcast().unwrap_err().to_string(),
        "the facade has no broadcaster: call `skywave::facade::set(broadcaster)` at start, or put \
         `skywave::facade::scope` around what sends"
    );
    let broadcaster = Broadcaster::builder().driver("null", Null).build().unwrap();
    facade::set(broadcaster.clone()).unwrap();
    assert_eq!(facade::broadcast().unwrap().actor(), &Actor::Visitor);
    assert_eq!(
        facade::broadcaster().unwrap().as_system().actor(),
        &Actor::System
    );
    let again = facade::set(broadcaster).unwrap_err();
    assert!(
        again
            .to_string()
            .starts_with("the facade has a broadcaster already")
    );
}
