//! Who may subscribe to what: the users hook and the rules of one broadcaster.
//!
//! [`Authoriser`] knows the application's user type; the rest of the crate sees it as
//! [`Authorise`], without.

use http::request::Parts;
use skywave_protocol::ChannelName;

use super::AuthError;
use super::contained::{contained, together};
use crate::driver::BoxFuture;
use crate::pattern::{Pattern, nearest};
use crate::rule::{Unruled, Values};
use crate::user::{BroadcastUser, Member};

/// Finds the user of a request.
pub(crate) type UsersHook<U> = Box<dyn Fn(Parts) -> BoxFuture<'static, Option<U>> + Send + Sync>;

/// What a rule answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    No,
    /// The user may subscribe to this channel without members.
    Yes,
    /// The user may join this presence channel, as this member.
    Member(Member),
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl From<Option<Member>> for Answer {
    fn from(member: Option<Member>) -> Self {
        member.map_or(Self::No, Self::Member)
    }
}

/// Asks a rule about one user and the values of one channel's placeholders.
pub(crate) type RuleFor<U> =
    Box<dyn Fn(&U, &Values<'_>) -> BoxFuture<'static, Result<Answer, AuthError>> + Send + Sync>;

/// The users hook and the rules, for a user type of the application.
pub(crate) struct Authoriser<U> {
    pub(crate) users: UsersHook<U>,
    /// Whether the application gave the hook; without one, it finds nobody.
    pub(crate) has_users: bool,
    /// No two patterns match the same name.
    pub(crate) rules: Vec<(Pattern, RuleFor<U>)>,
    pub(crate) unruled: Unruled,
}

/// Who would hold a token, and the answers for its channels in their order.
pub(crate) struct Holder {
    pub(crate) user_id: Option<String>,
    pub(crate) subscribers: Vec<Result<Option<Member>, AuthError>>,
}

/// An [`Authoriser`] of any user type.
pub(crate) trait Authorise: Send + Sync {
    /// The id of the user who is logged in, if one is.
    fn user_id(&self, request: Parts) -> BoxFuture<'_, Option<String>>;

    /// Whether the request's user may subscribe, and to a presence channel as whom: `Some` exactly
    /// for presence channels.
    fn subscriber<'a>(
        &'a self,
        request: Parts,
        channel: &'a ChannelName,
    ) -> BoxFuture<'a, Result<Option<Member>, AuthError>>;

    /// The same for many channels: the user is found once, the rules are asked side by side, and
    /// the answers are in the order of the channels.
    fn subscribers<'a>(
        &'a self,
        request: Parts,
        channels: &'a [ChannelName],
    ) -> BoxFuture<'a, Vec<Result<Option<Member>, AuthError>>>;

    /// Whether one of the rules, if there are any, is about the channel.
    fn rules_over(&self, channel: &ChannelName) -> bool;

    /// Who the request's user is, if one is logged in, and the same for many channels as it is of
    /// [`subscribers`](Self::subscribers), but public ones are open to everyone.
    fn holder<'a>(&'a self, request: Parts, channels: &'a [ChannelName]) -> BoxFuture<'a, Holder>;

    /// Who the request's user is.
    fn user(&self, request: Parts) -> BoxFuture<'_, Result<Member, AuthError>>;
}

