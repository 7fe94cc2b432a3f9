//! How long an event takes from `emit` in an application to the bytes in a subscriber's socket,
//! with the server embedded in the same process.
//!
//! ```text
//! taskset -c 0 cargo bench -p skywave --bench embedded -- --reader-core 1
//! ```
//!
//! The subscriber is a WebSocket client over TCP on a thread of its own, which never sleeps: it
//! looks for bytes all the time, so that waking it is no part of the figure. As soon as it has an
//! event it asks for the next one, and a task of the application's runtime sends that, as a handler
//! does when a request comes. The time runs from before `emit(..).await` until the last byte of the
//! frame has been read. One JSON object says how long it took, in microseconds.
//!
//! Under `taskset -c 0` the application and the server share core 0. `--reader-core` moves the
//! subscriber to a core of its own; `--rounds` is the number of events.

use std::error::Error;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde::Serialize;
use serde_json::{Value, json};
use skywave::{Broadcast, Broadcaster, CanBroadcast, Embedded};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tungstenite::{Message, WebSocket};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Like the events of the other scenarios: its data are about 128 bytes of JSON.
#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "bench")]
struct Mark {
    number: u64,
    /// Nanoseconds since the start, when it was sent.
    time: u64,
    rest: &'static str,
}

fn main() -> Outcome<()> {
    let rounds = argument("--rounds").unwrap_or(20_000);
    let reader_core = argument("--reader-core");
    let start = Instant::now();
    let runtime = Runtime::new()?;
    let (address, broadcaster) = runtime.block_on(serve())?;

    let (wanted, asked) = mpsc::unbounded_channel();
    runtime.spawn(answer(broadcaster.as_system(), asked, start));
    let reader = thread::spawn(move || {
        if let Some(core) = reader_core {
            move_to(core)?;
        }
        let socket = subscribe(address)?;
        // Some more at the beginning, before everything is warm.
        let warm_up = rounds / 10;
        let mut latencies = Vec::new();
        for number in 0..rounds + warm_up {
            let latency = round(socket.get_ref(), number, &wanted, start)?;
            if number >= warm_up {
                latencies.push(latency);
            }
        }
        Outcome::Ok(latencies)
    });
    let latencies = reader.join().map_err(|_| "the reader panicked")??;
    println!("{}", report(latencies));
    Ok(())
}

/// An application with the embedded server; where it listens.
async fn serve() -> Outcome<(SocketAddr, Broadcaster)> {
    let embedded = Embedded::new("1", "bench-key", "bench-secret");
    let broadcaster = Broadcaster::builder()
        .driver("embedded", embedded)
        .build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let routes = broadcaster.routes();
    tokio::spawn(async { axum::serve(listener, routes).await });
    Ok((address, broadcaster))
}

/// Sends an event whenever one is asked for.
async fn answer(broadcast: Broadcast, mut asked: UnboundedReceiver<u64>, start: Instant) {
    while let Some(number) = asked.recv().await {
        let time = nanoseconds(start.elapsed());
        let mark = Mark {
            number,
            time,
            rest: REST,
        };
        if let Err(error) = broadcast.emit(mark).await {
            eprintln!("event {number} was not sent: {error}");
            return;
        }
    }
}

/// Puts the thread that calls this on one core.
fn move_to(core: u64) -> Outcome<()> {
    let place = fs::read_link("/proc/thread-self")?;
    let thread = place.file_name().ok_or("this thread has no number")?;
    let mut taskset = Command::new("taskset");
    taskset.args(["--pid", "--cpu-list", &core.to_string()]);
    let status = taskset.arg(thread).stdout(Stdio::null()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("taskset did not move the reader to core {core}").into())
    }
}

/// Opens a connection that listens to the channel, and whose reads do not wait.
fn subscribe(address: SocketAddr) -> Outcome<WebSocket<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    let url = format!("ws://{address}/app/bench-key?protocol=7");
    let (mut socket, _) = tungstenite::client(url, stream)?;
    socket.read()?;
    let subscribe = json!({"event": "pusher:subscribe", "data": {"channel": "bench"}});
    socket.send(Message::text(subscribe.to_string()))?;
    let answer = socket.read()?.into_text()?;
    if !answer.contains("subscription_succeeded") {
        return Err(format!("the subscription did not succeed: {answer}").into());
    }
    socket.get_ref().set_nonblocking(true)?;
    Ok(socket)
}

/// Asks for an event and reads it; how long it took from `emit`, in nanoseconds.
fn round(
    mut stream: &TcpStream,
    number: u64,
    wanted: &UnboundedSender<u64>,
    start: Instant,
) -> Outcome<u64> {
    wanted.send(number)?;
    let asked = Instant::now();
    let mut bytes = [0; 1024];
    let mut length = 0;
    let payload = loop {
        match stream.read(&mut bytes[length..]) {
            Ok(0) => return Err("the server ended the connection".into()),
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if asked.elapsed() > PATIENCE {
                    return Err(format!("event {number} did not come").into());
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(payload) = payload(&bytes[..length]) {
            break payload;
        }
    };
    let now = nanoseconds(start.elapsed());
    let message: Value = serde_json::from_slice(payload)?;
    let data: Value = serde_json::from_str(message["data"].as_str().unwrap_or_default())?;
    if data["number"] != number {
        return Err(format!("event {number} was expected, and this came: {message}").into());
    }
    let sent = data["time"].as_u64().ok_or("an event without its time")?;
    Ok(now.saturating_sub(sent))
}

/// What the one frame in these bytes carries, once it is whole (RFC 6455 §5.2).
fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let (head, length) = match bytes {
        [_, 126, high, low, ..] => (4, u16::from_be_bytes([*high, *low])),
        [_, short @ 0..126, ..] => (2, u16::from(*short)),
        _ => return None,
    };
    bytes.get(head..head + usize::from(length))
}

fn report(mut latencies: Vec<u64>) -> Value {
    latencies.sort_unstable();
    let at = |share: f64| {
        let place = (latencies.len() as f64 * share) as usize;
        let nanoseconds = latencies.get(place).or(latencies.last()).copied();
        nanoseconds.unwrap_or(0) as f64 / 1e3
    };
    json!({
        "rounds": latencies.len(),
        "latency_us": {"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1.0)},
    })
}

/// The number after this word of the command line.
fn argument(name: &str) -> Option<u64> {
    let mut words = env::args().skip_while(|word| word != name);
    words.nth(1)?.parse().ok()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

const REST: &str = "..............................................................................";
/// How long an event may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(10);
