//! What reaches the driver, what is left out, and what is an error.

use std::error::Error as _;

use serde::{Serialize, Serializer};
use serde_json::json;
use skywave::{
    Broadcast, CanBroadcast, Channel, DriverFailure, Error, IntoChannels, Null, PresenceChannel,
    PrivateChannel, PublishPrivate, SkipReason,
};

use crate::stage::{Recorder, builder};

/// A system broadcast and what its driver keeps.
fn system() -> (Broadcast, Recorder) {
    let recorder = Recorder::new();
    (builder(&recorder).build().unwrap().as_system(), recorder)
}

#[derive(Serialize)]
struct UserAdded {
    name: &'static str,
}

impl CanBroadcast for UserAdded {
    fn broadcast_on(&self) -> impl IntoChannels {
        [Channel::new("users"), PrivateChannel::new("admins")]
    }
}

#[tokio::test]
async fn the_documents_newest_form_is_channels_event_data() {
    let (broadcast, recorder) = system();
    let report = broadcast
        .channel(["c1", "c2"], "event_name", json!({ "key": "value" }))
        .await
        .unwrap();
    assert_eq!(report.sent, ["c1", "c2"]);
    assert_eq!(
        recorder.only(),
        (
            vec!["c1".into(), "c2".into()],
            "event_name".into(),
            json!({ "key": "value" })
        )
    );
}

#[tokio::test]
async fn b04_a_text_message_is_wrapped_and_every_other_value_is_sent_as_it_is() {
    for (message, sent) in [
        (
            json!("hello \"you\""),
            json!({ "message": "hello \"you\"" }),
        ),
        (json!(""), json!({ "message": "" })),
        (json!({ "key": "value" }), json!({ "key": "value" })),
        (json!(["a"]), json!(["a"])),
        (json!(1), json!(1)),
    ] {
        let (broadcast, recorder) = system();
        broadcast.to("c1").message(&message).await.unwrap();
        assert_eq!(
            recorder.only(),
            (vec!["c1".into()], "base-event".into(), sent)
        );
    }
}

#[tokio::test]
async fn a_message_may_have_a_name_before_or_after_it() {
    let (broadcast, recorder) = system();
    broadcast
        .to("c1")
        .named("subscribed")
        .message("hello")
        .await
        .unwrap();
    assert_eq!(recorder.only().1, "subscribed");

    let (broadcast, recorder) = system();
    broadcast
        .to("c1")
        .message("hello")
        .named("subscribed")
        .await
        .unwrap();
    assert_eq!(recorder.only().1, "subscribed");
}

#[tokio::test]
async fn an_event_brings_its_channels_its_name_and_its_data() {
    let (broadcast, recorder) = system();
    let report = broadcast.emit(UserAdded { name: "ada" }).await.unwrap();
    assert_eq!(report.sent, ["users", "private-admins"]);
    assert_eq!(
        recorder.only(),
        (
            vec!["users".into(), "private-admins".into()],
            "UserAdded".into(),
            json!({ "name": "ada" })
        )
    );
}

#[tokio::test]
async fn b14_an_events_data_can_be_sent_to_other_channels() {
    let (broadcast, recorder) = system();
    let event = UserAdded { name: "ada" };
    broadcast
        .to("elsewhere")
        .event(event.broadcast_as(), event.broadcast_with())
        .await
        .unwrap();
    assert_eq!(
        recorder.only(),
        (
            vec!["elsewhere".into()],
            "UserAdded".into(),
            json!({ "name": "ada" })
        )
    );
}

#[tokio::test]
async fn b03_many_channels_are_one_call_to_the_driver() {
    let (broadcast, recorder) = system();
    let channels: Vec<String> = (0..100).map(|number| format!("c{number}")).collect();
    broadcast.to(&channels).message("hello").await.unwrap();
    assert_eq!(recorder.only().0, channels);
}

#[tokio::test]
async fn a_channel_named_twice_is_sent_to_once() {
    let (broadcast, recorder) = system();
    let channels = [
        Channel::new("private-a"),
        PrivateChannel::new("a"),
        Channel::new("b"),
    ];
    let report = broadcast.to(channels).message("hello").await.unwrap();
    assert_eq!(report.sent, ["private-a", "b"]);
    assert_eq!(recorder.only().0, ["private-a", "b"]);
}

