//! Apps: the tenants of a node.
//!
//! An [`App`] is an id, a key pair, its limits, and the directory of its occupied channels. That
//! the directory hangs off the app is what keeps tenants apart: there is no table in which the
//! channels of two apps could meet.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use skywave_protocol::{Credentials, Limits};

use crate::directory::Directory;

/// One tenant: its identity, its rules, and its occupied channels.
#[derive(Debug)]
pub struct App {
    id: String,
    credentials: Credentials,
    limits: Limits,
    client_events: bool,
    pub(crate) channels: Directory,
}

impl App {
    /// An app with the hosted service's limits that accepts client events.
    pub fn new(id: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            id: id.into(),
            credentials,
            limits: Limits::default(),
            client_events: true,
            channels: Directory::default(),
        }
    }

    /// Replaces the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Switches client events (`client-…`, sent by subscribers) on or off.
    #[must_use]
    pub fn with_client_events(mut self, enabled: bool) -> Self {
        self.client_events = enabled;
        self
    }

    /// The id in HTTP API paths (`/apps/ID/…`).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key and the secret.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// What this app's peers may send.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether subscribers may send client events.
    pub fn accepts_client_events(&self) -> bool {
        self.client_events
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
            let (id, key) = (app.id.clone(), app.credentials.key().to_owned());
            if all.by_id.insert(id.clone(), Arc::clone(&app)).is_some() {
                return Err(DuplicateApp::Id(id));
            }
            if all.by_key.insert(key.clone(), app).is_some() {
                return Err(DuplicateApp::Key(key));
            }
        }
        Ok(all)
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
