//! Departures that may be taken back: [`Grace`], and cache misses that were told already:
//! [`Misses`]. Protocol §3.5.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use skywave_protocol::ChannelName;

use super::event::{Event, What};

/// Departures that are not told yet, in the order in which they happened.
///
/// A page that is reloaded leaves and returns: within the grace neither is told. All departures
/// wait equally long, so their order stays.
#[derive(Debug)]
pub(super) struct Grace {
    wait: Duration,
    leaving: HashMap<Who, Leaving>,
    order: VecDeque<(Who, u64)>,
    next: u64,
}

/// A channel, or a member of it.
type Who = (ChannelName, Option<Box<str>>);

#[derive(Debug)]
struct Leaving {
    number: u64,
    due: Instant,
    event: Event,
}

impl Grace {
    pub(super) fn new(wait: Duration) -> Self {
        Self {
            wait,
            leaving: HashMap::new(),
            order: VecDeque::new(),
            next: 0,
        }
    }

    /// Takes an event if it is a departure, or the return of who is leaving; gives back the others.
    pub(super) fn take(&mut self, event: Event) -> Option<Event> {
        let user = match &event.what {
            What::Occupied | What::Vacated => None,
            What::MemberAdded(user_id) | What::MemberRemoved(user_id) => Some(user_id.clone()),
            What::ClientEvent { .. } | What::CacheMiss | What::SubscriptionCount(_) => {
                return Some(event);
            }
        };
        let who = (event.channel.clone(), user);
        if matches!(event.what, What::Occupied | What::MemberAdded(_)) {
            return match self.leaving.remove(&who) {
                Some(_) => None,
                None => Some(event),
            };
        }
        let number = self.next;
        self.next += 1;
        self.order.push_back((who.clone(), number));
        let due = event.at + self.wait;
        let leaving = Leaving { number, due, event };
        self.leaving.insert(who, leaving);
        None
    }

    /// When the next departure is to be told.
    pub(super) fn due(&mut self) -> Option<Instant> {
        while let Some((who, number)) = self.order.front() {
            match self.leaving.get(who) {
                Some(leaving) if leaving.number == *number => return Some(leaving.due),
                _ => drop(self.order.pop_front()),
            }
        }
        None
    }

    /// The next departure that is to be told by `now`, or whenever more than `room` are waiting.
    pub(super) fn leave(&mut self, now: Instant, room: usize) -> Option<Event> {
        let due = self.due()?;
        if due > now && self.order.len() <= room {
            return None;
        }
        let (who, _) = self.order.pop_front()?;
        self.leaving.remove(&who).map(|leaving| leaving.event)
    }
}

/// Channels whose cache miss was told, for a while.
#[derive(Debug)]
pub(super) struct Misses {
    quiet: Duration,
    told: HashMap<ChannelName, Instant>,
}

impl Misses {
    pub(super) fn new(quiet: Duration) -> Self {
        Self {
            quiet,
            told: HashMap::new(),
        }
    }

    /// Whether a cache miss of `channel` at this time is to be told. Remembers about `room`
    /// channels at most.
    pub(super) fn tells(&mut self, channel: &ChannelName, at: Instant, room: usize) -> bool {
        let recent = |told: &Instant| at.saturating_duration_since(*told) < self.quiet;
        if self.told.get(channel).is_some_and(recent) {
            return false;
        }
        if self.told.len() >= room {
            self.told.retain(|_, told| recent(told));
        }
        if self.told.len() >= room {
            self.told.clear();
        }
        self.told.insert(channel.clone(), at);
        true
    }
}

#[cfg(test)]
mod tests {
    use skywave_engine::Occurrence;

    use super::*;

    const WAIT: Duration = Duration::from_secs(3);
    const MANY: usize = 100;

    fn event(channel: &str, occurrence: &Occurrence<'_>, at: Instant) -> Event {
        let channel = ChannelName::parse(channel).unwrap();
        Event {
            at,
            ..Event::new(&channel, occurrence)
        }
    }

