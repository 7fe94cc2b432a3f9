//! Who may listen to a typed channel: [`Authorize`] and [`Join`], what they guarantee, and the
//! builder's methods for them.

use std::future::{self, Future};

use skywave_protocol::ChannelName;

use super::name::{Presence, Private, Public, TypedChannel, to_channel};
use crate::authorize::{Answer, AuthError};
use crate::broadcaster::Broadcaster;
use crate::builder::Builder;
use crate::channel::Channel;
use crate::driver::BoxFuture;
use crate::error::{BoxError, Error, NoRule};
use crate::rule::{Values, Verdict};
use crate::ruling::{Job, Ruling};
use crate::user::{BroadcastUser, Member};

/// Who may listen to the private channels of a type: yes or no.
///
/// Visitors are denied without asking, and so is a name whose parameters cannot be read. An error
/// refuses the one request with a 500.
#[diagnostic::on_unimplemented(
    message = "nothing says who may listen to the private channel `{Self}`",
    label = "this channel type does not implement `Authorize`",
    note = "write `impl Authorize for {Self}`, and register it with the builder's `.channel::<{Self}>()`"
)]
pub trait Authorize: TypedChannel<Kind = Private> {
    /// The application's user type, as the [users hook](crate::Builder::users) gives it.
    type User: BroadcastUser;
    /// What deciding needs, such as a pool of database connections; `()` when it needs nothing.
    type State: Clone + Send + Sync + 'static;

    /// Whether the user may listen to this channel.
    fn authorize(
        &self,
        user: &Self::User,
        state: &Self::State,
    ) -> impl Future<Output = Result<bool, BoxError>> + Send;
}

/// Who someone is to the others in the presence channels of a type, or `None` for those who may not
/// join. Otherwise as [`Authorize`].
#[diagnostic::on_unimplemented(
    message = "nothing says who joins the presence channel `{Self}`",
    label = "this channel type does not implement `Join`",
    note = "write `impl Join for {Self}`, which gives the member, and register it with the builder's `.channel::<{Self}>()`"
)]
pub trait Join: TypedChannel<Kind = Presence> {
    /// As [`Authorize::User`].
    type User: BroadcastUser;
    /// As [`Authorize::State`].
    type State: Clone + Send + Sync + 'static;

    /// Who the user is to the others in this channel.
    fn join(
        &self,
        user: &Self::User,
        state: &Self::State,
    ) -> impl Future<Output = Result<Option<Member>, BoxError>> + Send;
}

/// A typed channel of which it is said who may listen: a public one, or one with [`Authorize`] or
/// [`Join`]. Implemented by itself.
#[diagnostic::on_unimplemented(
    message = "nothing says who may listen to the channel `{Self}`",
    label = "expected a typed channel that is public, or implements `Authorize` or `Join`",
    note = "a private channel type implements `Authorize`, a presence channel type `Join`"
)]
pub trait Ruled: TypedChannel {}

impl<C: TypedChannel> Ruled for C where C::Kind: RuledBy<C> {}

/// What a kind of channels asks of a type to be [`Ruled`].
#[doc(hidden)]
pub trait RuledBy<C> {}

impl<C: TypedChannel<Kind = Public>> RuledBy<C> for Public {}
impl<C: Authorize> RuledBy<C> for Private {}
impl<C: Join> RuledBy<C> for Presence {}

/// The channel of a type that says who may listen to it; others do not compile. It is what
/// `#[broadcast(on = ..)]` writes, for events that implement `CanBroadcast` by hand.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a channel is written where it is needed, and nowhere else"
)]
pub fn ruled<C: Ruled>(channel: C) -> Channel {
    to_channel(&channel)
}

/// A type of channels that says who may listen to users of type `U`, with a state of type `S`: what
/// [`Builder::channel`] registers. Implemented by itself.
#[diagnostic::on_unimplemented(
    message = "nothing says which users of type `{U}` may listen to the channel `{Self}`",
    label = "expected a typed channel that is public, or implements `Authorize` or `Join`",
    note = "a private channel type implements `Authorize`, a presence channel type `Join`",
    note = "its `User` is `{U}`, the type that `.users(..)` gives, and its `State` is `{S}`"
)]
pub trait RuledFor<U, S>: TypedChannel {
    /// Adds the rule to a builder.
    #[doc(hidden)]
    fn register(builder: Builder<U>, state: S) -> Builder<U>;
}

impl<C: TypedChannel, U, S> RuledFor<U, S> for C
where
    C::Kind: Registered<C, U, S>,
{
    fn register(builder: Builder<U>, state: S) -> Builder<U> {
        C::Kind::register(builder, state)
    }
}

/// How the channels of a kind are registered.
#[doc(hidden)]
pub trait Registered<C, U, S> {
    fn register(builder: Builder<U>, state: S) -> Builder<U>;
}

/// Everyone may listen: there is nothing to register.
impl<C: TypedChannel<Kind = Public>, U, S> Registered<C, U, S> for Public {
    fn register(builder: Builder<U>, _: S) -> Builder<U> {
        builder
    }
}

impl<U, S, C> Registered<C, U, S> for Private
where
    U: BroadcastUser,
    S: Clone + Send + Sync + 'static,
    C: Authorize<User = U, State = S>,
{
    fn register(builder: Builder<U>, state: S) -> Builder<U> {
        let rule = move |user: &U, channel: C| {
            let (user, state) = (user.clone(), state.clone());
            let answer = async move { channel.authorize(&user, &state).await.map(Answer::from) };
            Box::pin(answer) as BoxFuture<'static, _>
        };
        builder.with_rule(ruling::<C, U>(Job::Authorize, rule))
    }
}

