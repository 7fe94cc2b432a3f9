//! What a fake broadcaster was asked to send, and assertions about it: [`Recording`].

use std::fmt::{self, Write as _};
use std::sync::Arc;

use skywave_protocol::SocketId;

use super::browser::Browser;
use super::emitted::{Emitted, Expected, SkippedEvent};
use super::fake::Stage;
use super::matrix::Matrix;
use crate::authorize::Authoriser;
use crate::broadcaster::Broadcaster;
use crate::channel::IntoChannels;
use crate::user::BroadcastUser;

/// Everything that a fake broadcaster was asked to send, whatever the driver; cheap to clone.
///
/// Its assertions panic with a list of what there is. It is also where
/// [simulated browsers](Browser) come from.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use serde_json::json;
/// # #[cfg(feature = "derive")] {
/// use skywave::{Broadcaster, CanBroadcast};
///
/// #[derive(Serialize, Deserialize, CanBroadcast)]
/// #[broadcast(private = "orders.{order_id}")]
/// struct OrderShipped {
///     order_id: u64,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), skywave::Error> {
/// let (broadcaster, recording) = Broadcaster::fake();
/// broadcaster.as_system().emit(OrderShipped { order_id: 7 }).await?;
///
/// recording.assert_emitted("OrderShipped");
/// recording.assert_emitted(("OrderShipped", json!({ "order_id": 7 })));
/// recording.assert_emitted(|shipped: &OrderShipped| shipped.order_id == 7);
/// recording.assert_emitted_on("private-orders.7", "OrderShipped");
/// recording.assert_nothing_on("private-orders.8");
/// # Ok(())
/// # }
/// # main().unwrap();
/// # }
/// ```
pub struct Recording<U = String> {
    pub(super) backstage: Arc<Backstage<U>>,
}

/// What a recording and its browsers share.
pub(super) struct Backstage<U> {
    pub(super) broadcaster: Broadcaster,
    pub(super) authoriser: Arc<Authoriser<U>>,
    pub(super) stage: Arc<Stage>,
}

impl<U> Recording<U> {
    pub(super) fn new(
        broadcaster: Broadcaster,
        authoriser: Arc<Authoriser<U>>,
        stage: Arc<Stage>,
    ) -> Self {
        let backstage = Backstage {
            broadcaster,
            authoriser,
            stage,
        };
        Self {
            backstage: Arc::new(backstage),
        }
    }

    /// Every event so far, in the order sent.
    #[must_use]
    pub fn events(&self) -> Vec<Emitted> {
        self.backstage.stage.log().emitted.clone()
    }

    /// Every channel so far that an event was not sent to, in the order of the events.
    #[must_use]
    pub fn skipped(&self) -> Vec<SkippedEvent> {
        self.backstage.stage.log().skipped.clone()
    }

    /// Forgets everything so far; what browsers have received stays theirs.
    pub fn clear(&self) {
        *self.backstage.stage.log() = super::fake::Log::default();
    }
}

/// Assertions.
#[expect(
    clippy::needless_pass_by_value,
    reason = "an expectation is written where it is needed, and nowhere else"
)]
impl<U> Recording<U> {
    /// That such an event was sent at least once.
    #[track_caller]
    pub fn assert_emitted<Form>(&self, expected: impl Expected<Form>) {
        if self.count(&expected) == 0 {
            self.fail(&expected, "an event");
        }
    }

    /// That such an event was sent to each of these channels, at once or one by one.
    #[track_caller]
    pub fn assert_emitted_on<Form>(
        &self,
        channels: impl IntoChannels,
        expected: impl Expected<Form>,
    ) {
        let events = self.events();
        for channel in channels.into_channels() {
            let is_there = |emitted: &Emitted| emitted.is_on(&channel);
            if !events
                .iter()
                .any(|e| is_there(e) && expected.fits(e).is_ok())
            {
                self.fail(&expected, &format!("on `{channel}` an event"));
            }
        }
    }

    /// That no such event was sent.
    #[track_caller]
    pub fn assert_not_emitted<Form>(&self, expected: impl Expected<Form>) {
        self.assert_times(0, expected);
    }

    /// That such an event was sent exactly so many times.
    #[track_caller]
    pub fn assert_times<Form>(&self, times: usize, expected: impl Expected<Form>) {
        let count = self.count(&expected);
        if count != times {
            self.fail(&expected, &format!("{times}, not {count}, of event"));
        }
    }

    /// That such an event was sent to all but the connection `except`, as
    /// [`to_others`](crate::Sending::to_others) does.
    #[track_caller]
    pub fn assert_emitted_except<Form>(&self, except: SocketId, expected: impl Expected<Form>) {
        let left_out = |emitted: &Emitted| emitted.except == Some(except);
        let mut events = self.events().into_iter();
        if !events.any(|e| left_out(&e) && expected.fits(&e).is_ok()) {
            self.fail(&expected, &format!("to all but {except} an event"));
        }
    }

    /// That such an event was sent to all but the user with this id, as
    /// [`to_other_users`](crate::Sending::to_other_users) does.
    #[track_caller]
    pub fn assert_emitted_except_user<Form>(&self, user: &str, expected: impl Expected<Form>) {
        let left_out = |emitted: &Emitted| emitted.except_user.as_deref() == Some(user);
        let mut events = self.events().into_iter();
        if !events.any(|e| left_out(&e) && expected.fits(&e).is_ok()) {
            self.fail(&expected, &format!("to all but user `{user}` an event"));
        }
    }

