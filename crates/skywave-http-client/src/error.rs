//! What can go wrong between a client and a server: [`HttpError`].

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

use hyper_util::client::legacy;

use crate::connect::TimedOut;

/// Why a request to a server failed. `server` is `host:port`; addresses, signatures and secrets are
/// in no variant.
///
/// In an application of Skywave, it is behind the error of a driver whose request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpError {
    /// There was no connection: an unknown host, a closed port, or nobody answered in time.
    Connect {
        /// `host:port`.
        server: String,
        /// What the system reports.
        problem: String,
    },
    /// There was no TLS: a certificate that does not match or is not trusted, or a server that
    /// speaks something else.
    Tls {
        /// `host:port`.
        server: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There was no whole answer in time.
    Timeout {
        /// `host:port`.
        server: String,
        /// The time limit.
        limit: Duration,
    },
    /// The server said no, or could not.
    Status {
        /// `host:port`.
        server: String,
        /// The HTTP status.
        status: u16,
        /// What the server says about it.
        text: String,
    },
    /// The connection ended before the answer did, or the answer is not one.
    Broken {
        /// `host:port`.
        server: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl HttpError {
    /// Whether the server may have done what was asked, so that asking again may do it twice.
    ///
    /// A 4xx is a refusal. After a 5xx, a timeout or half an answer nobody knows.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Tls { .. } => false,
            Self::Timeout { .. } | Self::Broken { .. } => true,
            Self::Status { status, .. } => !(300..500).contains(status),
        }
    }

    /// The server that was asked, as `host:port`.
    #[must_use]
    pub fn server(&self) -> &str {
        match self {
            Self::Connect { server, .. }
            | Self::Tls { server, .. }
            | Self::Timeout { server, .. }
            | Self::Status { server, .. }
            | Self::Broken { server, .. } => server,
        }
    }

    /// The same without `signature`, which servers like to quote in their refusals.
    #[must_use]
    pub fn without(mut self, signature: &str) -> Self {
        if let Self::Status { text, .. } = &mut self
            && !signature.is_empty()
        {
            *text = text.replace(signature, "***");
        }
        self
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { server, problem } => {
                write!(f, "no connection to {server}: {problem}")
            }
            Self::Tls { server, problem } => write!(f, "no TLS with {server}: {problem}"),
            Self::Timeout { server, limit } => {
                write!(f, "{server} did not answer within {limit:?}")
            }
            Self::Status {
                server,
                status,
                text,
            } => write!(f, "{server} answered {status}: {text}"),
            Self::Broken { server, problem } => {
                write!(f, "{server} gave a broken answer: {problem}")
            }
        }
    }
}

impl StdError for HttpError {}

/// What a failed exchange is called, by what is behind it.
pub(crate) fn of_exchange(error: &legacy::Error, server: &str) -> HttpError {
    let server = server.to_owned();
    if !error.is_connect() {
        return HttpError::Broken {
            server,
            problem: innermost(error),
        };
    }
    if let Some(timed_out) = behind::<TimedOut>(error) {
        let problem = timed_out.to_string();
        return HttpError::Connect { server, problem };
    }
    match behind::<rustls::Error>(error) {
        Some(tls) => HttpError::Tls {
            server,
            problem: tls.to_string(),
        },
        None => HttpError::Connect {
            server,
            problem: innermost(error),
        },
    }
}

/// The text of the last error in the chain, which is the one that knows.
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = next(error) {
        error = source;
    }
    error.to_string()
}

fn behind<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut error = Some(error);
    while let Some(at) = error {
        if let Some(found) = at.downcast_ref() {
            return Some(found);
        }
        error = next(at);
    }
    None
}

/// The error behind one. That of an I/O error is what it wraps: its `source` is one further.
fn next<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
        None => error.source(),
    }
}
