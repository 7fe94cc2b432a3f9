//! The engine: what all threads of a node share.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use skywave_protocol::{ChannelKind, ChannelName, Rejection, ServerMessage};

use crate::app::{App, AppSettings, Apps, DuplicateApp};
use crate::counters::Tally;
use crate::encode_frame;
use crate::except::Except;
use crate::inbox::{Delivery, Inbox};
use crate::listeners::{ListId, Listeners};
use crate::observer::{Observer, Occurrence};
use crate::occupied::{Occupancy, Occupied};
use crate::shelves;

/// The apps of a node and the inboxes of its workers.
#[derive(Debug)]
pub struct Engine {
    apps: ArcSwap<Apps>,
    /// Held while apps are replaced, by one at a time.
    replacing: Mutex<()>,
    observer: Option<Arc<dyn Observer>>,
    inboxes: Box<[Inbox]>,
    /// What each worker has done.
    pub(crate) tallies: Box<[Tally]>,
    /// Events published, from all threads.
    pub(crate) published: AtomicU64,
    next_list: AtomicU64,
}

/// An event on its way: name, channels and data, published once.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// Where it goes.
    pub channels: &'a [ChannelName],
    /// Its name.
    pub event: &'a str,
    /// Its data, verbatim; usually JSON text.
    pub data: &'a str,
    /// Who does not get it.
    pub except: Option<Except<'a>>,
}

impl Engine {
    /// An engine for `workers` workers, each of which needs its [`Shard`](crate::Shard).
    pub fn new(apps: Apps, workers: usize, observer: Option<Arc<dyn Observer>>) -> Arc<Self> {
        let inboxes = (0..workers).map(|_| Inbox::default()).collect();
        Arc::new(Self {
            apps: ArcSwap::from_pointee(apps),
            replacing: Mutex::default(),
            observer,
            inboxes,
            tallies: (0..workers).map(|_| Tally::default()).collect(),
            published: AtomicU64::new(0),
            next_list: AtomicU64::new(0),
        })
    }

    /// The tenants as they are now.
    pub fn apps(&self) -> impl Deref<Target = Arc<Apps>> + use<> {
        self.apps.load()
    }

    /// Replaces the tenants by those with these ids and settings, and returns the apps that are
    /// gone: they are disabled from now on, and their connections are still there, for the caller to
    /// close. An app that stays keeps its connections and channels.
    ///
    /// # Errors
    ///
    /// When two share an id or a key. Nothing was changed then.
    pub fn replace_apps(
        &self,
        wanted: impl IntoIterator<Item = (String, AppSettings)>,
    ) -> Result<Vec<Arc<App>>, DuplicateApp> {
        // It guards no data, so there is nothing that a panic could have left half-done.
        let _one_at_a_time = self
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let apps = self.apps.load_full();
        let replaced = apps.replaced(wanted)?;
        let gone = apps.iter().filter(|app| replaced.by_id(app.id()).is_none());
        let gone: Vec<_> = gone.map(Arc::clone).collect();
        self.apps.store(Arc::new(replaced));
        for app in &gone {
            let settings = AppSettings::clone(&app.settings());
            app.change(AppSettings {
                enabled: false,
                ..settings
            });
        }
        Ok(gone)
    }

