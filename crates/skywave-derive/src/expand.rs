//! The impl block that the derive writes.
//!
//! ```text
//! impl ::skywave::CanBroadcast for OrderShipped {
//!     fn broadcast_on(&self) -> impl ::skywave::IntoChannels {
//!         ::skywave::Channel::private(match self {
//!             Self { order_id: field_0, .. } => ::std::format!("orders.{}", field_0),
//!         })
//!     }
//!     fn broadcast_as(&self) -> ::std::borrow::Cow<'static, str> {
//!         ::std::borrow::Cow::Borrowed("OrderShipped")
//!     }
//! }
//! ```

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{DeriveInput, Member, WherePredicate, parse_quote};

use crate::attribute::{Broadcast, On};
use crate::fields::{Variant, Variants};
use crate::template::{Kind, Part, Template};

/// Writes `impl CanBroadcast` for a type.
///
/// # Errors
///
/// When the attribute or its placeholders are wrong; see [`Broadcast::of`] and [`Variants::check`].
pub(crate) fn can_broadcast(input: &DeriveInput) -> syn::Result<TokenStream> {
    let variants = Variants::of(input)?;
    let broadcast = Broadcast::of(input)?;
    check_placeholders(&broadcast, &variants)?;

    let ident = &input.ident;
    let channels: Vec<_> = broadcast
        .channels
        .iter()
        .map(|on| match on {
            On::Name(template) => channel(template, &variants),
            On::Typed(channel) => quote!(::skywave::typed::ruled(#channel)),
        })
        .collect();
    let channels = match channels.as_slice() {
        [only] => quote!(#only),
        several => quote!([#(#several),*]),
    };
    let name = match &broadcast.name {
        Some(name) => name.value(),
        None => ident.unraw().to_string(),
    };

    let when = broadcast.when.as_ref().map(|condition| {
        quote! {
            fn broadcast_when(&self) -> bool {
                #condition
            }
        }
    });

    let mut generics = input.generics.clone();
    generics
        .make_where_clause()
        .predicates
        .extend(bounds(input, &broadcast, &variants));
    let (parameters, arguments, bounds) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::skywave::CanBroadcast for #ident #arguments #bounds {
            fn broadcast_on(&self) -> impl ::skywave::IntoChannels {
                #channels
            }

            fn broadcast_as(&self) -> ::std::borrow::Cow<'static, str> {
                ::std::borrow::Cow::Borrowed(#name)
            }

            #when
        }
    })
}

fn check_placeholders(broadcast: &Broadcast, variants: &Variants) -> syn::Result<()> {
    let mut errors: Option<syn::Error> = None;
    for template in broadcast.templates() {
        for placeholder in template.placeholders() {
            let Err(message) = variants.check(placeholder) else {
                continue;
            };
            let error = syn::Error::new(template.literal.span(), message);
            match &mut errors {
                Some(errors) => errors.combine(error),
                none => *none = Some(error),
            }
        }
    }
    errors.map_or(Ok(()), Err)
}

/// An expression of type `Channel`.
fn channel(template: &Template, variants: &Variants) -> TokenStream {
    let constructor = match template.kind {
        Kind::AsWritten => quote!(::skywave::Channel::new),
        Kind::Private => quote!(::skywave::Channel::private),
        Kind::Presence => quote!(::skywave::Channel::presence),
    };
    let name = if template.placeholders().next().is_none() {
        template.literal.to_token_stream()
    } else {
        let arms = variants.iter().map(|variant| arm(template, variant));
        quote!(match self { #(#arms)* })
    };
    quote!(#constructor(#name))
}

/// `Self::Shipped { order_id: field_0, .. } => ::std::format!("orders.{}", field_0),`
fn arm(template: &Template, variant: &Variant) -> TokenStream {
    let mut format = String::new();
    let mut fields: Vec<(&Member, Ident)> = Vec::new();
    let mut printed = Vec::new();
    for part in &template.parts {
        match part {
            Part::Text(text) => format.push_str(text),
            Part::Placeholder(name) => {
                let Some(field) = variant.field(name) else {
                    continue;
                }; // checked before
                let known = fields
                    .iter()
                    .position(|(member, _)| **member == field.member);
                let position = known.unwrap_or(fields.len());
                if known.is_none() {
                    fields.push((&field.member, binding(template, position)));
                }
                format.push_str("{}");
                printed.push(fields[position].1.clone());
            }
        }
    }
    let (members, bindings): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    let path = &variant.path;
    quote! {
        #path { #(#members: #bindings,)* .. } => ::std::format!(#format #(, #printed)*),
    }
}

/// A variable that no field can shadow, and at whose place in the attribute the compiler says
/// that a field has no `Display`.
fn binding(template: &Template, position: usize) -> Ident {
    let span = Span::mixed_site().located_at(template.literal.span());
    format_ident!("field_{position}", span = span)
}

/// What a generic type has to ask of its parameters beyond what it says itself: `Display` of the
/// fields that a channel name prints. A type without parameters needs no bounds: what it lacks is
/// reported where it is used.
fn bounds(input: &DeriveInput, broadcast: &Broadcast, variants: &Variants) -> Vec<WherePredicate> {
    let parameters: Vec<&Ident> = input
        .generics
        .type_params()
        .map(|param| &param.ident)
        .collect();
    let mut bounds = Vec::new();
    for template in broadcast.templates() {
        for field in template.placeholders().flat_map(|name| {
            variants
                .iter()
                .filter_map(move |variant| variant.field(name))
        }) {
            let ty = &field.ty;
            if mentions(ty.to_token_stream(), &parameters) {
                let span = template.literal.span();
                let bound = quote_spanned!(span=> #ty: ::std::fmt::Display);
                bounds.push(parse_quote!(#bound));
            }
        }
    }
    bounds
}

fn mentions(tokens: TokenStream, names: &[&Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => names.contains(&&ident),
        TokenTree::Group(group) => mentions(group.stream(), names),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
