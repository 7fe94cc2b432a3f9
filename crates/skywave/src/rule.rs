//! Rules: what an application says about who may subscribe to what.
//!
//! A rule is a closure: the user first, then one parameter per placeholder of its pattern, each of
//! a type that can be read from text. It says yes or no ([`authorize`](crate::Builder::authorize)),
//! or who the user is to the others ([`join`](crate::Builder::join)); it may fail. [`Unruled`]
//! covers private channels that no pattern matches, [`PublishPrivate`] the other direction: who may
//! send.

use std::any::type_name;
use std::future::Future;
use std::str::FromStr;

use crate::authorize::AuthError;
use crate::error::BoxError;
use crate::pattern::Pattern;

/// Who may subscribe to a channel that needs authorisation and that no rule's pattern matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unruled {
    /// Everyone who is logged in.
    #[default]
    LoggedIn,
    /// Everyone, visitors too; only presence channels need a user, as a member has an id. It is
    /// the literal rule of the newest document, and building a broadcaster with it logs a warning.
    Everyone,
    /// Nobody: every channel needs a rule.
    Deny,
}

/// Who may send to channels that need authorisation.
///
/// It guards against sending on behalf of nobody. Who may *read* is decided by rules alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublishPrivate {
    /// Logged-in users and the system. For a visitor the channel is skipped and reported.
    #[default]
    LoggedIn,
    /// Visitors, too.
    Anyone,
}

/// What a rule may return: its answer, or a `Result` of it when finding the answer can fail.
///
/// A failed rule refuses the one request with a 500 and signs nothing.
pub trait Verdict<T> {
    /// The answer, or what kept the rule from finding it.
    #[doc(hidden)]
    fn verdict(self) -> Result<T, BoxError>;
}

impl<T> Verdict<T> for T {
    fn verdict(self) -> Result<T, BoxError> {
        Ok(self)
    }
}

impl<T, E: Into<BoxError>> Verdict<T> for Result<T, E> {
    fn verdict(self) -> Result<T, BoxError> {
        self.map_err(Into::into)
    }
}

/// A rule that answers at once: a closure over `&User` and up to four parameters.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a rule for users of type `{U}`",
    label = "expected a closure like `|user: &{U}, id: u64| ..`",
    note = "the first parameter is `&{U}`, the type that `.users(..)` gives; write its type out",
    note = "one parameter per placeholder follows, each of a type that implements `FromStr`; at most four",
    note = "it returns `{T}`, or a `Result` of it; a rule that has to wait goes to `authorize_async` or `join_async`"
)]
pub trait Rule<U, Parameters, T>: Send + Sync + 'static {
    /// How many parameters the closure takes after the user.
    #[doc(hidden)]
    const PARAMETERS: usize;

    /// Reads the parameters and asks the closure.
    #[doc(hidden)]
    fn ask(&self, user: &U, values: &Values<'_>) -> Result<T, AuthError>;
}

/// A rule that has to wait for its answer: a closure over a `User` of its own and up to four
/// parameters that returns a future.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an asynchronous rule for users of type `{U}`",
    label = "expected a closure like `|user: {U}, id: u64| async move {{ .. }}`",
    note = "the first parameter is `{U}`, the type that `.users(..)` gives; write its type out",
    note = "one parameter per placeholder follows, each of a type that implements `FromStr`; at most four",
    note = "its future gives `{T}`, or a `Result` of it"
)]
pub trait AsyncRule<U, Parameters, T>: Send + Sync + 'static {
    /// How many parameters the closure takes after the user.
    #[doc(hidden)]
    const PARAMETERS: usize;

    /// Reads the parameters and asks the closure.
    #[doc(hidden)]
    fn ask(
        &self,
        user: U,
        values: &Values<'_>,
    ) -> Result<impl Future<Output = Result<T, AuthError>> + Send + 'static, AuthError>;
}

/// What a pattern's placeholders stand for in one channel's name.
#[doc(hidden)]
#[derive(Debug)]
pub struct Values<'a> {
    pattern: &'a Pattern,
    values: Vec<&'a str>,
}

impl<'a> Values<'a> {
    pub(crate) fn new(pattern: &'a Pattern, values: Vec<&'a str>) -> Self {
        Self { pattern, values }
    }

    /// The value of one placeholder as a parameter.
    ///
    /// # Errors
    ///
    /// A denial when it cannot be read.
    pub fn read<P: FromStr>(&self, at: usize) -> Result<P, AuthError> {
        let value = self.values.get(at).copied().unwrap_or_default();
        value.parse().map_err(|_| {
            let name = self.pattern.placeholders().nth(at).unwrap_or_default();
            let kind = type_name::<P>().rsplit("::").next().unwrap_or_default();
            AuthError::denied(format!(
                "`{value}` cannot be `{{{name}}}` of `{}`: expected a {kind}",
                self.pattern
            ))
        })
    }
}

macro_rules! rules {
    ($count:literal: $($parameter:ident at $at:literal),*) => {
        impl<F, U, V, T, $($parameter),*> Rule<U, ($($parameter,)*), T> for F
        where
            F: Fn(&U, $($parameter),*) -> V + Send + Sync + 'static,
            V: Verdict<T>,
            $($parameter: FromStr,)*
        {
            const PARAMETERS: usize = $count;

            fn ask(&self, user: &U, _values: &Values<'_>) -> Result<T, AuthError> {
                self(user, $(_values.read::<$parameter>($at)?),*).verdict().map_err(AuthError::failed)
            }
        }

        impl<F, U, A, V, T, $($parameter),*> AsyncRule<U, ($($parameter,)*), T> for F
        where
            F: Fn(U, $($parameter),*) -> A + Send + Sync + 'static,
            A: Future<Output = V> + Send + 'static,
            V: Verdict<T>,
            T: 'static,
            $($parameter: FromStr,)*
        {
            const PARAMETERS: usize = $count;

            fn ask(
                &self,
                user: U,
                _values: &Values<'_>,
            ) -> Result<impl Future<Output = Result<T, AuthError>> + Send + 'static, AuthError> {
                let answer = self(user, $(_values.read::<$parameter>($at)?),*);
                Ok(async move { answer.await.verdict().map_err(AuthError::failed) })
            }
        }
    };
}

rules!(0:);
rules!(1: P1 at 0);
rules!(2: P1 at 0, P2 at 1);
rules!(3: P1 at 0, P2 at 1, P3 at 2);
rules!(4: P1 at 0, P2 at 1, P3 at 2, P4 at 3);