    /// Hands events to every subscriber of their channels, in this order.
    ///
    /// It returns as soon as the events stand in the inboxes of all workers concerned; channels
    /// without subscribers cost a look-up, or a copy when they are cache channels. May be called
    /// from any thread; never waits. `now` is a monotonic time in milliseconds, the same for all
    /// threads.
    ///
    /// # Errors
    ///
    /// [`Rejection::OverCapacity`] when a worker is too far behind. Nothing was sent then.
    pub fn publish<'a>(
        &self,
        app: &App,
        publications: impl IntoIterator<Item = Publication<'a>>,
        now: u64,
    ) -> Result<(), Rejection> {
        if self.is_behind() {
            return Err(Rejection::OverCapacity);
        }
        let mut published = 0;
        for publication in publications {
            for channel in publication.channels {
                self.publish_on(app, channel, &publication, now);
            }
            published += 1;
        }
        self.published.fetch_add(published, Ordering::Relaxed);
        Ok(())
    }

    fn publish_on(&self, app: &App, channel: &ChannelName, event: &Publication<'_>, now: u64) {
        let is_cache = channel.kind().is_cache();
        app.channels.locked(channel, |shelf| {
            let occupied = shelf.occupied.get(channel);
            if occupied.is_none() && !is_cache {
                return;
            }
            let Publication {
                event,
                data,
                except,
                ..
            } = *event;
            let frame = encoded(&ServerMessage::Event {
                channel,
                event,
                data,
                user_id: None,
            });
            if is_cache {
                let limits = &app.settings().limits;
                let room = shelves::share(limits.cached_channels);
                let expires = now.saturating_add(limits.cache_ms);
                shelf.cache.make_room(room, channel, now);
                shelf.cache.keep(channel, &frame, data, expires);
            }
            if let Some(occupied) = occupied {
                self.deliver_frame(&occupied.listeners, frame, except);
            }
        });
    }

    /// The occupied channels whose names begin with `prefix`, in the order of their names; the
    /// channels of single users (`#server-to-user-…`) are nobody else's business.
    pub fn occupied(&self, app: &App, prefix: &str) -> BTreeMap<ChannelName, Occupancy> {
        let mut found = BTreeMap::new();
        app.channels.for_each(|shelf| {
            for (name, occupied) in &shelf.occupied {
                if name.as_str().starts_with(prefix) && name.kind() != ChannelKind::ServerToUser {
                    found.insert(name.clone(), occupied.occupancy());
                }
            }
        });
        found
    }

    /// The ids of the users in a presence channel, in their order; empty for other channels.
    pub fn users(&self, app: &App, channel: &ChannelName) -> Vec<String> {
        app.channels.locked(channel, |shelf| {
            let members = shelf.occupied.get(channel).and_then(Occupied::members);
            members.map_or_else(Vec::new, |members| {
                members
                    .iter()
                    .map(|(user_id, _)| user_id.to_owned())
                    .collect()
            })
        })
    }

    /// Subscriptions and users of a channel on this node.
    pub fn occupancy(&self, app: &App, channel: &ChannelName) -> Occupancy {
        app.channels.locked(channel, |shelf| {
            let unoccupied = || Occupancy {
                subscriptions: 0,
                users: channel.kind().is_presence().then_some(0),
            };
            shelf
                .occupied
                .get(channel)
                .map_or_else(unoccupied, Occupied::occupancy)
        })
    }

    /// The data that a cache channel holds, and for how many milliseconds still.
    pub fn cached(&self, app: &App, channel: &ChannelName, now: u64) -> Option<(String, u64)> {
        app.channels.locked(channel, |shelf| {
            let (data, remaining) = shelf.cache.data(channel, now)?;
            Some((data.to_owned(), remaining))
        })
    }

    /// Puts one message for all listeners into the inboxes of their workers: encoded once, shared.
    ///
    /// The caller holds the lock of the channel or the user, which is what gives it its order.
    pub(crate) fn deliver(
        &self,
        listeners: &Listeners,
        message: &ServerMessage<'_>,
        except: Option<Except<'_>>,
    ) {
        self.deliver_frame(listeners, encoded(message), except);
    }

    fn deliver_frame(&self, listeners: &Listeners, frame: Bytes, except: Option<Except<'_>>) {
        let delivery = Delivery {
            to: listeners.id,
            frame,
            except: except.map(Into::into),
        };
        for worker in listeners.workers() {
            self.inboxes[worker].push(delivery.clone());
        }
    }

    /// Tells the observer, who sees the occurrences of a channel in their order because the caller
    /// holds its lock. The channels of single users are nobody else's business.
    pub(crate) fn observe(&self, app: &App, channel: &ChannelName, occurrence: &Occurrence<'_>) {
        if let Some(observer) = &self.observer
            && channel.kind() != ChannelKind::ServerToUser
        {
            observer.observe(app, channel, occurrence);
        }
    }

    /// Whether a worker is too far behind for events to be published: its inbox is full.
    pub fn is_behind(&self) -> bool {
        self.inboxes.iter().any(Inbox::is_full)
    }

    /// Bytes of the frames in the inbox of a worker, which waits for its next tick.
    ///
    /// # Panics
    ///
    /// When the engine has no such worker.
    pub fn waiting_bytes(&self, worker: usize) -> usize {
        self.inboxes[worker].bytes()
    }

    /// How many frames are in the inbox of a worker.
    ///
    /// # Panics
    ///
    /// When the engine has no such worker.
    pub fn waiting_frames(&self, worker: usize) -> usize {
        self.inboxes[worker].frames()
    }

    pub(crate) fn inbox(&self, worker: usize) -> &Inbox {
        &self.inboxes[worker]
    }

    pub(crate) fn next_list_id(&self) -> ListId {
        ListId(self.next_list.fetch_add(1, Ordering::Relaxed))
    }
}

fn encoded(message: &ServerMessage<'_>) -> Bytes {
    let mut frame = Vec::with_capacity(FRAME_BYTES);
    encode_frame(message, &mut frame);
    frame.into()
}

/// Most events fit, so that encoding allocates once; [`Inbox::FRAMES`] counts on it.
const FRAME_BYTES: usize = 512;
