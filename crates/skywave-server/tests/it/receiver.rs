//! Somebody who receives webhooks, well or badly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Inbox, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::log;
use crate::node::{LOOPBACK, PATIENCE, credentials};

/// What a receiver does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Answers with this status.
    Status(u16),
    /// Sends these bytes and closes the connection.
    Bytes(&'static str),
    /// Keeps the connection and never says anything.
    Silence,
}

/// A webhook that came in.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    /// The request line.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

/// An HTTP server on a port of its own.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    inbox: Inbox<Webhook>,
    /// What is done with the next requests; the last answer stays.
    answers: Arc<Mutex<Vec<Answer>>>,
}

impl Receiver {
    /// One that is always content.
    pub(crate) fn start() -> Self {
        Self::answering(&[Answer::Status(200)])
    }

    /// One that answers like this, the last answer over and over.
    pub(crate) fn answering(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind(LOOPBACK).expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let answers = Arc::new(Mutex::new(answers.to_vec()));
        let (sender, inbox) = channel();
        let shared = Arc::clone(&answers);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, answers) = (sender.clone(), Arc::clone(&shared));
                thread::spawn(move || serve(stream, &sender, &answers));
            }
        });
        Self {
            address,
            inbox,
            answers,
        }
    }

    /// From now on, it answers like this.
    pub(crate) fn answers(&self, answer: Answer) {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = vec![answer];
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks?a=b", self.address)
    }

    /// The next request.
    #[track_caller]
    pub(crate) fn next(&self) -> Webhook {
        self.inbox
            .recv_timeout(PATIENCE)
            .expect("a webhook in time")
    }

    /// The next request, if one comes within a time in which none should.
    pub(crate) fn next_within(&self, time: Duration) -> Option<Webhook> {
        match self.inbox.recv_timeout(time) {
            Ok(webhook) => Some(webhook),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the receiver ended"),
        }
    }

    /// Events of the next requests, until there are `count`; each request is verified.
    #[track_caller]
    pub(crate) fn events(&self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            events.extend(self.next().verified());
        }
        assert_eq!(events.len(), count, "{events:?}");
        events
    }
}

impl Webhook {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(n, _)| n == name);
        let (_, value) = all.next()?;
        assert!(all.next().is_none(), "{name} is sent twice");
        Some(value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// The events, once everything else about the webhook was found to be right.
    #[track_caller]
    pub(crate) fn verified(&self) -> Vec<Value> {
        let signature = self.header("x-pusher-signature").expect("a signature");
        log::note_signature(signature);
        assert!(credentials().verify_webhook(signature, &self.body));
        assert_eq!(self.header("x-pusher-key"), Some(credentials().key()));
        // Trap 18: not a character more.
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.line.starts_with("POST /hooks?a=b HTTP/1.1"));
        let mut body = self.json();
        assert!(body["time_ms"].is_u64(), "{body}");
        let Value::Array(events) = body["events"].take() else {
            panic!("no events: {body}");
        };
        assert!(!events.is_empty());
        for event in &events {
            let fields = event.as_object().expect("an event is an object");
            assert!(
                fields.values().all(|v| v.is_string() || v.is_u64()),
                "a field is not scalar: {event}"
            );
        }
        events
    }
}

fn serve(stream: TcpStream, sender: &Sender<Webhook>, answers: &Mutex<Vec<Answer>>) {
    let Ok(mut writer) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    while let Some(webhook) = read(&mut reader) {
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0]
        };
        drop(answers);
        let _ = sender.send(webhook);
        match answer {
            Answer::Status(status) => {
                let head =
                    format!("HTTP/1.1 {status} x\r\nlocation: /\r\ncontent-length: 0\r\n\r\n");
                if writer.write_all(head.as_bytes()).is_err() {
                    return;
                }
            }
            Answer::Bytes(bytes) => return drop(writer.write_all(bytes.as_bytes())),
            // Until the other side has enough of it.
            Answer::Silence => return drop(reader.read(&mut [0])),
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Webhook> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let (_, length) = headers.iter().find(|(name, _)| name == "content-length")?;
    let mut body = vec![0; length.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Webhook {
        line: line.trim_end().to_owned(),
        headers,
        body,
        at: Instant::now(),
    })
}