#[tokio::test]
async fn b01_the_named_driver_is_the_one_that_sends_and_nothing_shared_changes() {
    let (first, second) = (Recorder::new(), Recorder::new());
    let broadcaster = builder(&first)
        .driver("second", second.clone())
        .driver("null", Null)
        .build()
        .unwrap();
    let broadcast = broadcaster.as_system();
    broadcast
        .driver("second")
        .to("c")
        .message("to the second")
        .await
        .unwrap();
    broadcast
        .driver("null")
        .to("c")
        .message("to nobody")
        .await
        .unwrap();
    broadcast.to("c").message("to the first").await.unwrap();
    assert_eq!(second.only().2, json!({ "message": "to the second" }));
    assert_eq!(first.only().2, json!({ "message": "to the first" }));
}

#[tokio::test]
async fn b02_the_chosen_drivers_own_limits_apply() {
    let (roomy, narrow) = (Recorder::new(), Recorder::taking(10));
    let broadcaster = builder(&roomy)
        .driver("narrow", narrow.clone())
        .build()
        .unwrap();
    let broadcast = broadcaster.as_system();
    broadcast
        .channel("c", "long", json!({ "text": "longer than ten" }))
        .await
        .unwrap();
    let sending = broadcast
        .driver("narrow")
        .channel("c", "long", json!({ "text": "as long" }));
    assert!(matches!(
        sending.await,
        Err(Error::TooLarge { limit: 10, .. })
    ));
    assert_eq!((roomy.envelopes().len(), narrow.envelopes().len()), (1, 0));
}

#[tokio::test]
async fn the_default_driver_can_be_named() {
    let (first, second) = (Recorder::new(), Recorder::new());
    let broadcaster = builder(&first)
        .driver("second", second.clone())
        .default_driver("second")
        .build()
        .unwrap();
    broadcaster
        .as_system()
        .to("c")
        .message("hello")
        .await
        .unwrap();
    assert_eq!((first.envelopes().len(), second.envelopes().len()), (0, 1));
}

mod drivers {
    use super::*;

    #[tokio::test]
    async fn one_event_goes_through_several() {
        let (first, second) = (Recorder::new(), Recorder::new());
        let broadcaster = builder(&first)
            .driver("second", second.clone())
            .driver("null", Null)
            .build()
            .unwrap();
        let broadcast = broadcaster.as_system();
        let both = broadcast.drivers(["second", "recorder", "second"]);
        let report = both.channel(["a", "b"], "added", 1).await.unwrap();
        assert_eq!(report.sent, ["a", "b"]);
        assert_eq!(first.only(), second.only());
        assert_eq!(broadcaster.counters().published, 2);
    }

    #[tokio::test]
    async fn everything_is_checked_for_all_of_them_before_the_first_is_called() {
        let (roomy, narrow) = (Recorder::new(), Recorder::taking(10));
        let broadcaster = builder(&roomy).driver("narrow", narrow).build().unwrap();
        let broadcast = broadcaster.as_system();
        let both = broadcast.drivers(["recorder", "narrow"]);
        let error = both
            .channel("c", "long", "longer than ten")
            .await
            .unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 10, .. }));
        let error = broadcast.drivers(["recorder", "ably"]).to("c").message("x");
        assert!(matches!(
            error.await.unwrap_err(),
            Error::UnknownDriver { .. }
        ));
        let error = broadcast.drivers([""; 0]).to("c").message("x");
        assert_eq!(
            error.await.unwrap_err().to_string(),
            "there is no driver to send with: expected at least one of `recorder`, `narrow`"
        );
        assert_eq!(roomy.envelopes().len(), 0);
    }

    #[tokio::test]
    async fn one_that_fails_does_not_keep_the_others_from_sending() {
        let working = Recorder::new();
        let broadcaster = builder(&working)
            .driver("broken", Recorder::broken())
            .driver("torn", Recorder::broken())
            .build()
            .unwrap();
        let broadcast = broadcaster.as_system();
        let all = broadcast.drivers(["broken", "recorder", "torn"]);
        let error = all.to("c").message("x").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "drivers `broken`, `torn` did not accept the event, after `recorder` did"
        );
        assert_eq!(error.source().unwrap().to_string(), "no connection");
        assert_eq!(working.envelopes().len(), 1);

        let report = all.to("c").message("x").or_log().await.unwrap();
        assert_eq!(report.sent, ["c"]);
    }

    #[tokio::test]
    async fn a_failure_may_be_logged_in_place_of_an_error() {
        for (setting, or_log) in [(DriverFailure::Error, true), (DriverFailure::Log, false)] {
            let broadcaster = builder(&Recorder::broken())
                .driver_failure(setting)
                .build()
                .unwrap();
            let sending = broadcaster.as_system().to(["a", "b"]).message("x");
            let sending = if or_log { sending.or_log() } else { sending };
            let report = sending.await.unwrap();
            assert_eq!(report.sent, [] as [Channel; 0]);
            let reasons: Vec<_> = report.skipped.iter().map(|s| s.reason).collect();
            assert_eq!(reasons, [SkipReason::DriverFailed; 2]);
            assert_eq!(broadcaster.counters().failed, 1);
            // What is wrong with the event stays an error.
            let sending = broadcaster.as_system().to("no spaces").message("x");
            sending.or_log().await.unwrap_err();
        }
    }
}