impl<U: BroadcastUser> Authorise for Authoriser<U> {
    fn user_id(&self, request: Parts) -> BoxFuture<'_, Option<String>> {
        Box::pin(async { (self.users)(request).await.map(|user| user.broadcast_id()) })
    }

    fn subscriber<'a>(
        &'a self,
        request: Parts,
        channel: &'a ChannelName,
    ) -> BoxFuture<'a, Result<Option<Member>, AuthError>> {
        Box::pin(async move {
            needing_authorisation(channel)?;
            let user = (self.users)(request).await;
            self.decide(user, channel).await
        })
    }

    fn subscribers<'a>(
        &'a self,
        request: Parts,
        channels: &'a [ChannelName],
    ) -> BoxFuture<'a, Vec<Result<Option<Member>, AuthError>>> {
        Box::pin(async move {
            let user = (self.users)(request).await;
            let decisions = channels.iter().map(|channel| {
                let user = user.clone();
                contained(async move {
                    needing_authorisation(channel)?;
                    self.decide(user, channel).await
                })
            });
            together(decisions).await
        })
    }

    fn rules_over(&self, channel: &ChannelName) -> bool {
        let mut rules = self.rules.iter();
        self.rules.is_empty() || rules.any(|(pattern, _)| pattern.matches(channel).is_some())
    }

    fn holder<'a>(&'a self, request: Parts, channels: &'a [ChannelName]) -> BoxFuture<'a, Holder> {
        Box::pin(async move {
            let user = (self.users)(request).await;
            let decisions = channels.iter().map(|channel| {
                let user = user.clone();
                contained(async move {
                    if channel.kind().needs_authorisation() {
                        self.decide(user, channel).await
                    } else {
                        Ok(None)
                    }
                })
            });
            let subscribers = together(decisions).await;
            let user_id = user.map(|user| user.broadcast_id());
            Holder {
                user_id,
                subscribers,
            }
        })
    }

    fn user(&self, request: Parts) -> BoxFuture<'_, Result<Member, AuthError>> {
        Box::pin(async {
            let user = (self.users)(request).await;
            let user = user.ok_or_else(|| AuthError::denied(self.nobody()))?;
            Ok(Member::of(&user))
        })
    }
}

impl<U: BroadcastUser> Authoriser<U> {
    /// Whether `user` may subscribe to a channel that needs authorisation, and to a presence
    /// channel as whom.
    pub(crate) async fn decide(
        &self,
        user: Option<U>,
        channel: &ChannelName,
    ) -> Result<Option<Member>, AuthError> {
        let matched = self
            .rules
            .iter()
            .find_map(|(pattern, rule)| pattern.matches(channel).map(|v| (pattern, rule, v)));
        let Some((pattern, rule, values)) = matched else {
            return self.unruled(user.as_ref(), channel);
        };
        let user = user.ok_or_else(|| AuthError::denied(self.nobody()))?;
        match rule(&user, &Values::new(pattern, values)).await? {
            Answer::Yes => Ok(None),
            Answer::Member(member) => Ok(Some(member)),
            Answer::No => Err(AuthError::denied(format!(
                "the rule of `{pattern}` says no to user `{}` for channel `{channel}`",
                user.broadcast_id()
            ))),
        }
    }

    fn unruled(
        &self,
        user: Option<&U>,
        channel: &ChannelName,
    ) -> Result<Option<Member>, AuthError> {
        let presence = channel.kind().is_presence();
        match (self.unruled, user) {
            (Unruled::LoggedIn | Unruled::Everyone, Some(user)) => {
                Ok(presence.then(|| Member::of(user)))
            }
            (Unruled::Everyone, None) if !presence => Ok(None),
            (Unruled::Deny, _) => Err(AuthError::denied(self.no_rule(channel))),
            (Unruled::LoggedIn | Unruled::Everyone, None) => {
                let (nobody, no_rule) = (self.nobody(), self.no_rule(channel));
                Err(AuthError::denied(format!("{nobody}; {no_rule}")))
            }
        }
    }

    /// Why there is no user, as far as it can be told.
    fn nobody(&self) -> &'static str {
        if self.has_users {
            "nobody is logged in: the users hook found no user in the request"
        } else {
            "nobody is logged in, and nobody can be: the broadcaster was built without `.users(..)`"
        }
    }

    /// That no pattern matches, with the one that was perhaps meant. Looking for it takes time
    /// that only a developer has.
    fn no_rule(&self, channel: &ChannelName) -> String {
        let no_rule = format!("no rule's pattern matches channel `{channel}`");
        if !cfg!(debug_assertions) {
            return no_rule;
        }
        match nearest(self.rules.iter().map(|(pattern, _)| pattern), channel) {
            Some(pattern) => format!("{no_rule}; the nearest one is `{pattern}`"),
            None => no_rule,
        }
    }
}

fn needing_authorisation(channel: &ChannelName) -> Result<(), AuthError> {
    if channel.kind().needs_authorisation() {
        return Ok(());
    }
    Err(AuthError::denied(format!(
        "`{channel}` is no private or presence channel and needs no authorisation"
    )))
}
