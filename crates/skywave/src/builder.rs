//! How a broadcaster is made: [`Builder`].
//!
//! Every method only notes what it is told; [`build`](Builder::build) checks all of it, starts the
//! drivers, and reports every mistake at once.

use std::any::TypeId;
use std::fmt;
use std::future::{self, Future};
use std::sync::{Arc, RwLock};

use http::request::Parts;

use crate::authorize::{Answer, Authoriser, UsersHook};
use crate::broadcaster::{Broadcaster, Shared};
use crate::client_options::Page;
use crate::counters::Tally;
use crate::driver::{Driver, DriverError, IntoDriver};
use crate::error::{BuildError, chain, list};
use crate::later::{Queue, QueueSettings};
use crate::paths::{IntoPaths, check_paths};
use crate::report::DriverFailure;
use crate::rule::{AsyncRule, PublishPrivate, Rule, Unruled};
use crate::ruling::{Job, Ruling, checked_rules};
use crate::user::{BroadcastUser, Member, NoUser};

/// Builds a [`Broadcaster`]. `U` is the application's user type, which the
/// [users hook](Self::users) brings in.
///
/// ```
/// use serde_json::json;
/// use skywave::{Broadcaster, BroadcastUser, Member, Null};
///
/// #[derive(Clone)]
/// struct User {
///     id: u64,
///     name: String,
/// }
///
/// impl BroadcastUser for User {
///     fn broadcast_id(&self) -> String {
///         self.id.to_string()
///     }
/// }
///
/// let broadcaster = Broadcaster::builder()
///     .driver("null", Null)
///     .users(|parts| async move { parts.extensions.get::<User>().cloned() })
///     .authorize("private-orders.{id}", |user: &User, id: u64| id % 2 == user.id % 2)
///     .join("presence-room.{room}", |user: &User, _room: String| {
///         Some(Member::new(user.id).info(json!({ "name": user.name })))
///     })
///     .build()?;
/// # Ok::<(), skywave::BuildError>(())
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder<U> {
    drivers: Vec<(String, StartDriver)>,
    /// Of every driver, what is known before its start.
    origins: Vec<Origin>,
    default_driver: Option<String>,
    users: UsersHook<U>,
    has_users: bool,
    rules: Vec<Ruling<U>>,
    unruled: Unruled,
    publish_private: PublishPrivate,
    auth_paths: Vec<String>,
    driver_failure: DriverFailure,
    queue: QueueSettings,
    public_url: Option<String>,
}

/// Checks a driver's settings and starts it.
pub(crate) type StartDriver = Box<dyn FnOnce() -> Result<Arc<dyn Driver>, DriverError> + Send>;

/// A driver before its start.
pub(crate) struct Given {
    type_id: TypeId,
    /// Where it is configured, as a mistake begins; empty for one configured in code.
    place: String,
    start: StartDriver,
}

impl Given {
    pub(crate) fn new<D: IntoDriver>(driver: D) -> Self {
        Self {
            type_id: TypeId::of::<D>(),
            place: String::new(),
            start: Box::new(|| driver.into_driver()),
        }
    }

    #[cfg(feature = "config")]
    pub(crate) fn placed(self, place: String) -> Self {
        Self { place, ..self }
    }
}

/// What is known of a driver before its start.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) driver: String,
    /// The type of its settings: [`crate::Embedded`], not the running server's.
    pub(crate) type_id: TypeId,
    /// As in [`Given`].
    place: String,
}

impl Builder<NoUser> {
    pub(crate) fn new() -> Self {
        Self {
            drivers: Vec::new(),
            origins: Vec::new(),
            default_driver: None,
            users: Box::new(|_| Box::pin(future::ready(None))),
            has_users: false,
            rules: Vec::new(),
            unruled: Unruled::default(),
            publish_private: PublishPrivate::default(),
            auth_paths: vec![DEFAULT_AUTH_PATH.to_owned()],
            driver_failure: DriverFailure::default(),
            queue: QueueSettings::default(),
            public_url: None,
        }
    }

