//! Typed channels and their names: [`TypedChannel`].

use std::any::type_name;
use std::error::Error as StdError;
use std::fmt;

use skywave_protocol::ChannelName;

use crate::authorize::AuthError;
use crate::channel::Channel;
use crate::event::own_name;
use crate::pattern::Pattern;
use crate::rule::Values;

/// A type whose values are the channels of one pattern; derived with `#[derive(Channel)]`.
///
/// ```
/// # #[cfg(feature = "derive")] {
/// use skywave::{Channel, TypedChannel};
///
/// #[derive(Channel, Debug, PartialEq)]
/// #[channel(private = "shops.{shop}.orders.{order}")]
/// struct OrderChannel {
///     shop: String,
///     order: u64,
/// }
///
/// let channel = OrderChannel { shop: "north".into(), order: 7 };
/// assert_eq!(channel.channel()?, "private-shops.north.orders.7");
/// assert_eq!(OrderChannel::from_name("private-shops.north.orders.7")?, channel);
///
/// // A dot in a parameter would name another channel.
/// let channel = OrderChannel { shop: "north.orders.8".into(), order: 7 };
/// assert!(channel.channel().is_err());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A value is a channel wherever one is named: `broadcast.to(OrderChannel { .. })`. The parameters
/// are checked when something is sent, as names are; here, too, when [`channel`](Self::channel) is
/// asked.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a typed channel",
    label = "this type does not implement `TypedChannel`",
    note = "add `#[derive(skywave::Channel)]` and `#[channel(private = \"..\")]`"
)]
pub trait TypedChannel: Sized + Send + Sync + 'static {
    /// [`Public`], [`Private`] or [`Presence`].
    type Kind: Kind;

    /// The pattern of the names: the full name with `{placeholders}`.
    const PATTERN: &'static str;

    /// The texts of the parameters, in the order of the placeholders.
    #[doc(hidden)]
    fn parameters(&self) -> Vec<String>;

    /// The channel with these parameters.
    #[doc(hidden)]
    fn read(values: &Values<'_>) -> Result<Self, AuthError>;

    /// The channel.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`] when a parameter's text is empty or has a character that separates
    /// parameters or is none of a channel name's.
    fn channel(&self) -> Result<Channel, InvalidParameter> {
        written(self).1.map_or_else(|| Ok(to_channel(self)), Err)
    }

    /// The value whose channel has this name.
    ///
    /// # Errors
    ///
    /// [`OtherChannel`] when the name does not match the pattern, or a parameter cannot be read.
    fn from_name(name: &str) -> Result<Self, OtherChannel> {
        let other = |reason: String| OtherChannel {
            name: name.to_owned(),
            reason,
        };
        let pattern = Pattern::parse(Self::PATTERN).map_err(other)?;
        let parsed = ChannelName::parse(name).map_err(|problem| other(problem.to_string()))?;
        let values = pattern.matches(&parsed);
        let values = values.ok_or_else(|| other(format!("expected `{pattern}`")))?;
        Self::read(&Values::new(&pattern, values)).map_err(|error| match error {
            AuthError::Denied { reason } => other(reason),
            error => other(error.to_string()),
        })
    }
}

/// Whether the channels of a type are public, private or presence channels.
pub trait Kind: sealed::Sealed {}

/// The [`Kind`] of channels that everyone may listen to.
#[derive(Debug)]
pub enum Public {}

/// The [`Kind`] of channels that need a yes.
#[derive(Debug)]
pub enum Private {}

/// The [`Kind`] of channels that need a member.
#[derive(Debug)]
pub enum Presence {}

impl Kind for Public {}
impl Kind for Private {}
impl Kind for Presence {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Public {}
    impl Sealed for super::Private {}
    impl Sealed for super::Presence {}
}

/// What a [`Channel`] knows of the typed channel that it was made of.
#[derive(Clone)]
pub(crate) struct Origin {
    /// The type's own name.
    pub(crate) channel_type: &'static str,
    pub(crate) problem: Option<InvalidParameter>,
}

/// A parameter of a typed channel whose text cannot be part of a channel's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidParameter {
    pattern: &'static str,
    parameter: &'static str,
    value: String,
}

impl fmt::Display for InvalidParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pattern,
            parameter,
            value,
        } = self;
        write!(
            f,
            "`{value}` cannot be `{{{parameter}}}` of `{pattern}`: expected one or more ASCII \
             letters, digits and `_ - = @ , ;`"
        )
    }
}

impl StdError for InvalidParameter {}

/// A name that is not one of a typed channel's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherChannel {
    name: String,
    reason: String,
}

impl fmt::Display for OtherChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "channel `{}`: {}", self.name, self.reason)
    }
}

impl StdError for OtherChannel {}

/// The channel with what is wrong about it, to be told when something is sent.
#[doc(hidden)]
pub fn to_channel<C: TypedChannel>(channel: &C) -> Channel {
    let (name, problem) = written(channel);
    let channel_type = own_name(type_name::<C>());
    Channel::of_type(
        name,
        Origin {
            channel_type,
            problem,
        },
    )
}

/// The name, and the first parameter that has no place in it.
fn written<C: TypedChannel>(channel: &C) -> (String, Option<InvalidParameter>) {
    let mut name = String::new();
    let mut problem = None;
    let mut rest = C::PATTERN;
    for value in channel.parameters() {
        let (before, placeholder) = rest.split_once('{').unwrap_or((rest, ""));
        let (parameter, after) = placeholder.split_once('}').unwrap_or_default();
        name.push_str(before);
        name.push_str(&value);
        rest = after;
        if problem.is_none() && !is_parameter(&value) {
            problem = Some(InvalidParameter {
                pattern: C::PATTERN,
                parameter,
                value,
            });
        }
    }
    name.push_str(rest);
    (name, problem)
}

/// What a placeholder stands for: characters of the alphabet except the dot, which separates.
fn is_parameter(value: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-=@,;".contains(&byte);
    !value.is_empty() && value.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_the_protocols_without_the_dot() {
        for character in (0..=0x17f_u32).filter_map(char::from_u32) {
            assert_eq!(
                is_parameter(&character.to_string()),
                character != '.' && ChannelName::parse(&format!("x{character}")).is_ok(),
                "{character:?}"
            );
        }
    }
}
