//! `#[broadcast(..)]`: which channels, which name, on what condition.
//!
//! Every mistake in the attribute is collected before any is reported, so that one compile shows
//! them all.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, DeriveInput, Ident, LitStr, Meta, Token};

use crate::spelling;
use crate::template::{Kind, Template};

/// What the attributes of one type say.
pub(crate) struct Broadcast {
    /// One or more; no two names are the same.
    pub(crate) channels: Vec<On>,
    /// The event's name, when it is not the type's own.
    pub(crate) name: Option<LitStr>,
    /// The condition on which it is sent, an expression.
    pub(crate) when: Option<TokenStream>,
}

/// Where an event goes.
pub(crate) enum On {
    /// A name.
    Name(Template),
    /// An expression of a typed channel.
    Typed(TokenStream),
}

impl Broadcast {
    /// The channels that are given by name.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.channels.iter().filter_map(|on| match on {
            On::Name(template) => Some(template),
            On::Typed(_) => None,
        })
    }

    /// Reads all `#[broadcast(..)]` of a type.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them, each at its own place.
    pub(crate) fn of(input: &DeriveInput) -> syn::Result<Self> {
        let mut broadcast = Self {
            channels: Vec::new(),
            name: None,
            when: None,
        };
        let mut mistakes = Mistakes::default();
        let mut may_have_channel = false;
        for attribute in &input.attrs {
            if !attribute.path().is_ident("broadcast") {
                continue;
            }
            let Some(entries) = mistakes.note(entries(attribute)) else {
                may_have_channel = true; // what could not be read may have been a channel
                continue;
            };
            for entry in entries {
                may_have_channel |= entry.key != "name" && entry.key != "when";
                mistakes.note(broadcast.take(entry));
            }
        }
        if !may_have_channel {
            mistakes.note::<()>(Err(no_channel(&input.ident)));
        }
        mistakes.none().map(|()| broadcast)
    }

    fn take(&mut self, entry: Entry) -> syn::Result<()> {
        let value = match entry.value {
            Value::Text(text) => text,
            Value::Expression(condition) if entry.key == "when" => {
                return self.take_condition(&entry.key, condition);
            }
            Value::Expression(channel) => {
                self.channels.push(On::Typed(channel));
                return Ok(());
            }
        };
        let kind = match entry.key.unraw().to_string().as_str() {
            "channel" => Kind::AsWritten,
            "private" => Kind::Private,
            "presence" => Kind::Presence,
            "name" => return self.take_name(&entry.key, value),
            "on" => return Err(name_for_type(&value)),
            "when" => return Err(text_for_condition(&value)),
            other => return Err(unknown_key(&entry.key, other)),
        };
        let template = Template::parse(kind, value)?;
        let full_name = template.full_name();
        if self.templates().any(|other| other.full_name() == full_name) {
            let message = format!("channel `{full_name}` is given twice");
            return Err(syn::Error::new(template.literal.span(), message));
        }
        self.channels.push(On::Name(template));
        Ok(())
    }

    fn take_name(&mut self, key: &Ident, name: LitStr) -> syn::Result<()> {
        if self.name.is_some() {
            let message = "`name` is given twice, but an event has one name";
            return Err(syn::Error::new(key.span(), message));
        }
        check_event_name(&name.value()).map_err(|message| syn::Error::new(name.span(), message))?;
        self.name = Some(name);
        Ok(())
    }

    fn take_condition(&mut self, key: &Ident, condition: TokenStream) -> syn::Result<()> {
        if self.when.is_some() {
            let message = "`when` is given twice; join the conditions with `&&`";
            return Err(syn::Error::new(key.span(), message));
        }
        self.when = Some(condition);
        Ok(())
    }
}

/// `key = "value"`, or `on = expression` and `when = expression`.
struct Entry {
    key: Ident,
    value: Value,
}

enum Value {
    Text(LitStr),
    Expression(TokenStream),
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error(format!(
                "expected `key = \"..\"`, where the key is one of {KEYS}"
            )));
        }
        let key = input.call(Ident::parse_any)?;
        let example = match key.unraw().to_string().as_str() {
            "on" => Some("OrderChannel { order: self.id }"),
            "when" => Some("self.left < 10"),
            _ => None,
        };
        let expected = match example {
            Some(example) => format!("expected `{key} = {example}`"),
            None => format!("expected `{key} = \"..\"`"),
        };
        if input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new(
                key.span(),
                format!("`{key}` has no value; {expected}"),
            ));
        }
        input
            .parse::<Token![=]>()
            .map_err(|error| syn::Error::new(error.span(), &expected))?;
        if example.is_some() && !input.peek(LitStr) {
            let value = expression(input)?;
            if value.is_empty() {
                let message = format!("`{key}` has no value; {expected}");
                return Err(syn::Error::new(key.span(), message));
            }
            let value = Value::Expression(value);
            return Ok(Self { key, value });
        }
        let value = input.parse::<LitStr>().map_err(|error| {
            let message =
                format!("{expected} with a string literal, which is checked as it compiles");
            syn::Error::new(error.span(), message)
        })?;
        let value = Value::Text(value);
        Ok(Self { key, value })
    }
}

