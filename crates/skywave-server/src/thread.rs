//! What runs on a worker's thread.
//!
//! One task that serves the connections ([`crate::serve`]), one that ends each tick (it sleeps until the
//! inbox holds something, lets the tasks that are ready go first, and then writes everything in one
//! go), one that looks at deadlines once a second, and two that follow what the server's owner decides:
//! the end, and other apps. All connections depend on them, so they are run again should they ever
//! panic. Beside them there is a task for everybody who has not become a connection yet
//! ([`crate::guest`]).

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{LocalSet, coop::unconstrained, spawn_local, yield_now};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::arrival::Arrival;
use crate::config::Settings;
#[cfg(feature = "tls")]
use crate::guest;
use crate::node::Node;
use crate::worker::Worker;
use crate::{listener, serve};

/// The body of the thread of worker `number`: runs until nothing can arrive any more.
pub(crate) fn run(
    (node, number): (Arc<Node>, usize),
    settings: Settings,
    arrivals: mpsc::Receiver<Arrival>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async move {
        let worker = Rc::new(Worker::new(node, number, settings)?);
        spawn_local(keep_running(Rc::clone(&worker), serve_connections));
        spawn_local(keep_running(Rc::clone(&worker), end_ticks));
        spawn_local(keep_running(Rc::clone(&worker), check_deadlines));
        spawn_local(keep_running(Rc::clone(&worker), follow_stage));
        spawn_local(keep_running(Rc::clone(&worker), follow_apps));
        receive(&worker, arrivals).await;
        worker.close_all().await;
        Ok(())
    })
}

async fn serve_connections(worker: Rc<Worker>) {
    // tokio would stop a task that does so much at once in the middle of it.
    unconstrained(serve_all(&worker)).await;
}

/// Serves whoever is due, and lets the others on the worker have their turns in between.
async fn serve_all(worker: &Worker) {
    let mut due = Vec::new();
    loop {
        let mut had_to_wait = false;
        let polled = poll_fn(|cx| {
            let polled = worker.readiness.poll_due(cx, &mut due);
            had_to_wait |= polled.is_pending();
            polled
        });
        if let Err(error) = polled.await {
            tracing::error!(%error, "it cannot be told which connections are ready");
            sleep(Duration::from_secs(1)).await;
        }
        for (number, due) in due.drain(..).enumerate() {
            if number > 0 && number % IN_TURN == 0 {
                yield_now().await;
            }
            serve::serve(worker, due);
        }
        if !had_to_wait {
            yield_now().await;
        }
    }
}

/// Connections that are served before it is the turn of others.
const IN_TURN: usize = 256;

/// Ends a tick whenever something is in the inbox.
async fn end_ticks(worker: Rc<Worker>) {
    loop {
        poll_fn(|cx| worker.shard.poll_inbox(cx)).await;
        worker.end_tick().await;
    }
}

async fn check_deadlines(worker: Rc<Worker>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = seconds.tick().await;
        worker.beat(due.elapsed());
        worker.check_deadlines();
        worker.shard.tell_counts(worker.node.millisecond());
    }
}

async fn keep_running<F>(worker: Rc<Worker>, task: fn(Rc<Worker>) -> F)
where
    F: Future<Output = ()> + 'static,
{
    while let Err(error) = spawn_local(task(Rc::clone(&worker))).await {
        tracing::error!(%error, "a task of a worker ended by a panic; it is run again");
    }
}

async fn follow_stage(worker: Rc<Worker>) {
    worker.follow_stage().await;
}

async fn follow_apps(worker: Rc<Worker>) {
    worker.follow_apps().await;
}

/// Takes in what arrives, until nothing can.
async fn receive(worker: &Rc<Worker>, mut arrivals: mpsc::Receiver<Arrival>) {
    while let Some(arrival) = arrivals.recv().await {
        match arrival {
            Arrival::Connection(arriving, visit) => {
                // A task of its own, so that whatever goes wrong with one stays with it.
                let worker = Rc::clone(worker);
                spawn_local(async move { serve::admit(&worker, arriving, visit) });
            }
            Arrival::Listener(listening, entrance) => {
                let accept = listener::accept(Rc::clone(worker), listening, entrance);
                worker.listens(spawn_local(accept).abort_handle());
            }
            #[cfg(feature = "tls")]
            Arrival::Guest(arriving, guest) => guest::land(worker, arriving, guest),
            Arrival::Terminate { app, user_id } => worker.terminate(&app, &user_id),
        }
    }
}
