//! How many instructions the hot paths take, counted by Callgrind: the same on every machine and
//! under every load, so that a test can look at them.
//!
//! ```text
//! cargo bench -p skywave-engine --bench instructions
//! ```
//!
//! Each limit is about a third above what was counted when it was written down. A change that
//! needs more has a reason that is worth a line in `docs/performance.md`, or is a mistake. SHA-256
//! counts as the portable code here, since Valgrind's processor has no instructions for it.

#![expect(
    missing_docs,
    unused_qualifications,
    reason = "the macros of the harness write this code"
)]

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use skywave_engine::{
    App, AppSettings, Apps, Connection, Engine, Link, Publication, Shard, encode_frame,
};
use skywave_protocol::{
    ChannelName, Credentials, Limits, Secret, ServerMessage, SignedRequest, SocketId,
    TriggerRequest,
};
use skywave_websocket::{Decoder, Message};

const KEY: &str = "278d425bdf160c739803";
const PATH: &str = "/apps/3/events";
/// The time of the signed request, in seconds.
const TIME: u64 = 1_353_088_179;
/// What a typical event carries: 176 bytes of JSON.
const DATA: &str = concat!(
    r#"{"id":4711,"author":"Ann","text":"Shipment 4711 has left the warehouse in Rotterdam and is "#,
    r#"expected to arrive on Thursday between nine and eleven; the driver calls half an hour before."}"#,
);

/// Counts what it is sent, as a socket that takes everything would.
#[derive(Debug, Default)]
struct Counter(Cell<usize>);

impl Link for Counter {
    fn send(&self, frames: &[u8]) {
        self.0.set(self.0.get() + frames.len());
    }
}

/// One worker with connections, all of them subscribed to `news`.
struct World {
    engine: Arc<Engine>,
    app: Arc<App>,
    shard: Shard<Counter>,
    connections: Vec<Rc<Connection<Counter>>>,
    channels: [ChannelName; 1],
}

fn credentials() -> Credentials {
    Credentials::new(KEY, &Secret::new("7ad3773142a6692b25b8"))
}

fn world(connections: u64) -> World {
    let app = App::new("3", AppSettings::new(credentials()));
    let engine = Engine::new(Apps::new([app]).expect("one app"), 1, None);
    let app = Arc::clone(engine.apps().by_id("3").expect("the app"));
    let shard = Shard::new(Arc::clone(&engine), 0);
    let connect = |id| {
        let slot = app.slot().expect("the app has no quota");
        let connection = Connection::new(Counter::default(), slot, SocketId::new(1, id));
        let connection = Rc::new(connection);
        let subscribe = r#"{"event":"pusher:subscribe","data":{"channel":"news"}}"#;
        shard.receive(&connection, subscribe, 0);
        connection
    };
    let connections = (0..connections).map(connect).collect();
    let channels = [ChannelName::parse("news").expect("a valid name")];
    World {
        engine,
        app,
        shard,
        connections,
        channels,
    }
}

fn publish(world: &World, events: usize) {
    for _ in 0..events {
        let publication = Publication {
            channels: &world.channels,
            event: "shipment",
            data: DATA,
            except: None,
        };
        let published = world.engine.publish(&world.app, [publication], 0);
        published.expect("the inbox has room");
    }
}

/// A world whose next tick holds `events` events for 1,000 subscribers.
fn before_a_tick(events: usize) -> World {
    let world = world(1000);
    publish(&world, events);
    world
}

/// A channel, and room for the frame of an event.
fn before_an_event() -> (ChannelName, Vec<u8>) {
    let channel = ChannelName::parse("news").expect("a valid name");
    (channel, Vec::with_capacity(512))
}

/// A text frame with `payload` bytes, as a browser sends it.
fn client_frame(payload: usize) -> Vec<u8> {
    let length = u8::try_from(payload).expect("a short frame");
    assert!(length < 126, "a short frame");
    let mut frame = vec![0x81, 0x80 | length, 1, 2, 3, 4];
    frame.extend((0..payload).map(|i| b'x' ^ [1, 2, 3, 4][i % 4]));
    frame
}