    /// Says who is logged in: a closure that finds the user of a request, from its method, address,
    /// headers and extensions. `None` is a visitor.
    ///
    /// It gets a copy of the request's parts, so any extractor that works on parts can be called
    /// in it: a session of `tower-sessions`, `AuthSession` of `axum-login`, a bearer token. It runs
    /// for every request that takes a [`Broadcast`](crate::Broadcast) or asks for authorisation.
    /// The rules follow after it, as they get its user.
    ///
    /// ```
    /// use axum::extract::FromRequestParts;
    /// # use skywave::{Broadcaster, Null};
    /// # struct Session(Option<String>);
    /// # impl Session { async fn user(&self) -> Option<String> { self.0.clone() } }
    /// # impl FromRequestParts<()> for Session {
    /// #     type Rejection = ();
    /// #     async fn from_request_parts(_: &mut http::request::Parts, _: &()) -> Result<Self, ()> { Err(()) }
    /// # }
    ///
    /// let broadcaster = Broadcaster::builder()
    ///     .driver("null", Null)
    ///     .users(|mut parts| async move {
    ///         let session = Session::from_request_parts(&mut parts, &()).await.ok()?;
    ///         session.user().await
    ///     })
    ///     .build()?;
    /// # Ok::<(), skywave::BuildError>(())
    /// ```
    pub fn users<U, F, A>(self, hook: F) -> Builder<U>
    where
        U: BroadcastUser,
        F: Fn(Parts) -> A + Send + Sync + 'static,
        A: Future<Output = Option<U>> + Send + 'static,
    {
        Builder {
            drivers: self.drivers,
            origins: self.origins,
            default_driver: self.default_driver,
            users: Box::new(move |parts| Box::pin(hook(parts))),
            has_users: true,
            rules: Vec::new(),
            unruled: self.unruled,
            publish_private: self.publish_private,
            auth_paths: self.auth_paths,
            driver_failure: self.driver_failure,
            queue: self.queue,
            public_url: self.public_url,
        }
    }

    /// [`build`](Builder::build) without a users hook: every request is a visitor's.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn build(self) -> Result<Broadcaster, BuildError> {
        let builder = self.users(|_| future::ready(None::<String>));
        Builder {
            has_users: false,
            ..builder
        }
        .build()
    }
}

impl<U> Builder<U> {
    /// Adds a driver under a name. The first one added is the default.
    pub fn driver(self, name: impl Into<String>, driver: impl IntoDriver) -> Self {
        self.given(name.into(), Given::new(driver))
    }

    pub(crate) fn given(mut self, name: String, given: Given) -> Self {
        let Given {
            type_id,
            place,
            start,
        } = given;
        self.origins.push(Origin {
            driver: name.clone(),
            type_id,
            place,
        });
        self.drivers.push((name, start));
        self
    }

    /// Names the driver that sends when none is named, and that the authorisation route and
    /// [`ClientOptions`](crate::ClientOptions) are about.
    pub fn default_driver(self, name: impl Into<String>) -> Self {
        Self {
            default_driver: Some(name.into()),
            ..self
        }
    }

    /// Who may subscribe where no rule's pattern matches.
    pub fn unruled(self, unruled: Unruled) -> Self {
        Self { unruled, ..self }
    }

    /// Who may send to private and presence channels.
    pub fn publish_private(self, publish_private: PublishPrivate) -> Self {
        Self {
            publish_private,
            ..self
        }
    }

    /// What a driver that fails does to the sender: an error, or only a line in the log.
    pub fn driver_failure(self, driver_failure: DriverFailure) -> Self {
        Self {
            driver_failure,
            ..self
        }
    }

    /// The bounds of the queue behind [`Sending::later`](crate::Sending::later).
    pub fn queue(self, queue: QueueSettings) -> Self {
        Self { queue, ..self }
    }

    /// Where pages ask for authorisation: the path of the route in
    /// [`routes`](Broadcaster::routes), or of a handler of your own. By default
    /// `/broadcasting/authorize`.
    pub fn auth_path(self, path: impl Into<String>) -> Self {
        self.auth_paths([path.into()])
    }

    /// The same with several paths, such as those that older pages ask at. Clients are told the
    /// first.
    pub fn auth_paths(self, paths: impl IntoPaths) -> Self {
        Self {
            auth_paths: paths.into_paths(),
            ..self
        }
    }

