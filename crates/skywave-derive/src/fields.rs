//! What a type offers to a placeholder: the fields of a struct, or of each variant of an enum.
//!
//! A struct is treated as an enum with one variant, so that the rest of the crate knows one shape.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::{Data, DataEnum, DeriveInput, Fields, Member, Type};

use crate::spelling;

/// The variants of an enum, or the one "variant" that a struct is.
pub(crate) struct Variants {
    type_name: String,
    is_enum: bool,
    variants: Vec<Variant>,
}

/// One way in which a value of the type can look.
pub(crate) struct Variant {
    /// `Self`, or `Self::Shipped`.
    pub(crate) path: TokenStream,
    /// The variant's own name; empty for a struct.
    name: String,
    fields: Vec<Field>,
}

/// A field as a placeholder sees it.
pub(crate) struct Field {
    /// As it is written between braces: `order_id` (also for `r#order_id`), or `0`.
    name: String,
    pub(crate) member: Member,
    pub(crate) ty: Type,
}

impl Variants {
    /// Reads the fields.
    ///
    /// # Errors
    ///
    /// For a union, and for `#[broadcast(..)]` on a field or variant, where it would do nothing.
    pub(crate) fn of(input: &DeriveInput) -> syn::Result<Self> {
        let variants = match &input.data {
            Data::Struct(data) => vec![Variant::new(quote!(Self), String::new(), &data.fields)?],
            Data::Enum(data) => of_enum(data)?,
            Data::Union(data) => {
                let message = "a union cannot be broadcast: which of its fields holds a value is \
                               not known; expected a struct or an enum";
                return Err(syn::Error::new(data.union_token.span, message));
            }
        };
        Ok(Self {
            type_name: input.ident.unraw().to_string(),
            is_enum: matches!(input.data, Data::Enum(_)),
            variants,
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter()
    }

    /// Checks that every variant has the field that a placeholder names.
    ///
    /// # Errors
    ///
    /// A message that names the type, the placeholder, the fields there are, and the nearest one.
    pub(crate) fn check(&self, placeholder: &str) -> Result<(), String> {
        if self.variants.is_empty() {
            let name = &self.type_name;
            return Err(format!(
                "`{name}` has no variants, so nothing can fill `{{{placeholder}}}`"
            ));
        }
        match self
            .variants
            .iter()
            .find(|variant| variant.field(placeholder).is_none())
        {
            None => Ok(()),
            Some(variant) => Err(self.missing(variant, placeholder)),
        }
    }

    fn missing(&self, variant: &Variant, placeholder: &str) -> String {
        let owner = if self.is_enum {
            format!("variant `{}` of `{}`", variant.name, self.type_name)
        } else {
            format!("`{}`", self.type_name)
        };
        let mut message = if variant.fields.is_empty() {
            format!("{owner} has no fields, so nothing can fill `{{{placeholder}}}`")
        } else {
            let nearest = spelling::nearest(placeholder, variant.names());
            let guess = nearest.map(|name| format!("; did you mean `{{{name}}}`?"));
            let fields = spelling::list(variant.names());
            let verb = if variant.fields.len() == 1 {
                "field is"
            } else {
                "fields are"
            };
            let guess = guess.unwrap_or_default();
            format!("{owner} has no field `{placeholder}`{guess}\nits {verb} {fields}")
        };
        if self.is_enum {
            message
                .push_str("\nin an enum, a placeholder stands for a field that every variant has");
        }
        message
    }
}

impl Variant {
    fn new(path: TokenStream, name: String, fields: &Fields) -> syn::Result<Self> {
        for field in fields {
            refuse_attribute(&field.attrs, "a field")?;
        }
        let fields = fields
            .members()
            .zip(fields)
            .map(|(member, field)| Field {
                name: match &member {
                    Member::Named(ident) => ident.unraw().to_string(),
                    Member::Unnamed(index) => index.index.to_string(),
                },
                member,
                ty: field.ty.clone(),
            })
            .collect();
        Ok(Self { path, name, fields })
    }

    /// The field that `{name}` stands for.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }
}

fn of_enum(data: &DataEnum) -> syn::Result<Vec<Variant>> {
    data.variants
        .iter()
        .map(|variant| {
            refuse_attribute(&variant.attrs, "a variant")?;
            let ident = &variant.ident;
            Variant::new(
                quote!(Self::#ident),
                ident.unraw().to_string(),
                &variant.fields,
            )
        })
        .collect()
}

fn refuse_attribute(attributes: &[syn::Attribute], place: &str) -> syn::Result<()> {
    match attributes
        .iter()
        .find(|attribute| attribute.path().is_ident("broadcast"))
    {
        None => Ok(()),
        Some(attribute) => {
            let message = format!("`#[broadcast(..)]` belongs on the type, not on {place}");
            Err(syn::Error::new_spanned(attribute, message))
        }
    }
}
