//! A driver of a broadcaster, for handlers that authorise by themselves: [`DriverHandle`].

use skywave_protocol as protocol;

use super::{Driver, DriverError, unlocked};
use crate::authorize::{AuthError, AuthReply, ChannelRequest, UserRequest};
use crate::broadcaster::Broadcaster;
use crate::user::Member;

/// One driver of a [`Broadcaster`](crate::Broadcaster), for an authorisation handler of your own:
/// it signs what you have allowed, without asking any rule.
///
/// ```
/// use axum::extract::State;
/// use skywave::{AuthError, AuthReply, AuthRequest, Broadcaster, Member};
/// # struct User { id: u64, admin: bool }
///
/// // Behind `.route("/pusher/user-auth", post(authorize))`.
/// async fn authorize(
///     State(broadcaster): State<Broadcaster>,
///     user: User, // an extractor of the application
///     ask: AuthRequest,
/// ) -> Result<AuthReply, AuthError> {
///     let driver = broadcaster.driver("embedded");
///     match ask {
///         AuthRequest::User(ask) => driver.authenticate(&ask, &Member::new(user.id)),
///         AuthRequest::Channel(ask) if ask.channel() == "private-admins" && !user.admin => {
///             Err(AuthError::denied("only admins may listen"))
///         }
///         AuthRequest::Channel(ask) => driver.authorize(&ask),
///     }
/// }
/// # impl<S: Sync> axum::extract::FromRequestParts<S> for User {
/// #     type Rejection = ();
/// #     async fn from_request_parts(_: &mut http::request::Parts, _: &S) -> Result<Self, ()> { Err(()) }
/// # }
/// # axum::Router::<Broadcaster>::new().route("/", axum::routing::post(authorize));
/// ```
#[derive(Clone, Debug)]
pub struct DriverHandle {
    broadcaster: Broadcaster,
    /// The driver's name; `None` is the default driver.
    name: Option<String>,
}

impl DriverHandle {
    pub(crate) fn new(broadcaster: Broadcaster, name: Option<String>) -> Self {
        Self { broadcaster, name }
    }

    /// Signs a subscription to a private channel, with the channel's key if it is an encrypted one.
    ///
    /// # Errors
    ///
    /// [`AuthError::Denied`] for a channel that needs no signature; [`AuthError::Failed`] for a
    /// presence channel, whose subscribers need a [member](Self::authorize_member), for an encrypted
    /// channel on a driver without a master key, for an unknown driver, and when the driver fails.
    pub fn authorize(&self, ask: &ChannelRequest) -> Result<AuthReply, AuthError> {
        if ask.kind().is_presence() {
            return Err(AuthError::failed(format!(
                "`{}` is a presence channel: sign it with `authorize_member`, which says who joins",
                ask.channel()
            )));
        }
        self.sign(ask, None)
    }

    /// Signs a subscription to a presence channel as `member`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Failed`] for a channel without members, a member with an empty id or more of
    /// anything than the driver takes, an unknown driver, and when the driver fails.
    pub fn authorize_member(
        &self,
        ask: &ChannelRequest,
        member: &Member,
    ) -> Result<AuthReply, AuthError> {
        if !ask.kind().is_presence() {
            return Err(AuthError::failed(format!(
                "`{}` is not a presence channel: sign it with `authorize`",
                ask.channel()
            )));
        }
        let channel_data = member.channel_data().map_err(AuthError::failed)?;
        self.sign(ask, Some(&channel_data))
    }

    /// Signs that the connection is this user, for `signin`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Failed`] for a user with an empty id or more of anything than the driver takes,
    /// an unknown driver, and when the driver fails.
    pub fn authenticate(&self, ask: &UserRequest, user: &Member) -> Result<AuthReply, AuthError> {
        let user_data = user.user_data().map_err(AuthError::failed)?;
        self.signed(|driver| {
            protocol::Member::parse_user(&user_data, &driver.limits()).map_err(refused)?;
            driver.authenticate(ask.socket_id(), &user_data)
        })
    }

    fn sign(
        &self,
        ask: &ChannelRequest,
        channel_data: Option<&str>,
    ) -> Result<AuthReply, AuthError> {
        if !ask.kind().needs_authorisation() {
            return Err(AuthError::denied(format!(
                "`{}` is no private or presence channel and needs no authorisation",
                ask.channel()
            )));
        }
        self.signed(|driver| {
            if let Some(channel_data) = channel_data {
                protocol::Member::parse(channel_data, &driver.limits()).map_err(refused)?;
            }
            let reply = driver.authorize(ask.socket_id(), ask.channel_name(), channel_data)?;
            unlocked(driver, ask.channel_name(), reply)
        })
    }

    fn signed(
        &self,
        sign: impl FnOnce(&dyn Driver) -> Result<AuthReply, DriverError>,
    ) -> Result<AuthReply, AuthError> {
        let (name, driver) = self
            .broadcaster
            .chosen(self.name.as_deref())
            .map_err(AuthError::failed)?;
        sign(driver.as_ref()).map_err(|source| {
            AuthError::failed(
                DriverError::new(format!("driver `{name}` did not sign")).caused_by(source),
            )
        })
    }
}

/// What the server would refuse when the client subscribes is better told here.
fn refused(rejection: protocol::Rejection) -> DriverError {
    DriverError::new("its server would not take the member").caused_by(rejection)
}
