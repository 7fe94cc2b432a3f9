//! When a request is repeated, and after how long: [`Retry`], [`Backoff`].

use std::time::Duration;

use crate::HttpError;

/// Which failures a request may be repeated after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Only when it surely did not arrive: for requests that would do their work twice.
    Unsent,
    /// Also when the server failed or the answer broke: for requests that may arrive twice.
    Idempotent,
}

/// A number of repetitions with growing random pauses, so that many clients of one server do not
/// come back at the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    repeat: Repeat,
    repetitions: u32,
    backoff: Backoff,
}

/// Pauses that double with each failure, of which a random half to all is waited.
///
/// ```
/// use std::time::Duration;
///
/// use skywave_http_client::Backoff;
///
/// let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
/// assert!((500..=1_000).contains(&backoff.pause(0).as_millis()));
/// assert!((30_000..=60_000).contains(&backoff.pause(99).as_millis()));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Pauses from `first` to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// How long to wait after failure number `failure`, counted from 0.
    #[must_use]
    pub fn pause(&self, failure: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failure.min(16));
        doubled.min(self.longest).mul_f64(random_share())
    }
}

impl Retry {
    /// At most two repetitions, after up to 0.1 and 0.2 seconds.
    #[must_use]
    pub const fn new(repeat: Repeat) -> Self {
        Self {
            repeat,
            repetitions: 2,
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(1)),
        }
    }

    /// How long to wait after failure number `attempt`, counted from 0; `None` is the end.
    pub(crate) fn pause(&self, attempt: u32, error: &HttpError) -> Option<Duration> {
        if attempt >= self.repetitions || !self.helps(error) {
            return None;
        }
        Some(self.backoff.pause(attempt))
    }

    fn helps(&self, error: &HttpError) -> bool {
        match error {
            HttpError::Connect { .. } => true,
            HttpError::Broken { .. } => self.repeat == Repeat::Idempotent,
            HttpError::Status { status, .. } => {
                self.repeat == Repeat::Idempotent && (500..600).contains(status)
            }
            // A certificate stays wrong, and after a timeout no time is left.
            HttpError::Tls { .. } | HttpError::Timeout { .. } => false,
        }
    }
}

/// Half to all, evenly; all of it if the system gives no random bytes.
fn random_share() -> f64 {
    let mut byte = [u8::MAX];
    let _ = getrandom::fill(&mut byte);
    0.5 + f64::from(byte[0]) / 510.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_idempotent_requests_are_repeated_after_they_may_have_arrived() {
        let server = || "example.com:443".to_owned();
        let connect = HttpError::Connect {
            server: server(),
            problem: "refused".to_owned(),
        };
        let broken = HttpError::Broken {
            server: server(),
            problem: "half".to_owned(),
        };
        let status = |status| HttpError::Status {
            server: server(),
            status,
            text: String::new(),
        };
        for (error, unsent, idempotent) in [
            (connect, true, true),
            (broken, false, true),
            (status(500), false, true),
            (status(503), false, true),
            (status(400), false, false),
            (status(401), false, false),
            (status(302), false, false),
        ] {
            for (repeat, expected) in [(Repeat::Unsent, unsent), (Repeat::Idempotent, idempotent)] {
                let pause = Retry::new(repeat).pause(0, &error);
                assert_eq!(pause.is_some(), expected, "{repeat:?} after {error}");
            }
            // What is repeated without being idempotent cannot have arrived.
            assert!(!(unsent && error.may_have_arrived()), "{error}");
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        let error = HttpError::Connect {
            server: "example.com:443".to_owned(),
            problem: "refused".to_owned(),
        };
        let retry = Retry::new(Repeat::Unsent);
        for _ in 0..100 {
            let first = retry.pause(0, &error).unwrap();
            assert!((50..=100).contains(&first.as_millis()), "{first:?}");
            let second = retry.pause(1, &error).unwrap();
            assert!((100..=200).contains(&second.as_millis()), "{second:?}");
            assert_eq!(retry.pause(2, &error), None);
        }
    }
}
