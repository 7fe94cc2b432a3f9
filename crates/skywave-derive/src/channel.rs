//! `#[derive(Channel)]`: a type whose fields are the parameters of a channel's name.
//!
//! A name has to be read back into the fields, so the rules are stricter than for an event's
//! channels: every field is a placeholder, each once, with at most one between two dots.
//!
//! ```text
//! impl ::skywave::TypedChannel for OrderChannel {
//!     type Kind = ::skywave::typed::Private;
//!     const PATTERN: &'static str = "private-orders.{order}";
//!     fn parameters(&self) -> ::std::vec::Vec<::std::string::String> { .. }
//!     fn read(values: &::skywave::typed::Values<'_>) -> ::std::result::Result<Self, ..> { .. }
//! }
//! impl ::skywave::IntoChannels for OrderChannel { .. }
//! impl ::skywave::IntoChannels for &OrderChannel { .. }
//! ```

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Fields, LitStr, Meta, Token, Type};

use crate::spelling;
use crate::template::{Kind, Part, Template};

/// Writes `impl TypedChannel` and `impl IntoChannels` for a type.
///
/// # Errors
///
/// When the type cannot be a channel, the attribute is wrong, or its placeholders are not exactly
/// the fields.
pub(crate) fn channel(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = fields(input)?;
    let Pattern { access, template } = pattern(input)?;
    check_segments(&template)?;
    let placeholders: Vec<&str> = template.placeholders().collect();
    check_fields(&template, &placeholders, &fields, &input.ident)?;

    let ident = &input.ident;
    let text = template.full_name();
    let ordered = placeholders.iter().filter_map(|name| {
        fields.iter().find(|field| field.ident.unraw() == *name) // each was found before
    });
    let (mut texts, mut values) = (Vec::new(), Vec::new());
    for (at, Field { ident, ty }) in ordered.enumerate() {
        let span = Span::call_site().located_at(ty.span());
        texts.push(quote_spanned!(span=> ::std::string::ToString::to_string(&self.#ident)));
        values.push(quote_spanned!(span=> #ident: values.read::<#ty>(#at)?));
    }
    Ok(quote! {
        #[automatically_derived]
        impl ::skywave::TypedChannel for #ident {
            type Kind = ::skywave::typed::#access;
            const PATTERN: &'static str = #text;

            fn parameters(&self) -> ::std::vec::Vec<::std::string::String> {
                ::std::vec![#(#texts),*]
            }

            fn read(
                values: &::skywave::typed::Values<'_>,
            ) -> ::std::result::Result<Self, ::skywave::AuthError> {
                let _ = values;
                ::std::result::Result::Ok(Self { #(#values),* })
            }
        }

        #[automatically_derived]
        impl ::skywave::IntoChannels for #ident {
            fn into_channels(self) -> ::std::vec::Vec<::skywave::Channel> {
                ::std::vec![::skywave::typed::to_channel(&self)]
            }
        }

        #[automatically_derived]
        impl ::skywave::IntoChannels for &#ident {
            fn into_channels(self) -> ::std::vec::Vec<::skywave::Channel> {
                ::std::vec![::skywave::typed::to_channel(self)]
            }
        }
    })
}

struct Field<'a> {
    ident: &'a Ident,
    ty: &'a Type,
}

fn fields(input: &DeriveInput) -> syn::Result<Vec<Field<'_>>> {
    if let Some(parameter) = input.generics.params.first() {
        let message =
            "a channel type has no generic parameters: it stands for one pattern of names";
        return Err(syn::Error::new_spanned(parameter, message));
    }
    let expected = "expected a struct with named fields, or without fields";
    let Data::Struct(data) = &input.data else {
        let message = format!("a channel type stands for one pattern of names; {expected}");
        return Err(syn::Error::new(input.ident.span(), message));
    };
    match &data.fields {
        Fields::Unit => Ok(Vec::new()),
        Fields::Named(fields) => Ok(fields
            .named
            .iter()
            .filter_map(|field| {
                let (ident, ty) = (field.ident.as_ref()?, &field.ty);
                Some(Field { ident, ty })
            })
            .collect()),
        Fields::Unnamed(fields) => {
            let message = format!("the fields of a channel type are its placeholders; {expected}");
            Err(syn::Error::new_spanned(fields, message))
        }
    }
}

/// What `#[channel(..)]` says.
struct Pattern {
    /// `Public`, `Private` or `Presence`.
    access: Ident,
    template: Template,
}

impl Parse for Pattern {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input
            .call(Ident::parse_any)
            .map_err(|error| syn::Error::new(error.span(), EXPECTED))?;
        let (kind, access) = match key.unraw().to_string().as_str() {
            "public" => (Kind::AsWritten, "Public"),
            "private" => (Kind::Private, "Private"),
            "presence" => (Kind::Presence, "Presence"),
            other => return Err(unknown_key(&key, other)),
        };
        input
            .parse::<Token![=]>()
            .map_err(|error| syn::Error::new(error.span(), EXPECTED))?;
        let literal = input
            .parse::<LitStr>()
            .map_err(|error| syn::Error::new(error.span(), EXPECTED))?;
        if !input.is_empty() {
            let message = "a channel type has one pattern, so there is nothing to say after it";
            return Err(input.error(message));
        }
        if kind == Kind::AsWritten {
            refuse_prefix(&literal)?;
        }
        let access = Ident::new(access, Span::mixed_site().located_at(key.span()));
        let template = Template::parse(kind, literal)?;
        Ok(Self { access, template })
    }
}

fn pattern(input: &DeriveInput) -> syn::Result<Pattern> {
    let mut attributes = input
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("channel"));
    let Some(attribute) = attributes.next() else {
        let name = input.ident.unraw();
        let message = format!("`{name}` does not say which channels it stands for\n{EXPECTED}");
        return Err(syn::Error::new(input.ident.span(), message));
    };
    if let Some(second) = attributes.next() {
        let message = "a channel type has one pattern, but this is a second `#[channel(..)]`";
        return Err(syn::Error::new_spanned(second, message));
    }
    if !matches!(attribute.meta, Meta::List(_)) {
        return Err(syn::Error::new_spanned(attribute, EXPECTED));
    }
    attribute.parse_args()
}

fn unknown_key(key: &Ident, name: &str) -> syn::Error {
    let meant = match name {
        "channel" => Some("public"),
        other => spelling::nearest(other, ["public", "private", "presence"]),
    };
    let guess = meant.map(|meant| format!("; did you mean `{meant}`?"));
    let guess = guess.unwrap_or_default();
    let message = format!(
        "unknown key `{name}` in `#[channel(..)]`{guess}\nthe keys are `public`, `private` and \
         `presence`"
    );
    syn::Error::new(key.span(), message)
}

fn refuse_prefix(literal: &LitStr) -> syn::Result<()> {
    let value = literal.value();
    for key in ["private", "presence"] {
        if value.starts_with(&format!("{key}-")) {
            let message = format!(
                "`public = \"{value}\"` contradicts itself: the prefix makes it a {key} channel\n\
                 expected `{key} = \"{value}\"`"
            );
            return Err(syn::Error::new(literal.span(), message));
        }
    }
    Ok(())
}

/// Checks that a name can be read back in one way only.
fn check_segments(template: &Template) -> syn::Result<()> {
    let mut taken = false;
    for part in &template.parts {
        match part {
            Part::Text(text) => taken &= !text.contains('.'),
            Part::Placeholder(_) if taken => {
                let message = format!(
                    "`{}` has two placeholders without a `.` between them, so names of it cannot \
                     be read back",
                    template.literal.value()
                );
                return Err(syn::Error::new(template.literal.span(), message));
            }
            Part::Placeholder(_) => taken = true,
        }
    }
    Ok(())
}

/// Checks that the placeholders are the fields, each once.
fn check_fields(
    template: &Template,
    placeholders: &[&str],
    fields: &[Field<'_>],
    ident: &Ident,
) -> syn::Result<()> {
    let names: Vec<_> = fields
        .iter()
        .map(|field| field.ident.unraw().to_string())
        .collect();
    let names = names.iter().map(String::as_str);
    let mistake = |message| Err(syn::Error::new(template.literal.span(), message));
    for (at, name) in placeholders.iter().enumerate() {
        if placeholders[..at].contains(name) {
            return mistake(format!(
                "`{{{name}}}` appears twice; expected each field once"
            ));
        }
        if !name.is_ascii() {
            return mistake(format!(
                "`{{{name}}}` is no placeholder of a channel type; expected an ASCII name"
            ));
        }
        if !names.clone().any(|field| field == *name) {
            let guess = spelling::nearest(name, names.clone());
            let guess = guess.map(|name| format!("; did you mean `{{{name}}}`?"));
            let guess = guess.unwrap_or_default();
            let ident = ident.unraw();
            return mistake(format!("`{ident}` has no field `{name}`{guess}"));
        }
    }
    match fields
        .iter()
        .find(|field| !placeholders.iter().any(|name| field.ident.unraw() == *name))
    {
        None => Ok(()),
        Some(field) => {
            let name = field.ident.unraw();
            let message = format!(
                "field `{name}` is not in the pattern, so it cannot be read back from a channel's \
                 name\nexpected `{{{name}}}` in `{}`",
                template.literal.value()
            );
            Err(syn::Error::new(field.ident.span(), message))
        }
    }
}

const EXPECTED: &str =
    "expected `#[channel(private = \"orders.{order}\")]`, or `public` or `presence` in its place";
