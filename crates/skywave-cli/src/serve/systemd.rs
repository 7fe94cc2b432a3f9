//! The service manager, if there is one: the sockets that it opened (`LISTEN_FDS`), and what it is
//! told (`NOTIFY_SOCKET`). Both are systemd's protocols.

use anyhow::Context;
use listenfd::ListenFd;
use sd_notify::NotifyState;
use skywave_server::Endpoint;

/// The listening sockets that this process was started with.
pub(super) fn sockets() -> anyhow::Result<Vec<Endpoint>> {
    let mut inherited = ListenFd::from_env();
    let mut endpoints = Vec::new();
    for index in 0..inherited.len() {
        let endpoint = match inherited.take_tcp_listener(index) {
            Ok(Some(listener)) => Endpoint::from(listener),
            _ => {
                let listener = inherited.take_unix_listener(index).with_context(|| {
                    format!("socket {index} of LISTEN_FDS listens neither on TCP nor at a path")
                })?;
                match listener {
                    Some(listener) => Endpoint::from(listener),
                    None => continue,
                }
            }
        };
        endpoints.push(endpoint);
    }
    Ok(endpoints)
}

/// Connections are accepted.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is being read again; [`ready`] ends that.
pub(super) fn reloading() {
    let since = NotifyState::monotonic_usec_now();
    match since {
        Ok(since) => tell(&[NotifyState::Reloading, since]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The end has begun.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}
