//! Why a connection ended: for the log, and to be counted.

use skywave_protocol::Rejection;

/// Declares the endings and how they are called in the log and in metrics.
macro_rules! endings {
    ($($(#[$doc:meta])* $name:ident = $label:literal,)+) => {
        /// Why a connection ended; a byte in every connection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Ending {
            $($(#[$doc])* $name,)+
        }

        impl Ending {
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            pub(crate) fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)+
                }
            }
        }
    };
}

endings! {
    /// The client said good-bye.
    Client = "client",
    /// The stream ended or failed without a word.
    Lost = "lost",
    /// The client broke the rules of framing.
    BadFrames = "bad_frames",
    /// Its outbox was full.
    TooSlow = "too_slow",
    /// Too much was waiting for it and all other slow readers together.
    CrowdedOut = "crowded_out",
    /// It did not answer a ping.
    PongTimeout = "pong_timeout",
    /// It did not authorise itself in time.
    Unauthorised = "unauthorised",
    /// The application ended the connections of its user.
    Terminated = "terminated",
    /// Its app is gone or disabled.
    AppDisabled = "app_disabled",
    /// It was moved away before the server's end.
    Moved = "moved",
    /// The server shut down.
    Shutdown = "shutdown",
    /// Any other refusal.
    Refused = "refused",
}

impl From<&Rejection> for Ending {
    fn from(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::TooSlow { .. } => Self::TooSlow,
            Rejection::PongTimeout => Self::PongTimeout,
            Rejection::Unauthorised => Self::Unauthorised,
            Rejection::Terminated => Self::Terminated,
            Rejection::AppDisabled => Self::AppDisabled,
            Rejection::ReconnectNow => Self::Moved,
            _ => Self::Refused,
        }
    }
}
