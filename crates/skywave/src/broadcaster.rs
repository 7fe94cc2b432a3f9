//! The broadcaster of an application: [`Broadcaster`].
//!
//! It holds the drivers, the rules and the settings, and is made once by a
//! [`Builder`](crate::Builder). It is bound to nobody, so it cannot send: sending is done by a
//! [`Broadcast`], which knows on whose behalf.

use std::any::{TypeId, type_name};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::routing::post;
use http::request::Parts;

use crate::actor::Actor;
use crate::authorize::{Authorise, InvalidRequest, answer, answer_axum};
use crate::broadcast::Broadcast;
use crate::builder::{Builder, Origin};
use crate::client_options::{ClientOptions, Page};
use crate::counters::{Count, Counters, Tally};
use crate::driver::{Driver, DriverHandle, IntoDriver, SignToken};
use crate::error::Error;
use crate::event::own_name;
use crate::later::{Delivery, NotQueued, Queue, QueueStatus, Undelivered};
use crate::paths::IntoPaths;
use crate::report::DriverFailure;
use crate::rule::PublishPrivate;
use crate::user::NoUser;

/// Drivers, rules and settings of an application; lives in its state and is cheap to clone.
///
/// See the [crate's front page](crate) for a whole application.
#[derive(Clone)]
pub struct Broadcaster {
    shared: Arc<Shared>,
}

/// What all clones of a broadcaster share.
pub(crate) struct Shared {
    /// By name, in the order given.
    pub(crate) drivers: Vec<(String, Arc<dyn Driver>)>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) default_name: String,
    pub(crate) default_driver: Arc<dyn Driver>,
    pub(crate) authoriser: Arc<dyn Authorise>,
    pub(crate) publish_private: PublishPrivate,
    /// Where clients ask for authorisation; set again by [`Broadcaster::routes_at`].
    pub(crate) auth_paths: RwLock<Vec<String>>,
    pub(crate) public_page: Option<Page>,
    pub(crate) driver_failure: DriverFailure,
    pub(crate) tally: Arc<Tally>,
    pub(crate) queue: Arc<Queue>,
}

impl Broadcaster {
    /// Starts a broadcaster with nothing in it.
    pub fn builder() -> Builder<NoUser> {
        Builder::new()
    }

    pub(crate) fn from_shared(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }

    pub(crate) fn count(&self, what: Count) {
        self.shared.tally.add(what);
    }

    /// Sends on behalf of the application itself, for jobs and command-line programs: no channel
    /// is skipped.
    #[must_use]
    pub fn as_system(&self) -> Broadcast {
        Broadcast::new(self.clone(), Actor::System, None)
    }

