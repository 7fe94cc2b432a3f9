//! Apps: the tenants of a node.
//!
//! An [`App`] is an id, its [`AppSettings`], and the directory of its occupied channels. That the
//! directory hangs off the app is what keeps tenants apart: there is no table in which the channels
//! of two apps could meet. The settings can be replaced while connections are open; whoever looks
//! at them sees the old ones or the new ones, never a mixture.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use skywave_protocol::{Credentials, Limits, Origins};

use crate::directory::Directory;
use crate::usage::Usage;
use crate::users::Users;
use crate::webhooks::Webhooks;

/// One tenant: its identity, its settings, and its occupied channels.
#[derive(Debug)]
pub struct App {
    id: String,
    settings: ArcSwap<AppSettings>,
    pub(crate) channels: Directory,
    pub(crate) users: Users,
    pub(crate) usage: Usage,
}

/// What an app's owner decides, and may decide anew while the node runs.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// The key and the secret.
    pub credentials: Credentials,
    /// What the app's peers may send.
    pub limits: Limits,
    /// Whether the app is served at all; connections and requests are refused when it is not.
    /// Default true.
    pub enabled: bool,
    /// Whether subscribers may send client events (`client-…`). Default true.
    pub client_events: bool,
    /// Who is told what happens in the app's channels. Default: nobody.
    pub webhooks: Webhooks,
    /// Whether the subscribers of a channel are told how many they are, whenever that changes
    /// (`pusher_internal:subscription_count`); not on presence and on encrypted channels. Default
    /// false.
    pub subscription_counts: bool,
    /// Whose pages may connect. Default: pages of any site.
    pub origins: Origins,
    /// Whether connections without TLS are refused, with code 4000, at which pusher-js switches to
    /// TLS. Default false.
    pub tls_only: bool,
    /// Whether a connection that signs in with a watchlist is told who of it is online, then and
    /// whenever that changes (`pusher_internal:watchlist_events`). Default false.
    pub watchlists: bool,
    /// How long a connection may be open without having signed in or subscribed to a channel that
    /// needs authorisation; one that does neither by then is closed with code 4009, within two
    /// seconds. Default: for ever.
    pub authorisation_timeout: Option<Duration>,
}

impl AppSettings {
    /// The defaults: the hosted service's limits, client events accepted.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            limits: Limits::default(),
            enabled: true,
            client_events: true,
            webhooks: Webhooks::default(),
            subscription_counts: false,
            origins: Origins::any(),
            tls_only: false,
            watchlists: false,
            authorisation_timeout: None,
        }
    }
}

impl From<Credentials> for AppSettings {
    fn from(credentials: Credentials) -> Self {
        Self::new(credentials)
    }
}

impl App {
    /// An app without connections.
    ///
    /// ```
    /// use skywave_engine::{App, AppSettings};
    /// use skywave_protocol::{Credentials, Secret};
    ///
    /// let credentials = Credentials::new("my-key", &Secret::new("my-secret"));
    /// let quiet = AppSettings { client_events: false, ..AppSettings::new(credentials) };
    /// let app = App::new("1", quiet);
    /// assert_eq!(app.settings().credentials.key(), "my-key");
    /// ```
    pub fn new(id: impl Into<String>, settings: impl Into<AppSettings>) -> Self {
        Self {
            id: id.into(),
            settings: ArcSwap::from_pointee(settings.into()),
            channels: Directory::default(),
            users: Users::default(),
            usage: Usage::default(),
        }
    }

    /// The id in HTTP API paths (`/apps/ID/…`).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The settings as they are now. Look once per decision: they may change in between.
    pub fn settings(&self) -> impl Deref<Target = Arc<AppSettings>> + use<> {
        self.settings.load()
    }

    /// Replaces the settings, for whatever is decided from now on.
    pub(crate) fn change(&self, settings: AppSettings) {
        self.settings.store(Arc::new(settings));
    }
}

/// The apps of a node, found by key (WebSocket) or by id (HTTP API).
#[derive(Debug, Default)]
pub struct Apps {
    by_key: HashMap<String, Arc<App>>,
    by_id: HashMap<String, Arc<App>>,
}

impl Apps {
    /// Indexes `apps`.
    ///
    /// # Errors
    ///
    /// [`DuplicateApp`] when two apps share an id or a key.
    pub fn new(apps: impl IntoIterator<Item = App>) -> Result<Self, DuplicateApp> {
        let mut all = Self::default();
        for app in apps.into_iter().map(Arc::new) {
            let key = app.settings().credentials.key().to_owned();
            all.insert(key, app)?;
        }
        Ok(all)
    }

    /// The apps with these ids and settings. An app that is here already stays the same app, with
    /// its channels; only when the whole is in order do such apps change their settings.
    pub(crate) fn replaced(
        &self,
        wanted: impl IntoIterator<Item = (String, AppSettings)>,
    ) -> Result<Self, DuplicateApp> {
        let mut all = Self::default();
        let mut changes = Vec::new();
        for (id, settings) in wanted {
            let key = settings.credentials.key().to_owned();
            if let Some(app) = self.by_id(&id) {
                all.insert(key, Arc::clone(app))?;
                changes.push((app, settings));
            } else {
                all.insert(key, Arc::new(App::new(id, settings)))?;
            }
        }
        for (app, settings) in changes {
            app.change(settings);
        }
        Ok(all)
    }

    fn insert(&mut self, key: String, app: Arc<App>) -> Result<(), DuplicateApp> {
        if self.by_id.contains_key(&app.id) {
            return Err(DuplicateApp::Id(app.id.clone()));
        }
        if self.by_key.contains_key(&key) {
            return Err(DuplicateApp::Key(key));
        }
        self.by_id.insert(app.id.clone(), Arc::clone(&app));
        self.by_key.insert(key, app);
        Ok(())
    }

    /// The app whose key is `key`.
    pub fn by_key(&self, key: &str) -> Option<&Arc<App>> {
        self.by_key.get(key)
    }

    /// The app whose id is `id`.
    pub fn by_id(&self, id: &str) -> Option<&Arc<App>> {
        self.by_id.get(id)
    }

    /// All apps, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<App>> {
        self.by_id.values()
    }
}

/// Two apps were configured with the same id or the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DuplicateApp {
    /// This id was given twice.
    Id(String),
    /// This key was given twice.
    Key(String),
}

impl fmt::Display for DuplicateApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "two apps have the id {id:?}; ids must differ"),
            Self::Key(key) => write!(f, "two apps have the key {key:?}; keys must differ"),
        }
    }
}

impl std::error::Error for DuplicateApp {}
