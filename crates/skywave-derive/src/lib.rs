//! `#[derive(CanBroadcast)]`: an event type that knows its channels and its name; and
//! `#[derive(Channel)]`: a type whose values are channels.
//!
//! The first reads `#[broadcast(..)]` on the type, checks everything that can be checked before
//! the program runs (spelling, channel names, placeholders against the fields), and writes the two
//! methods of `skywave::CanBroadcast` that a type has to decide: `broadcast_on` and `broadcast_as`,
//! and `broadcast_when` where there is a condition.
//! The payload stays with the trait: the value's own `Serialize`.
//!
//! It promises that the code it writes imports nothing, names only `::skywave` and `::std`, and
//! that a mistake in the attribute is reported at the text that holds it, all mistakes at once.
//! What a placeholder's value contains is known only when the event is sent, so that check is left
//! to `skywave`.
//!
//! ```text
//! lib        the entry points and the attributes' documentation
//! attribute  #[broadcast(..)] → which channels, which name, on what condition
//! template   "orders.{order_id}" → text and placeholders, checked against the alphabet
//! fields     what a struct or the variants of an enum offer to a placeholder
//! expand     the impl block
//! channel    #[derive(Channel)], from #[channel(..)] to the impl blocks
//! spelling   "did you mean ..?"
//! ```

mod attribute;
mod channel;
mod expand;
mod fields;
mod spelling;
mod template;

use proc_macro::TokenStream;

/// Derives `skywave::CanBroadcast`: where an event is broadcast, and under which name.
///
/// ```
/// use serde::Serialize;
/// use skywave::CanBroadcast;
///
/// #[derive(Serialize, CanBroadcast)]
/// #[broadcast(channel = "releases")]
/// struct NewRelease {
///     version: String,
/// }
///
/// #[derive(Serialize, CanBroadcast)]
/// #[broadcast(private = "orders.{order_id}", private = "warehouse", name = "order-shipped")]
/// struct OrderShipped {
///     order_id: u64,
///     carrier: String,
/// }
///
/// let shipped = OrderShipped { order_id: 42, carrier: "DHL".into() };
/// assert_eq!(shipped.broadcast_as(), "order-shipped");
/// # let released = NewRelease { version: "1.0".into() };
/// # assert_eq!(released.broadcast_as(), "NewRelease");
/// ```
///
/// # The attribute
///
/// | key | meaning | how often |
/// |---|---|---|
/// | `channel = ".."` | a channel; a prefix in the name (`private-`, `presence-`) decides its kind | any number |
/// | `private = ".."` | a private channel; `private-` is put in front unless it is there | any number |
/// | `presence = ".."` | a presence channel; `presence-` is put in front unless it is there | any number |
/// | `on = ..` | a typed channel of which it is said who may listen, as an expression that may use `self` | any number |
/// | `name = ".."` | the event's name on the wire; the type's own name when left out | once at most |
/// | `when = ..` | the condition on which it is sent, as an expression that may use `self` | once at most |
///
/// At least one channel is needed. The keys may be spread over several `#[broadcast(..)]`.
///
/// # Placeholders
///
/// `{order_id}` in a channel name stands for the field `order_id` as its `Display` prints it; in a
/// tuple struct, `{0}` is the first field. In an enum, a placeholder stands for a field that every
/// variant has. An unknown field is a compile error. An event's name has no placeholders: browsers
/// bind to it literally.
///
/// # Typed channels
///
/// `on = OrderChannel { order: self.order_id }` names a channel by a type that derives `Channel`.
/// It compiles only when that type is public, or says who may listen to it: a private one with
/// `impl Authorize`, a presence one with `impl Join`.
///
/// # On a condition
///
/// `when = self.left < 10` writes `broadcast_when`: an event that does not fulfil the condition when
/// it is emitted is not sent. The condition ends at a comma that is not within brackets; one that
/// needs such a comma is put in parentheses, or into a method: `when = self.is_low()`.
///
/// # Names
///
/// A channel name is made of ASCII letters, digits and `_ - = @ , . ;` and has at most 200 bytes
/// with its prefix. An event name has 1 to 200 characters and does not begin with `pusher:` or
/// `pusher_internal:`.
///
/// # Generic types
///
/// A type parameter that is part of the payload is `Serialize`, and the type says so:
/// `struct Changed<T: Serialize> { .. }`. That a placeholder's field is `Display`, the impl asks for
/// by itself.
#[proc_macro_derive(CanBroadcast, attributes(broadcast))]
pub fn derive_can_broadcast(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::can_broadcast(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Derives `skywave::TypedChannel`: a type whose values are the channels of one pattern.
///
/// ```
/// use skywave::{Channel, TypedChannel};
///
/// #[derive(Channel)]
/// #[channel(private = "orders.{order}")]
/// struct OrderChannel {
///     order: u64,
/// }
///
/// #[derive(Channel)]
/// #[channel(public = "releases")]
/// struct Releases;
///
/// assert_eq!(OrderChannel::PATTERN, "private-orders.{order}");
/// assert_eq!(OrderChannel { order: 7 }.channel()?, "private-orders.7");
/// assert_eq!(OrderChannel::from_name("private-orders.7")?.order, 7);
/// # assert_eq!(Releases.channel()?, "releases");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The key is `public`, `private` or `presence`; the prefix is put in front by itself. The
/// placeholders are exactly the fields, each once, with a `.` between two of them, so that every
/// name is read back in one way. A field's type has a `Display` and a `FromStr` that understand each
/// other. What `Display` prints must not be empty or contain a `.` or a character that channel names
/// do not have; that is checked when the channel is named.
#[proc_macro_derive(Channel, attributes(channel))]
pub fn derive_channel(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    channel::channel(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