    /// Sends on behalf of the user with this id, outside of their request.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "ids are numbers and texts, owned or not"
    )]
    pub fn as_user(&self, id: impl ToString) -> Broadcast {
        Broadcast::new(self.clone(), Actor::User(id.to_string()), None)
    }

    /// The driver of this name, for an authorisation handler of your own. Whether it exists is
    /// told by what it is asked to do.
    #[must_use]
    pub fn driver(&self, name: &str) -> DriverHandle {
        DriverHandle::new(self.clone(), Some(name.to_owned()))
    }

    /// The driver that was given as a `D`, as in `driver_of::<Embedded>()`, for an authorisation
    /// handler of your own. Of several the default driver, else the first.
    ///
    /// # Errors
    ///
    /// [`Error::NoDriverOfType`] names the drivers there are.
    pub fn driver_of<D: IntoDriver>(&self) -> Result<DriverHandle, Error> {
        let name = self.name_of::<D>()?;
        Ok(DriverHandle::new(self.clone(), Some(name.to_owned())))
    }

    /// The default driver, for an authorisation handler of your own.
    #[must_use]
    pub fn default_driver(&self) -> DriverHandle {
        DriverHandle::new(self.clone(), None)
    }

    /// The authorisation route at the [`auth_path`](Builder::auth_path), by default
    /// `POST /broadcasting/authorize`, and the [routes of the drivers](Self::driver_routes).
    ///
    /// A body with a `channel_name` asks for a channel, one with only a `socket_id` for the user;
    /// [`AuthRequest`](crate::AuthRequest) has the details. A body with `channel_name[]`, up to 100
    /// of them, is answered with a 200 and a JSON object of the channels: for each its `status`,
    /// and `data`, which is what it would be answered alone, or an `error` text. When the default
    /// driver's clients ask for [tokens](crate::driver::SignToken), as those of Ably do, a request
    /// without a `socket_id` is for one, by `POST` or `GET`. Layers of a router wrap what was added
    /// before them: merged after a CSRF layer, these routes are exempt from it, and exactly these.
    ///
    /// They are to be merged, not nested: clients look for the embedded server at the root.
    pub fn routes<S>(&self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        self.routes_at(self.csrf_exempt_paths())
    }

    /// The same with the authorisation route at these paths instead, one or several. From then on
    /// [`ClientOptions`] name the first of them.
    ///
    /// Use it in place of [`routes`](Self::routes), not beside it: both bring the drivers' routes.
    ///
    /// # Panics
    ///
    /// When axum takes a path for malformed, or gets one twice.
    pub fn routes_at<S>(&self, paths: impl IntoPaths) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let paths = paths.into_paths();
        let router = paths.iter().fold(self.driver_routes(), |router, path| {
            let broadcaster = self.clone();
            let handler = move |request: Request| answer_axum(broadcaster.clone(), request);
            let methods = post(handler.clone());
            // ably-js asks with GET unless it is told otherwise.
            let methods = match self.tokens() {
                Some(_) => methods.get(handler),
                None => methods,
            };
            router.route(path, methods)
        });
        *self
            .shared
            .auth_paths
            .write()
            .unwrap_or_else(PoisonError::into_inner) = paths;
        router
    }

    /// Answers an authorisation request that another web framework than axum carries: what the
    /// route of [`routes`](Self::routes) does, on the types of the crate `http`.
    ///
    /// The [users hook](Builder::users) gets the request's parts, so what it needs has to be in
    /// them: headers, or extensions that the framework's handler fills.
    ///
    /// ```
    /// # use skywave::{Broadcaster, Null};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let broadcaster = Broadcaster::builder()
    ///     .driver("null", Null)
    ///     .users(|parts| async move { parts.extensions.get::<String>().cloned() })
    ///     .authorize("private-{name}", |user: &String, name: String| *user == name)
    ///     .build()?;
    ///
    /// let request = http::Request::post("/broadcasting/authorize")
    ///     .extension("ada".to_owned())
    ///     .body("socket_id=1.2&channel_name=private-ada")?;
    /// let response = broadcaster.answer(request).await;
    /// assert_eq!(response.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    pub fn answer<B: AsRef<[u8]>>(
        &self,
        request: http::Request<B>,
    ) -> impl Future<Output = http::Response<Bytes>> + Send + use<B> {
        let (parts, body) = request.into_parts();
        answer(self.clone(), parts, body.as_ref())
    }

    /// Sends on behalf of a request's user, and knows its connection: what the extractor
    /// [`Broadcast`] is in axum, for other frameworks.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] when the header `X-Socket-ID` is malformed.
    pub async fn broadcast_for(&self, request: Parts) -> Result<Broadcast, InvalidRequest> {
        Broadcast::bound(self.clone(), request).await
    }

    /// What has happened since the broadcaster was built, in numbers.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.tally.snapshot()
    }

    /// The queue of what is to be sent [later](crate::Sending::later), in numbers.
    #[must_use]
    pub fn queue(&self) -> QueueStatus {
        self.shared.queue.status()
    }

    /// Waits until everything is sent that was queued to be sent [later](crate::Sending::later), but
    /// no longer than [`QueueSettings::close_within`](crate::QueueSettings::close_within) says. For
    /// the end of the application, after its HTTP server has stopped; from the call on nothing more
    /// is queued, while awaiting a sending works as before.
    ///
    /// # Errors
    ///
    /// [`Undelivered`] when the time was over before. What was waiting is dropped then.
    pub async fn close(&self) -> Result<(), Undelivered> {
        self.shared.queue.close().await
    }

    /// Only the routes that the drivers need, for applications with an authorisation handler of
    /// their own: the embedded server's `/app/..`, `/pusher/app/..` and `/apps/..`.
    pub fn driver_routes<S>(&self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let routes = self
            .shared
            .drivers
            .iter()
            .filter_map(|(_, driver)| driver.routes());
        routes.fold(Router::new(), Router::merge).with_state(())
    }

    /// The paths that clients post to for authorisation, for CSRF protection that takes a list of
    /// exact paths to leave out.
    #[must_use]
    pub fn csrf_exempt_paths(&self) -> Vec<String> {
        self.shared
            .auth_paths
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What a page passes to its client, made for the request for that page; also an extractor.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] when the request does not say its host and no
    /// [`public_url`](Builder::public_url) is set.
    pub fn client_options(&self, request: &Parts) -> Result<ClientOptions, InvalidRequest> {
        let page = match &self.shared.public_page {
            Some(page) => page.clone(),
            None => Page::of(request)?,
        };
        let options = self.shared.default_driver.client_options(&page);
        let paths = self.csrf_exempt_paths();
        Ok(paths
            .iter()
            .take(1)
            .fold(options, |options, path| options.with_auth_path(path)))
    }

    /// The driver of this name with its name, or the default one.
    pub(crate) fn chosen(&self, name: Option<&str>) -> Result<(&str, &Arc<dyn Driver>), Error> {
        let Some(name) = name else {
            return Ok((&self.shared.default_name, &self.shared.default_driver));
        };
        let drivers = &self.shared.drivers;
        match drivers.iter().find(|(known, _)| known == name) {
            Some((known, driver)) => Ok((known, driver)),
            None => Err(Error::UnknownDriver {
                name: name.to_owned(),
                known: self.driver_names(),
            }),
        }
    }

    pub(crate) fn default_name(&self) -> &str {
        &self.shared.default_name
    }

    /// The name of the driver that was given as a `D`.
    pub(crate) fn name_of<D: IntoDriver>(&self) -> Result<&str, Error> {
        let shared = &self.shared;
        let of_type = |origin: &&Origin| origin.type_id == TypeId::of::<D>();
        let mut names = shared
            .origins
            .iter()
            .filter(of_type)
            .map(|origin| &origin.driver);
        let first = names.clone().next();
        match names.find(|name| **name == shared.default_name).or(first) {
            Some(name) => Ok(name),
            None => Err(Error::NoDriverOfType {
                type_name: own_name(type_name::<D>()).to_owned(),
                known: shared
                    .drivers
                    .iter()
                    .map(|(known, _)| known.clone())
                    .collect(),
            }),
        }
    }

    pub(crate) fn driver_names(&self) -> Vec<String> {
        let drivers = self.shared.drivers.iter();
        drivers.map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn driver_failure(&self) -> DriverFailure {
        self.shared.driver_failure
    }

    pub(crate) fn put_in_queue(&self, deliveries: Vec<Delivery>) -> Result<(), NotQueued> {
        self.shared.queue.put(deliveries)
    }

    /// What the default driver signs tokens with, if its clients ask for tokens.
    pub(crate) fn tokens(&self) -> Option<&dyn SignToken> {
        self.shared.default_driver.tokens()
    }

    pub(crate) fn authoriser(&self) -> &dyn Authorise {
        self.shared.authoriser.as_ref()
    }

    pub(crate) fn publish_private(&self) -> PublishPrivate {
        self.shared.publish_private
    }
}

/// Names the drivers; everything else is code of the application or secret.
impl fmt::Debug for Broadcaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.shared.drivers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Broadcaster")
            .field("drivers", &names)
            .field("default_driver", &self.shared.default_name)
            .finish_non_exhaustive()
    }
}
