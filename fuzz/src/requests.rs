//! Signed requests: what we sign is accepted and read as it was meant, and nothing else is accepted; and
//! the events in them keep to the limits.

use std::sync::LazyLock;

use skywave_protocol::{Credentials, Limits, Rejection, Secret, SignedRequest, TriggerRequest};

use crate::{Target, seeds};

pub(crate) const REQUESTS: Target = Target {
    name: "requests",
    run: requests,
    seeds: || {
        seeds(&[
            "/apps/3/events\nx\n1\nbody",
            "/apps/3/channels/a%3Bb,\nchannels[]\na b+c%2\n",
            "/apps/3/channels?auth_key=key&auth_version=1.0&auth_timestamp=1000&auth_signature=00\n",
            "/apps/3/channels?auth_key=key&AUTH_KEY=k&x[]=1&x[]=2&%61uth_key=1&x\n",
            "/apps/3/events?auth_key=key&auth_version=1.0&auth_timestamp=1e9&info=a%2Cb+c&body_md5=\n",
        ])
    },
    longest: 512,
};

pub(crate) const EVENTS: Target = Target {
    name: "events",
    run: events,
    seeds: || {
        seeds(&[
            r#"{"name":"e","data":"{}","channels":["a","private-b"],"socket_id":"1.2"}"#,
            r#"{"name":"e","data":"x","channel":"presence-a","info":"user_count,subscription_count"}"#,
            r#"{"batch":[{"name":"e","data":"","channel":"a"},{"name":"f","data":"","channel":"a"}]}"#,
            r##"{"name":"e","data":"","channels":["#server-to-user-u"],"socket_id":null}"##,
        ])
    },
    longest: 1_024,
};

const NOW: u64 = 1_000;

static APP: LazyLock<Credentials> =
    LazyLock::new(|| Credentials::new("key", &Secret::new("a secret of the fuzzer")));

fn requests(input: &[u8]) {
    // As on a request line, where it is text without line ends.
    let mut lines = input.splitn(4, |&byte| byte == b'\n');
    let mut line = || lines.next().and_then(|line| str::from_utf8(line).ok());
    let Some(target) = line() else { return };
    if let Ok(request) = SignedRequest::parse("GET", target) {
        // Nobody guesses a signature.
        assert!(APP.verify_request(&request, b"", NOW).is_err(), "{target}");
    }

    let (Some(name), Some(value)) = (line(), line()) else {
        return;
    };
    let body = lines.next().unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let ours = ["auth_", "body_md5"];
    let lower = name.to_ascii_lowercase();
    if ours.iter().any(|ours| lower.starts_with(ours)) {
        return;
    }
    let query = APP.sign_request("POST", path, &[(name, value)], body, NOW);
    let target = format!("{path}?{query}");
    let request = SignedRequest::parse("POST", &target).expect("what we sign is well-formed");
    let verified = APP
        .verify_head(&request, NOW)
        .expect("what we sign is accepted");
    assert_eq!(verified.verify_body(body), Ok(()));
    assert_eq!(
        verified.parameter(&lower).as_deref(),
        Some(value),
        "{target}"
    );
    let changed = [body, b"x"].concat();
    assert!(verified.verify_body(&changed).is_err());
}

fn events(input: &[u8]) {
    let limits = Limits::default();
    let one: Result<TriggerRequest<'_>, Rejection> = TriggerRequest::parse(input, &limits);
    let batch = TriggerRequest::parse_batch(input, &limits);
    if let Ok(batch) = &batch {
        assert!(batch.len() <= limits.events_per_batch);
        assert!(batch.iter().all(|event| event.channels.len() == 1));
    }
    for event in one.into_iter().chain(batch.into_iter().flatten()) {
        assert!((1..=limits.channels_per_event).contains(&event.channels.len()));
        assert!(event.data.len() <= limits.event_bytes);
        for (index, channel) in event.channels.iter().enumerate() {
            assert!(!event.channels[..index].contains(channel), "each once");
        }
    }
}