    fn leaving(grace: &mut Grace, now: Instant) -> Vec<(String, What)> {
        std::iter::from_fn(|| grace.leave(now, MANY))
            .map(|event| (event.channel.to_string(), event.what))
            .collect()
    }

    #[test]
    fn who_returns_in_time_has_never_left() {
        let (mut grace, start) = (Grace::new(WAIT), Instant::now());
        let in_time = start + WAIT - Duration::from_millis(1);
        assert!(
            grace
                .take(event("a", &Occurrence::Occupied, start))
                .is_some()
        );
        assert!(
            grace
                .take(event("a", &Occurrence::Vacated, start))
                .is_none()
        );
        assert!(
            grace
                .take(event("b", &Occurrence::Vacated, start))
                .is_none()
        );
        assert_eq!(grace.due(), Some(start + WAIT));
        assert_eq!(leaving(&mut grace, in_time), []);
        assert!(
            grace
                .take(event("a", &Occurrence::Occupied, in_time))
                .is_none()
        );
        let late = start + WAIT;
        assert_eq!(leaving(&mut grace, late), [("b".to_owned(), What::Vacated)]);
        assert!(
            grace
                .take(event("b", &Occurrence::Occupied, late))
                .is_some(),
            "whose departure was told returns"
        );
        assert_eq!(grace.due(), None);
    }

    #[test]
    fn members_are_not_mixed_up_and_leave_before_their_channel() {
        let (mut grace, start) = (Grace::new(WAIT), Instant::now());
        let removed = |user_id| Occurrence::MemberRemoved { user_id };
        for (channel, occurrence) in [
            ("presence-a", removed("1")),
            ("presence-a", removed("2")),
            ("presence-b", removed("1")),
            ("presence-a", Occurrence::Vacated),
        ] {
            assert!(grace.take(event(channel, &occurrence, start)).is_none());
        }
        let added = Occurrence::MemberAdded { user_id: "2" };
        assert!(grace.take(event("presence-a", &added, start)).is_none());
        let left = |channel: &str, what| (channel.to_owned(), what);
        assert_eq!(
            leaving(&mut grace, start + WAIT),
            [
                left("presence-a", What::MemberRemoved("1".into())),
                left("presence-b", What::MemberRemoved("1".into())),
                left("presence-a", What::Vacated),
            ]
        );
    }

    #[test]
    fn who_leaves_again_waits_anew() {
        let (mut grace, start) = (Grace::new(WAIT), Instant::now());
        let later = start + Duration::from_secs(2);
        grace.take(event("a", &Occurrence::Vacated, start));
        grace.take(event("a", &Occurrence::Occupied, later));
        grace.take(event("a", &Occurrence::Vacated, later));
        assert_eq!(leaving(&mut grace, start + WAIT), []);
        assert_eq!(leaving(&mut grace, later + WAIT).len(), 1);
        assert_eq!(leaving(&mut grace, later + WAIT), []);
    }

    #[test]
    fn beyond_the_bound_the_oldest_leaves_early() {
        let (mut grace, start) = (Grace::new(WAIT), Instant::now());
        for channel in ["a", "b", "c"] {
            grace.take(event(channel, &Occurrence::Vacated, start));
        }
        let early = grace.leave(start, 2).map(|event| event.channel.to_string());
        assert_eq!(early.as_deref(), Some("a"));
        assert!(grace.leave(start, 2).is_none());
    }

    #[test]
    fn a_cache_miss_is_told_once_in_a_while() {
        let (mut misses, start) = (Misses::new(WAIT), Instant::now());
        let [a, b, c] = ["cache-a", "cache-b", "cache-c"].map(|n| ChannelName::parse(n).unwrap());
        assert!(misses.tells(&a, start, 2));
        assert!(!misses.tells(&a, start, 2));
        assert!(misses.tells(&b, start, 2));
        assert!(misses.tells(&a, start + WAIT, 2));
        assert!(misses.tells(&c, start + WAIT, 2));
        assert_eq!(misses.told.len(), 2, "what was long ago is forgotten");
    }
}