    /// The address of the application as browsers see it, such as `https://example.com`, for
    /// [`ClientOptions`](crate::ClientOptions). By default it is taken from the request, whose
    /// `Host` a proxy may have changed.
    pub fn public_url(self, url: impl Into<String>) -> Self {
        Self {
            public_url: Some(url.into()),
            ..self
        }
    }
}

/// Rules, once the user type is known.
impl<U: BroadcastUser> Builder<U> {
    pub(crate) fn with_rule(mut self, rule: Ruling<U>) -> Self {
        self.rules.push(rule);
        self
    }

    /// Says who may subscribe to the private channels of a pattern: yes or no.
    ///
    /// The pattern is the channel's full name, so its kind is part of it: `private-{id}` is never
    /// asked about `presence-7`. A `{placeholder}` stands for one or more characters except `.`
    /// and is a parameter of the closure, of any type that can be read from text; a channel whose
    /// value cannot be read is denied. Visitors are denied without asking.
    ///
    /// A `Result` may be returned, too: an error refuses with a 500.
    pub fn authorize<P>(mut self, pattern: impl Into<String>, rule: impl Rule<U, P, bool>) -> Self {
        self.rules.push(Ruling::at_once(
            pattern.into(),
            Job::Authorize,
            rule,
            Answer::from,
        ));
        self
    }

    /// Says who someone is to the others in the presence channels of a pattern, or `None` for
    /// those who may not join. Patterns are as in [`authorize`](Self::authorize).
    pub fn join<P>(
        mut self,
        pattern: impl Into<String>,
        rule: impl Rule<U, P, Option<Member>>,
    ) -> Self {
        self.rules.push(Ruling::at_once(
            pattern.into(),
            Job::Join,
            rule,
            Answer::from,
        ));
        self
    }

    /// [`authorize`](Self::authorize) with a rule that has to wait. It gets a user of its own, and
    /// what else it needs it brings along:
    ///
    /// ```
    /// # use skywave::{Broadcaster, Null};
    /// # #[derive(Clone)] struct Orders;
    /// # impl Orders { async fn owner(&self, _: u64) -> Result<String, std::io::Error> { Ok("ada".into()) } }
    /// # let orders = Orders;
    /// let broadcaster = Broadcaster::builder()
    ///     .driver("null", Null)
    ///     .users(|_parts| async { Some("ada".to_owned()) })
    ///     .authorize_async("private-orders.{id}", move |user: String, id: u64| {
    ///         let orders = orders.clone();
    ///         async move { orders.owner(id).await.map(|owner| owner == user) }
    ///     })
    ///     .build()?;
    /// # Ok::<(), skywave::BuildError>(())
    /// ```
    pub fn authorize_async<P>(
        mut self,
        pattern: impl Into<String>,
        rule: impl AsyncRule<U, P, bool>,
    ) -> Self {
        self.rules.push(Ruling::later(
            pattern.into(),
            Job::Authorize,
            rule,
            Answer::from,
        ));
        self
    }

    /// [`join`](Self::join) with a rule that has to wait, as in
    /// [`authorize_async`](Self::authorize_async).
    pub fn join_async<P>(
        mut self,
        pattern: impl Into<String>,
        rule: impl AsyncRule<U, P, Option<Member>>,
    ) -> Self {
        self.rules
            .push(Ruling::later(pattern.into(), Job::Join, rule, Answer::from));
        self
    }

    /// Checks everything, starts the drivers and makes the broadcaster.
    ///
    /// # Errors
    ///
    /// A [`BuildError`] with every mistake: no driver, two of one name, an unknown default, a
    /// driver that cannot start, a pattern that is malformed, of the wrong kind, with another
    /// number of placeholders than its closure has parameters, or overlapping another one, a path
    /// or address that is none.
    pub fn build(self) -> Result<Broadcaster, BuildError> {
        self.finish().map(|(broadcaster, _)| broadcaster)
    }