mod conditions {
    use super::*;

    /// Sent when the level is above ten; its data cannot be written below.
    struct Alert(u8);

    impl Serialize for Alert {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            assert!(self.0 > 10, "the data is not asked for");
            serializer.serialize_u8(self.0)
        }
    }

    impl CanBroadcast for Alert {
        fn broadcast_on(&self) -> impl IntoChannels {
            ["alerts", "private-admins"]
        }

        fn broadcast_when(&self) -> bool {
            self.0 > 10
        }
    }

    #[tokio::test]
    async fn an_event_whose_condition_does_not_hold_is_not_sent() {
        let (broadcast, recorder) = system();
        // A reference is the same event.
        let quiet = &Alert(3);
        for report in [
            broadcast.emit(Alert(3)).await.unwrap(),
            broadcast.emit(quiet).await.unwrap(),
            broadcast.emit(Alert(3)).later().unwrap(),
        ] {
            assert_eq!(report.sent, [] as [Channel; 0]);
            let skipped: Vec<_> = report
                .skipped
                .iter()
                .map(|s| (&s.channel, s.reason))
                .collect();
            assert_eq!(
                skipped,
                [
                    (&Channel::new("alerts"), SkipReason::Condition),
                    (&Channel::new("private-admins"), SkipReason::Condition),
                ]
            );
        }
        assert_eq!(recorder.envelopes().len(), 0);
        let report = broadcast.emit(Alert(11)).await.unwrap();
        assert_eq!(report.sent, ["alerts", "private-admins"]);
        assert_eq!(recorder.only().2, json!(11));
    }
}

mod too_large {
    use super::*;