    /// That exactly the events of these names were sent, in this order.
    #[track_caller]
    pub fn assert_order<'n>(&self, names: impl IntoIterator<Item = &'n str>) {
        let expected: Vec<_> = names.into_iter().collect();
        let events = self.events();
        if !events
            .iter()
            .map(|e| e.event.as_str())
            .eq(expected.iter().copied())
        {
            panic!(
                "expected exactly the events {}; {}",
                expected.join(", "),
                numbered(&events)
            );
        }
    }

    /// That nothing was sent at all.
    #[track_caller]
    pub fn assert_nothing_emitted(&self) {
        let events = self.events();
        assert!(
            events.is_empty(),
            "expected no events; {}",
            numbered(&events)
        );
    }

    /// That nothing was sent to any of these channels.
    #[track_caller]
    pub fn assert_nothing_on(&self, channels: impl IntoChannels) {
        for channel in channels.into_channels() {
            let events = self.events();
            if events.iter().any(|emitted| emitted.is_on(&channel)) {
                panic!("expected no events on `{channel}`; {}", numbered(&events));
            }
        }
    }

    /// That the event of this name was meant for each of these channels, and not sent there: the
    /// request was a visitor's, say.
    #[track_caller]
    pub fn assert_skipped(&self, channels: impl IntoChannels, event: &str) {
        let skipped = self.skipped();
        for channel in channels.into_channels() {
            if !skipped
                .iter()
                .any(|s| s.event == event && s.channel == channel)
            {
                panic!(
                    "expected `{event}` to be skipped on `{channel}`; skipped were {}\n{}",
                    lines(&skipped),
                    numbered(&self.events())
                );
            }
        }
    }

    fn count<Form>(&self, expected: &impl Expected<Form>) -> usize {
        let events = self.events();
        events.iter().filter(|e| expected.fits(e).is_ok()).count()
    }

    #[track_caller]
    fn fail<Form>(&self, expected: &impl Expected<Form>, what: &str) -> ! {
        let events = self.events();
        let seen = events.iter().map(|emitted| match expected.fits(emitted) {
            Err(Some(note)) => format!("{emitted}  <- {note}"),
            _ => emitted.to_string(),
        });
        let seen: Vec<_> = seen.collect();
        let skipped = self.skipped();
        let skipped = if skipped.is_empty() {
            String::new()
        } else {
            format!("\nskipped were {}", lines(&skipped))
        };
        panic!(
            "expected {what} {}; {}{skipped}",
            expected.describe(),
            numbered(&seen)
        );
    }
}

/// Browsers and the table of who may listen.
impl<U: BroadcastUser> Recording<U> {
    /// A browser in which this user is logged in, connected to the default driver.
    #[must_use]
    pub fn browser(&self, user: &U) -> Browser<U> {
        Browser::new(Arc::clone(&self.backstage), Some(user.clone()))
    }

    /// A visitor's browser, connected to the default driver.
    #[must_use]
    pub fn guest(&self) -> Browser<U> {
        Browser::new(Arc::clone(&self.backstage), None)
    }

    /// Asks the rules about every one of these users, under these headings, and every one of these
    /// channels; `None` is a visitor. Nobody subscribes.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), skywave::BuildError> {
    /// use skywave::{Broadcaster, Member};
    ///
    /// let (_, recording) = Broadcaster::builder()
    ///     .users(|_parts| async { None::<String> })
    ///     .authorize("private-admins", |user: &String| user == "root")
    ///     .join("presence-lobby", |user: &String| Some(Member::new(user)))
    ///     .fake()?;
    /// let (ada, root) = ("ada".to_owned(), "root".to_owned());
    ///
    /// let users = [("visitor", None), ("ada", Some(&ada)), ("root", Some(&root))];
    /// let matrix = recording.matrix(users, ["news", "private-admins", "presence-lobby"]).await;
    /// matrix.assert(
    ///     "
    ///                     visitor  ada  root
    ///     news            yes      yes  yes
    ///     private-admins  no       no   yes
    ///     presence-lobby  no       ada  root
    ///     ",
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub async fn matrix<'u>(
        &self,
        users: impl IntoIterator<Item = (&'u str, Option<&'u U>)>,
        channels: impl IntoChannels,
    ) -> Matrix {
        let users: Vec<_> = users.into_iter().collect();
        let mut matrix = Matrix::new(users.iter().map(|(heading, _)| *heading));
        for channel in channels.into_channels() {
            let mut answers = Vec::with_capacity(users.len());
            for (_, user) in &users {
                let socket_id = SocketId::new(0, 0);
                answers.push(self.backstage.ask(user.cloned(), socket_id, &channel).await);
            }
            matrix.push(&channel, answers);
        }
        matrix
    }
}

impl<U> Clone for Recording<U> {
    fn clone(&self) -> Self {
        Self {
            backstage: Arc::clone(&self.backstage),
        }
    }
}

impl<U> fmt::Debug for Recording<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("events", &self.events())
            .field("skipped", &self.skipped())
            .finish_non_exhaustive()
    }
}

/// How many there are, and each with its number on a line of its own.
pub(super) fn numbered(events: &[impl fmt::Display]) -> String {
    let mut text = match events.len() {
        0 => return "there are none".to_owned(),
        1 => "there is 1:".to_owned(),
        count => format!("there are {count}:"),
    };
    for (at, event) in events.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {}. {event}", at + 1);
    }
    text
}

fn lines(skipped: &[SkippedEvent]) -> String {
    if skipped.is_empty() {
        return "none".to_owned();
    }
    let lines = skipped.iter().map(|skipped| format!("\n  {skipped}"));
    lines.collect()
}