    /// [`build`](Self::build), and the authoriser with the user type still known.
    pub(crate) fn finish(self) -> Result<(Broadcaster, Arc<Authoriser<U>>), BuildError> {
        let tally = Arc::<Tally>::default();
        let mut mistakes: Vec<String> = self.queue.mistakes().collect();
        let rules = checked_rules(self.rules, &mut mistakes);
        for (path, problem) in check_paths(&self.auth_paths) {
            mistakes.push(format!("auth path `{path}`: {problem}"));
        }
        let public_page = self.public_url.and_then(|url| {
            Page::parse(&url)
                .map_err(|mistake| mistakes.push(format!("public url {mistake}")))
                .ok()
        });
        let default_name = default_name(self.default_driver, &self.drivers, &mut mistakes);
        let drivers = started_drivers(self.drivers, &self.origins, &mut mistakes);
        let default = drivers
            .iter()
            .find(|(name, _)| Some(name) == default_name.as_ref())
            .cloned();
        let Some((default_name, default_driver)) = default.filter(|_| mistakes.is_empty()) else {
            return Err(BuildError::new(mistakes));
        };
        if self.unruled == Unruled::Everyone {
            tracing::warn!(
                "private channels without a rule are open to everyone, visitors too \
                 (Unruled::Everyone)"
            );
        }
        let authoriser = Arc::new(Authoriser {
            users: self.users,
            has_users: self.has_users,
            rules,
            unruled: self.unruled,
        });
        let broadcaster = Broadcaster::from_shared(Shared {
            default_name,
            default_driver,
            driver_failure: self.driver_failure,
            queue: Queue::new(self.queue, Arc::clone(&tally)),
            tally,
            drivers,
            origins: self.origins,
            authoriser: Arc::<Authoriser<U>>::clone(&authoriser),
            publish_private: self.publish_private,
            auth_paths: RwLock::new(self.auth_paths),
            public_page,
        });
        Ok((broadcaster, authoriser))
    }
}

/// For a fake, which brings drivers of its own.
#[cfg(feature = "testing")]
impl<U> Builder<U> {
    pub(crate) fn driver_names(&self) -> Vec<String> {
        self.drivers.iter().map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn with_drivers(self, drivers: Vec<(String, StartDriver)>) -> Self {
        Self { drivers, ..self }
    }
}

impl<U> fmt::Debug for Builder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drivers: Vec<_> = self.drivers.iter().map(|(name, _)| name).collect();
        let patterns: Vec<_> = self.rules.iter().map(Ruling::pattern).collect();
        f.debug_struct("Builder")
            .field("drivers", &drivers)
            .field("patterns", &patterns)
            .finish_non_exhaustive()
    }
}

fn default_name(
    named: Option<String>,
    drivers: &[(String, StartDriver)],
    mistakes: &mut Vec<String>,
) -> Option<String> {
    let known: Vec<_> = drivers.iter().map(|(name, _)| name.clone()).collect();
    match named {
        _ if known.is_empty() => {
            mistakes.push("there is no driver: expected at least one `.driver(name, ..)`".into());
        }
        Some(name) if !known.contains(&name) => {
            mistakes.push(format!(
                "default driver `{name}`: expected one of {}",
                list(&known)
            ));
        }
        Some(name) => return Some(name),
        None => {}
    }
    known.into_iter().next()
}

fn started_drivers(
    given: Vec<(String, StartDriver)>,
    origins: &[Origin],
    mistakes: &mut Vec<String>,
) -> Vec<(String, Arc<dyn Driver>)> {
    let mut drivers: Vec<(String, Arc<dyn Driver>)> = Vec::with_capacity(given.len());
    let mut with_routes: Option<String> = None;
    for (name, start) in given {
        if drivers.iter().any(|(known, _)| *known == name) {
            mistakes.push(format!(
                "driver `{name}`: there are two; expected different names"
            ));
            continue;
        }
        let driver = match start() {
            Ok(driver) => driver,
            Err(error) => {
                let origin = origins.iter().find(|origin| origin.driver == name);
                let place = origin.map_or("", |origin| &origin.place);
                mistakes.push(format!("{place}driver `{name}`: {}", chain(&error)));
                continue;
            }
        };
        if driver.routes().is_some() {
            match &with_routes {
                None => with_routes = Some(name.clone()),
                Some(other) => mistakes.push(format!(
                    "driver `{name}`: `{other}` brings routes already; expected at most one \
                     driver with routes"
                )),
            }
        }
        drivers.push((name, driver));
    }
    drivers
}

/// Where clients ask for authorisation unless it is said otherwise.
pub(crate) const DEFAULT_AUTH_PATH: &str = "/broadcasting/authorize";