impl<U, S, C> Registered<C, U, S> for Presence
where
    U: BroadcastUser,
    S: Clone + Send + Sync + 'static,
    C: Join<User = U, State = S>,
{
    fn register(builder: Builder<U>, state: S) -> Builder<U> {
        let rule = move |user: &U, channel: C| {
            let (user, state) = (user.clone(), state.clone());
            let answer = async move { channel.join(&user, &state).await.map(Answer::from) };
            Box::pin(answer) as BoxFuture<'static, _>
        };
        builder.with_rule(ruling::<C, U>(Job::Join, rule))
    }
}

impl Broadcaster {
    /// Checks what is known of those channels that were made of typed ones: their parameters, and
    /// that somebody says who may listen.
    pub(crate) fn check_types(&self, channels: &[Channel]) -> Result<(), Error> {
        for channel in channels {
            let Some(origin) = channel.origin() else {
                continue;
            };
            if let Some(source) = origin.problem.clone() {
                return Err(Error::InvalidParameter { source });
            }
            // A name that is too long is found out by the checks of names.
            let Ok(name) = ChannelName::parse(channel.name()) else {
                continue;
            };
            if name.kind().needs_authorisation() && !self.authoriser().rules_over(&name) {
                return Err(Error::NoRule(NoRule {
                    channel: channel.name().to_owned(),
                    channel_type: origin.channel_type,
                }));
            }
        }
        Ok(())
    }
}

/// Rules for [typed channels](crate::typed).
impl<U: BroadcastUser> Builder<U> {
    /// Registers what a type of channels says about who may listen to them: its [`Authorize`] or
    /// [`Join`]. A public one has nothing to say, and may be registered all the same.
    ///
    /// ```
    /// # #[cfg(feature = "derive")] {
    /// # use skywave::typed::BoxError;
    /// # use skywave::{Broadcaster, Null};
    /// use skywave::{Channel, Join, Member};
    ///
    /// #[derive(Channel)]
    /// #[channel(presence = "lobby")]
    /// struct Lobby;
    ///
    /// impl Join for Lobby {
    ///     type User = String;
    ///     type State = ();
    ///
    ///     async fn join(&self, user: &String, _: &()) -> Result<Option<Member>, BoxError> {
    ///         Ok(Some(Member::new(user)))
    ///     }
    /// }
    ///
    /// let broadcaster = Broadcaster::builder()
    ///     .driver("null", Null)
    ///     .users(|_parts| async { Some("ada".to_owned()) })
    ///     .channel::<Lobby>()
    ///     .build()?;
    /// # }
    /// # Ok::<(), skywave::BuildError>(())
    /// ```
    pub fn channel<C: RuledFor<U, ()>>(self) -> Self {
        C::register(self, ())
    }

    /// [`channel`](Self::channel) for a type whose rule needs a state, such as a pool of database
    /// connections: `.channel_with::<OrderChannel, _>(pool)`.
    pub fn channel_with<C: RuledFor<U, S>, S>(self, state: S) -> Self {
        C::register(self, state)
    }

    /// [`authorize`](Self::authorize) for the private channels of a type, by a closure over the
    /// user and the channel.
    ///
    /// ```
    /// # #[cfg(feature = "derive")] {
    /// # use skywave::{Broadcaster, Channel, Null};
    /// #[derive(Channel)]
    /// #[channel(private = "orders.{order}")]
    /// struct OrderChannel {
    ///     order: u64,
    /// }
    ///
    /// let broadcaster = Broadcaster::builder()
    ///     .driver("null", Null)
    ///     .users(|_parts| async { Some("ada".to_owned()) })
    ///     .authorize_channel(|user: &String, channel: OrderChannel| {
    ///         user == "ada" && channel.order == 7
    ///     })
    ///     .build()?;
    /// # }
    /// # Ok::<(), skywave::BuildError>(())
    /// ```
    pub fn authorize_channel<C, V>(self, rule: impl Fn(&U, C) -> V + Send + Sync + 'static) -> Self
    where
        C: TypedChannel<Kind = Private>,
        V: Verdict<bool>,
    {
        self.with_rule(at_once(Job::Authorize, rule))
    }

    /// [`join`](Self::join) for the presence channels of a type, by a closure over the user and the
    /// channel.
    pub fn join_channel<C, V>(self, rule: impl Fn(&U, C) -> V + Send + Sync + 'static) -> Self
    where
        C: TypedChannel<Kind = Presence>,
        V: Verdict<Option<Member>>,
    {
        self.with_rule(at_once(Job::Join, rule))
    }
}

fn at_once<C, U, T, V>(job: Job, rule: impl Fn(&U, C) -> V + Send + Sync + 'static) -> Ruling<U>
where
    C: TypedChannel,
    V: Verdict<T>,
    Answer: From<T>,
{
    ruling::<C, U>(job, move |user, channel| {
        let answer = rule(user, channel).verdict().map(Answer::from);
        Box::pin(future::ready(answer)) as BoxFuture<'static, _>
    })
}

/// The rule of a typed channel, which reads the channel from the parameters.
fn ruling<C: TypedChannel, U>(
    job: Job,
    rule: impl Fn(&U, C) -> BoxFuture<'static, Result<Answer, BoxError>> + Send + Sync + 'static,
) -> Ruling<U> {
    Ruling::of_type::<C>(
        job,
        Box::new(move |user: &U, values: &Values<'_>| match C::read(values) {
            Ok(channel) => {
                let answer = rule(user, channel);
                Box::pin(async move { answer.await.map_err(AuthError::failed) })
            }
            Err(error) => Box::pin(future::ready(Err(error))),
        }),
    )
}