    #[tokio::test]
    async fn something_smaller_is_sent_in_its_place_if_there_is_something() {
        let narrow = Recorder::taking(20);
        let roomy = Recorder::new();
        let broadcaster = builder(&narrow).driver("roomy", roomy.clone()).build();
        let broadcast = broadcaster.unwrap().as_system();
        let sending = |data: &str| {
            let both = broadcast.drivers(["recorder", "roomy"]);
            both.channel("c", "changed", json!({ "text": data }))
                .if_too_large(json!({ "id": 7 }))
        };
        sending("short").await.unwrap();
        assert_eq!(narrow.only().2, json!({ "text": "short" }));
        sending("longer than twenty").await.unwrap();
        let data = |recorder: &Recorder| recorder.envelopes()[1].data.clone();
        assert_eq!(data(&narrow), r#"{"id":7}"#);
        assert_eq!(data(&roomy), r#"{"text":"longer than twenty"}"#);

        let error = broadcast
            .channel("c", "changed", "longer than twenty bytes")
            .if_too_large("still longer than that");
        assert_eq!(
            error.await.unwrap_err().to_string(),
            "the data of event `changed` has 24 bytes as JSON: at most 20 are allowed"
        );
    }
}

#[tokio::test]
async fn a_report_is_written_as_json() {
    let broadcaster = builder(&Recorder::new()).build().unwrap();
    let report = broadcaster.as_system().to(["a", "private-b"]).message("x");
    assert_eq!(
        serde_json::to_value(report.await.unwrap()).unwrap(),
        json!({ "sent": ["a", "private-b"], "skipped": [] })
    );
    let broken = builder(&Recorder::broken()).build().unwrap();
    let report = broken.as_system().to("a").message("x").or_log();
    assert_eq!(
        serde_json::to_value(report.await.unwrap()).unwrap(),
        json!({ "sent": [], "skipped": [{ "channel": "a", "reason": "the driver failed" }] })
    );
}

mod visitors {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::routing::post;
    use skywave::Report;

    use super::*;
    use crate::stage::{Ask, form};

    /// What a handler's sending to these channels came to, and what the driver got.
    async fn sent_by(
        user: Option<u64>,
        rule: PublishPrivate,
        channels: impl IntoChannels,
    ) -> (Report, Vec<String>) {
        let recorder = Recorder::new();
        let broadcaster = builder(&recorder).publish_private(rule).build().unwrap();
        let channels = channels.into_channels();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&reports);
        let send = post(async move |broadcast: Broadcast| {
            let report = broadcast.to(&channels).message("hello").await.unwrap();
            kept.lock().unwrap().push(report);
        });
        let app = Router::new().route("/", send).with_state(broadcaster);
        user.into_iter()
            .fold(form("/", &[]), Ask::by)
            .to(&app)
            .await;
        let report = reports.lock().unwrap().pop().expect("the handler ran");
        let envelopes = recorder.envelopes();
        let received = envelopes.iter().flat_map(|envelope| &envelope.channels);
        (report, received.map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn b09_the_prefix_decides_in_every_form() {
        for channel in [
            Channel::new("private-admins"),
            Channel::private("admins"),
            PrivateChannel::new("private-admins"),
            PresenceChannel::new("room"),
            Channel::new("presence-room"),
            Channel::new("private-encrypted-vault"),
            Channel::new("private-cache-x"),
            Channel::new("presence-cache-x"),
            Channel::new("private-encrypted-cache-x"),
        ] {
            let (report, received) = sent_by(None, PublishPrivate::LoggedIn, &channel).await;
            assert_eq!(report.sent, [] as [Channel; 0], "{channel}");
            assert_eq!(report.skipped.len(), 1, "{channel}");
            assert_eq!(received, [] as [&str; 0], "{channel}");
        }
        for channel in ["news", "cache-news"] {
            let (report, received) = sent_by(None, PublishPrivate::LoggedIn, channel).await;
            assert_eq!(
                (report.sent, report.skipped),
                (vec![Channel::new(channel)], vec![])
            );
            assert_eq!(received, [channel]);
        }
    }

    #[tokio::test]
    async fn b11_what_is_skipped_is_reported_with_its_reason_and_the_rest_is_sent() {
        let channels = ["c1", "private-admins", "c2"];
        let (report, received) = sent_by(None, PublishPrivate::LoggedIn, channels).await;
        assert_eq!(report.sent, ["c1", "c2"]);
        assert_eq!(report.skipped[0].channel, "private-admins");
        assert_eq!(report.skipped[0].reason, SkipReason::NotLoggedIn);
        assert_eq!(received, ["c1", "c2"]);
    }

    #[tokio::test]
    async fn users_and_the_system_are_not_skipped() {
        let (report, received) = sent_by(Some(7), PublishPrivate::LoggedIn, "private-admins").await;
        assert_eq!(report.sent, ["private-admins"]);
        assert_eq!(received, ["private-admins"]);

        let recorder = Recorder::new();
        let broadcaster = builder(&recorder).build().unwrap();
        for broadcast in [broadcaster.as_system(), broadcaster.as_user(7)] {
            let report = broadcast
                .to("private-admins")
                .message("hello")
                .await
                .unwrap();
            assert_eq!(report.sent, ["private-admins"]);
        }
    }

    #[tokio::test]
    async fn the_rule_can_be_switched_off() {
        let (report, received) = sent_by(None, PublishPrivate::Anyone, "private-admins").await;
        assert_eq!(report.sent, ["private-admins"]);
        assert_eq!(received, ["private-admins"]);
    }
}

mod errors {
    use super::*;

    struct Unwritable;

    impl Serialize for Unwritable {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("this cannot be written"))
        }
    }

    #[tokio::test]
    async fn a_channel_name_is_named_with_the_rule_it_breaks() {
        for (name, problem) in [
            (
                "",
                "invalid channel name ``: a channel name must not be empty",
            ),
            (
                "no spaces",
                "invalid channel name `no spaces`: ' ' at byte 2 is not one of",
            ),
            ("größe", "invalid channel name `größe`: 'ö' at byte 2"),
            ("#all", "invalid channel name `#all`: "),
            (&"x".repeat(165), "has at most 164 bytes, this one has 165"),
        ] {
            let (broadcast, recorder) = system();
            let error = broadcast
                .to(["fine", name])
                .message("hello")
                .await
                .unwrap_err();
            assert!(matches!(error, Error::InvalidChannel { .. }), "{error:?}");
            assert!(error.to_string().contains(problem), "{error}");
            assert_eq!(recorder.envelopes().len(), 0, "nothing is half sent");
        }
    }

    #[tokio::test]
    async fn an_event_name_is_named_with_the_rule_it_breaks() {
        for (name, problem) in [
            ("", "invalid event name ``: an event name must not be empty"),
            ("pusher:ping", "invalid event name `pusher:ping`: "),
            (
                "pusher_internal:x",
                "invalid event name `pusher_internal:x`: ",
            ),
            (&"x".repeat(201), "has at most 200 characters"),
        ] {
            let (broadcast, recorder) = system();
            let error = broadcast.channel("c", name, json!({})).await.unwrap_err();
            assert!(matches!(error, Error::InvalidEvent { .. }), "{error:?}");
            assert!(error.to_string().contains(problem), "{error}");
            assert_eq!(recorder.envelopes().len(), 0);
        }
    }

    #[tokio::test]
    async fn data_that_does_not_serialise_names_the_event_and_keeps_the_source() {
        let (broadcast, recorder) = system();
        let error = broadcast
            .channel("c", "added", Unwritable)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the data of event `added` cannot be written as JSON"
        );
        assert_eq!(
            error.source().unwrap().to_string(),
            "this cannot be written"
        );
        assert_eq!(recorder.envelopes().len(), 0);
    }