/// Everything up to the next comma that is not within brackets.
fn expression(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut expression = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        expression.extend([input.parse::<TokenTree>()?]);
    }
    Ok(expression)
}

/// Errors found so far.
#[derive(Default)]
struct Mistakes(Option<syn::Error>);

impl Mistakes {
    fn note<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
        None
    }

    fn none(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

fn entries(attribute: &Attribute) -> syn::Result<Punctuated<Entry, Token![,]>> {
    if !matches!(attribute.meta, Meta::List(_)) {
        let message = "expected `#[broadcast(channel = \"..\")]`, with the keys in parentheses";
        return Err(syn::Error::new_spanned(attribute, message));
    }
    attribute.parse_args_with(Punctuated::parse_terminated)
}

fn no_channel(ident: &Ident) -> syn::Error {
    let name = ident.unraw();
    let message = format!(
        "`{name}` does not say where it is broadcast\nadd `#[broadcast(channel = \"..\")]`, or \
         `private = \"..\"` or `presence = \"..\"` for a channel of that kind"
    );
    syn::Error::new(ident.span(), message)
}

fn unknown_key(key: &Ident, name: &str) -> syn::Error {
    let known = ["channel", "private", "presence", "on", "name", "when"];
    let meant = match name {
        "public" => Some("channel"),
        "event" | "as" | "rename" => Some("name"),
        "if" | "condition" => Some("when"),
        other => spelling::nearest(other, known),
    };
    let guess = meant
        .map(|meant| format!("; did you mean `{meant}`?"))
        .unwrap_or_default();
    let message = format!("unknown key `{name}` in `#[broadcast(..)]`{guess}\nthe keys are {KEYS}");
    syn::Error::new(key.span(), message)
}

fn name_for_type(name: &LitStr) -> syn::Error {
    let message = format!(
        "`on` takes a typed channel, such as `on = OrderChannel {{ order: self.id }}`\nexpected \
         `channel = \"{}\"` for a channel by name",
        name.value()
    );
    syn::Error::new(name.span(), message)
}

fn text_for_condition(text: &LitStr) -> syn::Error {
    let message = format!(
        "`when` takes a condition, such as `when = self.left < 10`\nexpected `when = {}`, without \
         the quotes",
        text.value()
    );
    syn::Error::new(text.span(), message)
}

fn check_event_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("an event name cannot be empty; leave `name` out to use the type's own".into());
    }
    for reserved in ["pusher:", "pusher_internal:"] {
        if name.starts_with(reserved) {
            return Err(format!(
                "event names that begin with `{reserved}` belong to the protocol itself; expected \
                 another name than `{name}`"
            ));
        }
    }
    let length = name.chars().count();
    if length > MAX_EVENT_NAME {
        return Err(format!(
            "this event name has {length} characters; expected at most {MAX_EVENT_NAME}"
        ));
    }
    if name.contains(['{', '}']) {
        return Err(format!(
            "an event name has no placeholders, but `{name}` contains a brace\nbrowsers bind to the \
             name literally: put what varies into the channel name or into the payload"
        ));
    }
    Ok(())
}

const KEYS: &str = "`channel`, `private`, `presence`, `on`, `name` and `when`";

/// Characters in an event name: what the official Pusher libraries check.
const MAX_EVENT_NAME: usize = 200;

#[cfg(test)]
mod tests {
    use skywave_protocol::EventName;

    use super::*;

    #[test]
    fn event_names_are_the_protocols() {
        let longest = "é".repeat(MAX_EVENT_NAME);
        let too_long = "é".repeat(MAX_EVENT_NAME + 1);
        for name in [
            "",
            "NewRelease",
            "App\\Events\\Foo",
            "client-typing",
            "pusher:subscribe",
            "pusher_internal:member_added",
            "pusher",
            longest.as_str(),
            too_long.as_str(),
        ] {
            assert_eq!(
                check_event_name(name).is_ok(),
                EventName::parse(name).is_ok(),
                "{name:?}"
            );
        }
    }
}
