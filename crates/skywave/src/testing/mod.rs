//! For an application's own tests: a fake broadcaster that records, simulated browsers, and a table
//! of who may listen to what.
//!
//! A fake is made of the application's own [`Builder`], so its users hook, rules and settings are
//! the real ones; only the drivers are replaced. What is sent is checked and encoded as ever, kept
//! in a [`Recording`], and delivered by the real engine to the [`Browser`]s of the test, without
//! sockets, threads or time. Nothing is global: tests run side by side.
//!
//! ```
//! use serde_json::json;
//! use skywave::{Broadcaster, BroadcastUser, Error};
//!
//! #[derive(Clone)]
//! struct User {
//!     id: u64,
//! }
//!
//! impl BroadcastUser for User {
//!     fn broadcast_id(&self) -> String {
//!         self.id.to_string()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (broadcaster, recording) = Broadcaster::builder()
//!     .users(|_parts| async { None::<User> })
//!     .authorize("private-users.{id}", |user: &User, id: u64| user.id == id)
//!     .fake()?;
//!
//! let mut ada = recording.browser(&User { id: 7 });
//! ada.subscribe("private-users.7").await?;
//! let mut eve = recording.browser(&User { id: 8 });
//! assert!(eve.subscribe("private-users.7").await.is_err());
//!
//! broadcaster.as_system().channel("private-users.7", "Paid", json!({ "sum": 12 })).await?;
//!
//! recording.assert_emitted("Paid");
//! ada.expect("Paid", json!({ "sum": 12 }));
//! eve.expect_nothing();
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! emitted    what was sent, and ways to say what one expects
//! recording  everything that was sent, and assertions about it
//! fake       the drivers of a fake, and the engine behind them
//! browser    one simulated connection
//! line       what it is sent: frames → messages
//! matrix     users × channels
//! suite      what every driver has to do
//! ```

mod browser;
mod emitted;
mod fake;
mod line;
mod matrix;
mod recording;
mod suite;

pub use self::browser::{Browser, Received};
pub use self::emitted::{Emitted, Expected, SkippedEvent};
pub use self::matrix::Matrix;
pub use self::recording::Recording;
pub use self::suite::{Delivered, DriverSuite};
use crate::broadcaster::Broadcaster;
use crate::builder::Builder;
use crate::error::BuildError;
use crate::user::{BroadcastUser, NoUser};

impl Broadcaster {
    /// A broadcaster for tests that delivers nothing to the outside, and its recording. It has no
    /// rules; [`Builder::fake`] makes one of the application's own builder.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), skywave::Error> {
    /// use skywave::Broadcaster;
    ///
    /// let (broadcaster, recording) = Broadcaster::fake();
    /// broadcaster.as_system().to("news").message("hello").await?;
    /// recording.assert_emitted_on("news", "base-event");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn fake() -> (Self, Recording) {
        Self::builder()
            .fake()
            .expect("a builder that was told nothing has no mistakes")
    }
}

impl<U: BroadcastUser> Builder<U> {
    /// Makes a broadcaster for tests, with everything as it was told to this builder but the
    /// drivers: each is replaced by one of the same name that records.
    ///
    /// The drivers are not started, so their settings are neither needed nor checked. What they
    /// take is what the hosted service documents.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build): the mistakes that are not about the drivers' settings.
    pub fn fake(self) -> Result<(Broadcaster, Recording<U>), BuildError> {
        let (builder, stage) = fake::faked(self);
        let (broadcaster, authoriser) = builder.finish()?;
        let recording = Recording::new(broadcaster.clone(), authoriser, stage);
        Ok((broadcaster, recording))
    }
}

impl Builder<NoUser> {
    /// [`fake`](Builder::fake) without a users hook: requests are visitors', and the users of
    /// simulated browsers are texts, their ids.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn fake(self) -> Result<(Broadcaster, Recording), BuildError> {
        self.users(|_| std::future::ready(None::<String>)).fake()
    }
}