    #[tokio::test]
    async fn data_may_have_as_many_bytes_as_the_driver_takes() {
        let (broadcast, recorder) = system();
        // Two bytes are the quotes.
        broadcast
            .channel("c", "full", "x".repeat(10_238))
            .await
            .unwrap();
        assert_eq!(recorder.envelopes().len(), 1);
        let error = broadcast
            .channel("c", "fuller", "x".repeat(10_239))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the data of event `fuller` has 10241 bytes as JSON: at most 10240 are allowed"
        );
        assert_eq!(recorder.envelopes().len(), 1);
    }

    #[tokio::test]
    async fn an_event_goes_to_at_least_one_and_at_most_a_hundred_channels() {
        let (broadcast, recorder) = system();
        let error = broadcast.channel([""; 0], "added", 1).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "event `added` has no channel to go to: name at least one"
        );
        let channels: Vec<_> = (0..101).map(|number| format!("c{number}")).collect();
        let error = broadcast.channel(&channels, "added", 1).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "event `added` names 101 channels: at most 100 are allowed"
        );
        assert_eq!(recorder.envelopes().len(), 0);
    }

    #[tokio::test]
    async fn an_unknown_driver_is_named_beside_the_known_ones() {
        let broadcaster = builder(&Recorder::new())
            .driver("null", Null)
            .build()
            .unwrap();
        let error = broadcaster
            .as_system()
            .driver("ably")
            .to("c")
            .message("x")
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no driver `ably`: expected one of `recorder`, `null`"
        );
    }

    #[tokio::test]
    async fn b19_a_failing_driver_is_an_error_with_its_source_and_nothing_was_sent() {
        let broadcast = builder(&Recorder::broken()).build().unwrap().as_system();
        let error = broadcast
            .to(["c1", "c2"])
            .message("hello")
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "driver `recorder` did not accept the event"
        );
        let source = error.source().unwrap();
        assert_eq!(source.to_string(), "no connection");
        assert_eq!(source.source().unwrap().to_string(), "the cable is cut");
    }
}
