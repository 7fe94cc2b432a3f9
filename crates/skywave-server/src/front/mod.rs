//! The front: the first to look at what arrives on a socket of the server's own.
//!
//! Nearly all that comes is of two kinds, small and whole in one read: a WebSocket handshake, which is
//! the first and last request of its connection, and an event to publish. A general HTTP server costs
//! more for these than everything else that is done about them, in time for the publishes and in
//! memory for the handshakes. So the front answers both straight from the worker's buffer, and hands
//! every connection that has anything else to say over to hyper, with all that was read from it.
//!
//! It takes only what leaves nothing to interpret ([`head`]); what the answer is, is decided where
//! hyper's requests go as well, in [`crate::http`].

mod answers;
mod deadline;
mod head;
mod rewound;

use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, ReadBuf};
use tokio::time::sleep;

use self::deadline::Deadline;
use self::head::{Head, Method};
pub(crate) use self::rewound::Rewound;
use crate::admission::Knock;
use crate::arrival::Visit;
use crate::drain::Stage;
use crate::http::{Publishing, shake_hands};
use crate::peer::Peer;
use crate::proxies::Proxies;
use crate::stream::Transport;
use crate::worker::{SCRATCH_BYTES, Worker};

/// How a connection left the front.
pub(crate) enum Exit {
    /// It was closed.
    Closed,
    /// It is a WebSocket now, once its answer is sent.
    Upgraded(Visit),
    /// It says something that is not for the front, beginning with these bytes.
    Other(Bytes),
}

/// A connection that may say what the front understands.
pub(crate) struct Front<'a> {
    worker: &'a Worker,
    peer: Peer,
    /// Those who say with every request who the peer is.
    proxies: Option<&'a Proxies>,
    /// Given back when somebody has said what they want.
    knock: &'a mut Option<Knock>,
    answers: Vec<u8>,
    /// A request that is not whole yet, and how long it will be.
    begun: Vec<u8>,
    awaited: usize,
    /// The answer that was given is the last one.
    closing: bool,
}

impl<'a> Front<'a> {
    pub(crate) fn new(
        worker: &'a Worker,
        (peer, proxies): (Peer, Option<&'a Proxies>),
        knock: &'a mut Option<Knock>,
    ) -> Self {
        Self {
            worker,
            peer,
            proxies,
            knock,
            answers: Vec::new(),
            begun: Vec::new(),
            awaited: 0,
            closing: false,
        }
    }

    /// Answers requests until there is one for somebody else.
    ///
    /// # Errors
    ///
    /// When the socket fails, or a request took too long to arrive, or an answer to be taken.
    pub(crate) async fn attend<T: Transport>(&mut self, transport: &mut T) -> io::Result<Exit> {
        let patience = self.worker.settings.request_timeout;
        let timer = pin!(sleep(patience));
        let mut deadline = Deadline::new(timer, patience);
        loop {
            let waits_for_body = !self.begun.is_empty();
            let read = poll_fn(|cx| self.poll_read(cx, transport));
            let exit = deadline.limit(read).await?;
            if !self.begun.is_empty() && !waits_for_body {
                // The head is there.
                deadline.postpone();
            }
            if !self.answers.is_empty() {
                let _counted = self.worker.mailbox().count_request();
                deadline.limit(write(transport, &self.answers)).await?;
                self.answers.clear();
                deadline.postpone();
            }
            if self.closing {
                let _ = transport.shutdown().await;
                return Ok(Exit::Closed);
            }
            if let Some(exit) = exit {
                return Ok(exit);
            }
        }
    }

    /// Reads once into the worker's buffer, and answers what is in it.
    fn poll_read<T: Transport>(
        &mut self,
        cx: &mut Context<'_>,
        transport: &mut T,
    ) -> Poll<io::Result<Option<Exit>>> {
        self.worker.with_scratch(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let read = Pin::new(transport).poll_read(cx, &mut buffer);
            read.map_ok(|()| self.receive(buffer.filled()))
        })
    }

    /// Answers the requests that are whole now; none when more is to be read.
    fn receive(&mut self, bytes: &[u8]) -> Option<Exit> {
        let is_over = bytes.is_empty();
        match (self.begun.is_empty(), is_over) {
            (true, true) => return Some(Exit::Closed),
            (true, false) => return self.answer_all(bytes),
            (false, _) => self.begun.extend_from_slice(bytes),
        }
        if self.begun.len() < self.awaited {
            // Whoever breaks off is not for the front.
            return is_over.then(|| Exit::Other(mem::take(&mut self.begun).into()));
        }
        let begun = mem::take(&mut self.begun);
        self.answer_all(&begun)
    }

    fn answer_all(&mut self, mut bytes: &[u8]) -> Option<Exit> {
        while !bytes.is_empty() && !self.closing {
            let other = |bytes| Some(Exit::Other(Bytes::copy_from_slice(bytes)));
            let mut fields = head::fields();
            let Some(head) = Head::read(bytes, &mut fields) else {
                return other(bytes);
            };
            match head.method {
                Method::Get => {
                    let Some(mut visit) = self.shake_hands(&head) else {
                        return other(bytes);
                    };
                    visit.answer = mem::take(&mut self.answers);
                    visit.read_ahead = Bytes::copy_from_slice(&bytes[head.length..]);
                    return Some(Exit::Upgraded(visit));
                }
                Method::Post => {
                    let publishing = Publishing::of(&self.worker.node, head.target);
                    let whole = head.length + head.body_length;
                    let Some(publishing) = publishing.filter(|_| whole <= SCRATCH_BYTES) else {
                        return other(bytes);
                    };
                    *self.knock = None;
                    let Some(body) = bytes.get(head.length..whole) else {
                        self.awaited = whole;
                        self.begun = bytes.to_vec();
                        return None;
                    };
                    self.publish(&publishing, body, head.is_last);
                    bytes = &bytes[whole..];
                }
            }
        }
        None
    }

    fn publish(&mut self, publishing: &Publishing<'_>, body: &[u8], is_last: bool) {
        let node = &self.worker.node;
        let answer = publishing.answer(body);
        // Whoever has more to ask had better ask those who stay.
        self.closing = is_last || node.stage() != Stage::Serving;
        answers::publish(&answer, self.closing, &self.worker.date, &mut self.answers);
    }

    /// What becomes of a handshake that is in order; others are answered by hyper's way.
    fn shake_hands(&mut self, head: &Head<'_, '_>) -> Option<Visit> {
        let mut request = head.to_request()?;
        let peer = self.proxies.map_or(self.peer, |proxies| {
            proxies.read_headers(self.peer, request.headers())
        });
        request.extensions_mut().insert(peer);
        let (response, visit) = shake_hands(&self.worker.node, request)?;
        *self.knock = None;
        answers::upgrade(&response, &self.worker.date, &mut self.answers);
        Some(visit)
    }
}

async fn write<T: Transport>(transport: &mut T, bytes: &[u8]) -> io::Result<()> {
    transport.write_all(bytes).await?;
    transport.flush().await
}