/// A connection, and the message by which it subscribes to a private channel.
fn before_a_subscription() -> (World, String) {
    let world = world(1);
    let channel = ChannelName::parse("private-room").expect("a valid name");
    let auth = credentials().sign_channel(world.connections[0].socket_id(), &channel, None);
    let data = format!(r#"{{"channel":"{channel}","auth":"{auth}"}}"#);
    (
        world,
        format!(r#"{{"event":"pusher:subscribe","data":{data}}}"#),
    )
}

/// The target and the body of a signed request to publish.
fn request() -> (Credentials, String, &'static str) {
    let body = r#"{"name":"shipment","channels":["news"],"data":"{\"id\":4711}"}"#;
    let query = credentials().sign_request("POST", PATH, &[], body.as_bytes(), TIME);
    (credentials(), format!("{PATH}?{query}"), body)
}

fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    let callgrind = Callgrind::default()
        .hard_limits([(EventKind::Ir, instructions)])
        .clone();
    config.tool(callgrind);
    config
}

#[library_benchmark(config = at_most(3_500))]
#[bench::bytes_176(before_an_event())]
fn encode_an_event((channel, mut frame): (ChannelName, Vec<u8>)) -> (ChannelName, Vec<u8>) {
    let message = ServerMessage::Event {
        channel: &channel,
        event: "shipment",
        data: black_box(DATA),
        user_id: None,
    };
    encode_frame(&message, &mut frame);
    (channel, frame)
}

#[library_benchmark(config = at_most(800))]
#[bench::bytes_100(client_frame(100))]
fn decode_a_message(mut frame: Vec<u8>) -> usize {
    let mut decoder = Decoder::new(skywave_websocket::Limits::default());
    let mut messages = decoder.decode(black_box(&mut frame));
    match messages.next() {
        Some(Ok(Message::Text(text))) => text.len(),
        other => panic!("expected a text message, found {other:?}"),
    }
}

#[library_benchmark(config = at_most(5_000))]
#[bench::one(world(1000))]
fn publish_an_event(world: World) -> World {
    publish(black_box(&world), 1);
    world
}

#[library_benchmark]
#[bench::one_event(args = [1], setup = before_a_tick, config = at_most(8_000))]
#[bench::sixteen_events(args = [16], setup = before_a_tick, config = at_most(19_900))]
fn end_a_tick_with_1000_subscribers(world: World) -> World {
    black_box(&world).shard.flush();
    world
}

#[library_benchmark(config = at_most(22_500))]
#[bench::private(before_a_subscription())]
fn subscribe(before: (World, String)) -> (World, String) {
    let (world, message) = &before;
    world
        .shard
        .receive(&world.connections[0], black_box(message), 0);
    before
}

#[library_benchmark(config = at_most(28_500))]
#[bench::publish(request())]
fn verify_a_request(
    (credentials, target, body): (Credentials, String, &'static str),
) -> Credentials {
    let request = SignedRequest::parse("POST", black_box(&target)).expect("a signed request");
    let verdict = credentials.verify_request(&request, body.as_bytes(), TIME);
    verdict.expect("the signature is right");
    credentials
}

#[library_benchmark(config = at_most(5_400))]
#[bench::publish(request())]
fn read_an_event((_, _, body): (Credentials, String, &'static str)) -> usize {
    let event = TriggerRequest::parse(black_box(body.as_bytes()), &Limits::default());
    event.expect("an event").data.len()
}

library_benchmark_group!(
    name = hot,
    benchmarks = [
        encode_an_event,
        decode_a_message,
        publish_an_event,
        end_a_tick_with_1000_subscribers,
        subscribe,
        verify_a_request,
        read_an_event
    ]
);

main!(library_benchmark_groups = hot);
