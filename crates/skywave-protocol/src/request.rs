//! Signatures of requests to the HTTP API. Channels HTTP API, "Generating authentication
//! signatures".
//!
//! The signed text is `METHOD\nPATH\nk1=v1&k2=v2`: all parameters but the signature, names in lower
//! case and sorted, values not escaped. Libraries differ in how they escape what they send, so
//! verification first decodes values as percent-encoded, leaving `+` and malformed escapes as they
//! are, and then as form-encoded; it takes the path as received, and then percent-decoded. What was
//! signed is what is used: parameters are read from a [`VerifiedRequest`], which decodes them in the
//! way in which the signature was right.
//!
//! A list is a parameter whose name ends in `[]`, and may be repeated: all of its values are signed,
//! in the order sent and under the name without the brackets, and all are used. No other name may
//! occur twice.

use std::borrow::Cow;

use md5::{Digest, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{Credentials, Excerpt, Rejection, UnixTime, hex};

/// A request to the HTTP API, taken apart but not verified.
///
/// Its [`auth_key`](Self::auth_key) finds the app, whose credentials then verify the request:
/// [at once](Credentials::verify_request), or [before its body is read](Credentials::verify_head).
#[derive(Clone, Debug)]
pub struct SignedRequest<'a> {
    method: &'a str,
    path: &'a str,
    auth_key: Cow<'a, str>,
    /// In the order of their names, without brackets.
    parameters: Vec<Parameter<'a>>,
}

/// A request whose signature is right, and whose body is still to be [verified](Self::verify_body).
#[derive(Clone, Copy, Debug)]
pub struct VerifiedRequest<'r, 'a> {
    request: &'r SignedRequest<'a>,
    /// The way of decoding values in which the signature was right.
    encoding: Encoding,
}

impl<'a> SignedRequest<'a> {
    /// Takes a request apart: its method, and its path and query as on the request line.
    ///
    /// # Errors
    ///
    /// [`Rejection::MethodNotAllowed`] if the method is not capital letters,
    /// [`Rejection::DuplicateParameter`] if two parameters have the same name or differ only in
    /// case or brackets, so that what is verified cannot be another one than what is used (the values
    /// of one list `name[]` are no duplicates), and
    /// [`Rejection::MissingAuthKey`] or [`Rejection::UnknownAuthKey`] if there is no key or it is
    /// not text.
    pub fn parse(method: &'a str, path_and_query: &'a str) -> Result<Self, Rejection> {
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(Rejection::MethodNotAllowed);
        }
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        // Without an early exit, so that the compiler looks at many bytes at once.
        let is_plain = !query
            .bytes()
            .fold(false, |any, byte| any | (byte == b'%') | (byte == b'+'));
        let mut parameters = Vec::with_capacity(PARAMETERS);
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        parameters.extend(pairs.map(|pair| Parameter::parse(pair, is_plain)));
        // Stable, as the values of a list stay in the order sent.
        parameters.sort_by(|a, b| bare(&a.name).cmp(bare(&b.name)));
        if let Some(twins) = parameters
            .windows(2)
            .find(|pair| pair[0].excludes(&pair[1]))
        {
            let name = String::from_utf8_lossy(&twins[1].name);
            return Err(Rejection::DuplicateParameter {
                name: name.as_ref().into(),
            });
        }
        let auth_key = match value(&parameters, "auth_key") {
            None => return Err(Rejection::MissingAuthKey),
            Some(key) if key.is_empty() => return Err(Rejection::MissingAuthKey),
            Some(key) => text(key).ok_or(Rejection::UnknownAuthKey)?,
        };
        Ok(Self {
            method,
            path,
            auth_key,
            parameters,
        })
    }

    /// The key of the app that is said to have signed the request.
    #[must_use]
    pub fn auth_key(&self) -> &str {
        &self.auth_key
    }

    /// The path as received, without the query.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    pub(crate) fn verify(
        &self,
        credentials: &Credentials,
        now_seconds: u64,
    ) -> Result<VerifiedRequest<'_, 'a>, Rejection> {
        if self.auth_key != credentials.key() {
            return Err(Rejection::UnknownAuthKey);
        }
        match self.value("auth_version").as_deref() {
            None | Some(b"") => return Err(Rejection::VersionRequired),
            Some(b"1.0") => {}
            Some(_) => return Err(Rejection::VersionNotSupported),
        }
        let (given, now) = (self.timestamp()?, UnixTime(now_seconds));
        if given.0.abs_diff(now.0) >= TIMESTAMP_WINDOW_SECONDS {
            return Err(Rejection::TimestampExpired { given, now });
        }
        self.verify_signature(credentials)
    }

    fn timestamp(&self) -> Result<UnixTime, Rejection> {
        let value = self
            .value("auth_timestamp")
            .ok_or(Rejection::TimestampRequired)?;
        // `u64::from_str` would take a sign.
        str::from_utf8(&value)
            .ok()
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .map(UnixTime)
            .ok_or(Rejection::TimestampRequired)
    }

    fn verify_signature(
        &self,
        credentials: &Credentials,
    ) -> Result<VerifiedRequest<'_, 'a>, Rejection> {
        let given = self.value("auth_signature").unwrap_or_default();
        let is_right = |path: &[u8], encoding| {
            credentials.is_digest(&given, &self.signed_text(path, encoding))
        };
        let encodings = [Encoding::Percent, Encoding::Form];
        let as_received = encodings
            .into_iter()
            .find(|&encoding| is_right(self.path.as_bytes(), encoding));
        let encoding = as_received.or_else(|| {
            let decoded: Cow<'_, [u8]> = percent_decode_str(self.path).into();
            encodings
                .into_iter()
                .find(|&encoding| is_right(&decoded, encoding))
        });
        if let Some(encoding) = encoding {
            return Ok(VerifiedRequest {
                request: self,
                encoding,
            });
        }
        let signed = self.signed_text(self.path.as_bytes(), Encoding::Percent);
        Err(Rejection::InvalidRequestSignature {
            signed: Excerpt::of_signed(&String::from_utf8_lossy(&signed)),
            given: String::from_utf8_lossy(&given).as_ref().into(),
        })
    }

    fn signed_text(&self, path: &[u8], encoding: Encoding) -> Vec<u8> {
        let parameters = self
            .parameters
            .iter()
            .filter(|parameter| *parameter.name != *b"auth_signature")
            .map(|parameter| (&*parameter.name, parameter.value(encoding)));
        signed_text(self.method, path, parameters)
    }

    fn value(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        value(&self.parameters, name)
    }
}

impl<'a> VerifiedRequest<'_, 'a> {
    /// A parameter; what is not UTF-8 in it is replaced.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let value = self.value(name)?;
        Some(String::from_utf8_lossy(&value).into_owned())
    }

    /// Verifies the body, which is the other half of the request.
    ///
    /// A GET may carry the MD5 of its empty body: the Python library sends it.
    ///
    /// # Errors
    ///
    /// [`Rejection::MissingBodyMd5`], [`Rejection::InvalidBodyMd5`].
    pub fn verify_body(&self, body: &[u8]) -> Result<(), Rejection> {
        let Some(given) = self.request.value("body_md5") else {
            return match body.is_empty() {
                true => Ok(()),
                false => Err(Rejection::MissingBodyMd5),
            };
        };
        let md5: [u8; 16] = Md5::digest(body).into();
        if hex::decode(&given) == Some(md5) {
            Ok(())
        } else {
            Err(Rejection::InvalidBodyMd5)
        }
    }

    /// A parameter's bytes.
    pub(crate) fn value(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let mut named = self.named(name.as_bytes());
        Some(named.next()?.value(self.encoding))
    }

    /// Whether there is nothing in it but its signature.
    pub(crate) fn is_bare(&self) -> bool {
        let signs = |name: &[u8]| name.starts_with(b"auth_") || name == b"body_md5";
        self.request.parameters.iter().all(|p| signs(&p.name))
    }

    /// The values of a list, `name[]`, in the order sent; none if it was not sent.
    pub(crate) fn list(&self, name: &str) -> Vec<Cow<'a, [u8]>> {
        self.named(format!("{name}[]").as_bytes())
            .map(|parameter| parameter.value(self.encoding))
            .collect()
    }

    fn named(&self, name: &[u8]) -> impl Iterator<Item = &Parameter<'a>> {
        let parameters = self.request.parameters.iter();
        parameters.filter(move |parameter| *parameter.name == *name)
    }
}

#[derive(Clone, Debug)]
struct Parameter<'a> {
    /// As sent, decoded.
    spelling: Cow<'a, [u8]>,
    /// In lower case.
    name: Cow<'a, [u8]>,
    raw_value: &'a str,
    /// Nothing in the query is encoded in any way.
    is_plain: bool,
}

impl<'a> Parameter<'a> {
    fn parse(pair: &'a str, is_plain: bool) -> Self {
        let (name, raw_value) = pair.split_once('=').unwrap_or((pair, ""));
        let spelling: Cow<'a, [u8]> = match is_plain {
            true => name.as_bytes().into(),
            false => percent_decode_str(name).into(),
        };
        let name = match &spelling {
            Cow::Borrowed(lower) if !lower.iter().any(u8::is_ascii_uppercase) => (*lower).into(),
            mixed => mixed.to_ascii_lowercase().into(),
        };
        Self {
            spelling,
            name,
            raw_value,
            is_plain,
        }
    }

    /// Whether the two may not be in one request: they have one name and are not of one list.
    fn excludes(&self, other: &Self) -> bool {
        let of_one_list = self.name.ends_with(LIST) && self.spelling == other.spelling;
        bare(&self.name) == bare(&other.name) && !of_one_list
    }

    fn value(&self, encoding: Encoding) -> Cow<'a, [u8]> {
        if self.is_plain {
            return self.raw_value.as_bytes().into();
        }
        match encoding {
            Encoding::Form if self.raw_value.contains('+') => {
                percent_decode_str(&self.raw_value.replace('+', " "))
                    .collect::<Vec<u8>>()
                    .into()
            }
            Encoding::Percent | Encoding::Form => percent_decode_str(self.raw_value).into(),
        }
    }
}

/// How values are decoded.
#[derive(Clone, Copy, Debug)]
enum Encoding {
    /// `%2C` is a comma.
    Percent,
    /// Also, `+` is a space.
    Form,
}

/// The query of a request signed with `credentials`.
pub(crate) fn sign(
    credentials: &Credentials,
    method: &str,
    path: &str,
    params: &[(&str, &str)],
    body: &[u8],
    now_seconds: u64,
) -> String {
    let mut parameters: Vec<(String, Cow<'_, str>)> = vec![
        ("auth_key".into(), credentials.key().into()),
        ("auth_timestamp".into(), now_seconds.to_string().into()),
        ("auth_version".into(), "1.0".into()),
    ];
    if !body.is_empty() {
        parameters.push(("body_md5".into(), hex::encode(&Md5::digest(body)).into()));
    }
    parameters.extend(
        params
            .iter()
            .map(|&(name, value)| (name.to_ascii_lowercase(), value.into())),
    );
    parameters.sort_by(|(a, _), (b, _)| bare(a.as_bytes()).cmp(bare(b.as_bytes())));

    let text = signed_text(
        method,
        path.as_bytes(),
        parameters
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
    );
    let mut query = String::new();
    for (name, value) in &parameters {
        query.extend(utf8_percent_encode(name, ESCAPED));
        query.push('=');
        query.extend(utf8_percent_encode(value, ESCAPED));
        query.push('&');
    }
    query.push_str("auth_signature=");
    query.push_str(&credentials.digest(&text));
    query
}

fn signed_text<'a, V: AsRef<[u8]>>(
    method: &str,
    path: &[u8],
    parameters: impl Iterator<Item = (&'a [u8], V)>,
) -> Vec<u8> {
    let mut text = Vec::with_capacity(SIGNED_BYTES);
    for part in [method.as_bytes(), b"\n", path, b"\n"] {
        text.extend_from_slice(part);
    }
    for (index, (name, value)) in parameters.enumerate() {
        if index > 0 {
            text.push(b'&');
        }
        text.extend_from_slice(name);
        text.push(b'=');
        text.extend_from_slice(value.as_ref());
    }
    text
}

/// A parameter's name without the brackets of a list.
fn bare(name: &[u8]) -> &[u8] {
    name.strip_suffix(LIST).unwrap_or(name)
}

fn value<'a>(parameters: &[Parameter<'a>], name: &str) -> Option<Cow<'a, [u8]>> {
    let found = parameters
        .iter()
        .find(|parameter| *parameter.name == *name.as_bytes())?;
    Some(found.value(Encoding::Percent))
}

/// Most requests have as many parameters, or fewer.
const PARAMETERS: usize = 8;

/// Most signed texts fit, so that they are allocated once.
const SIGNED_BYTES: usize = 256;

/// What a parameter says, unless it is not UTF-8.
pub(crate) fn text(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match bytes {
        Cow::Borrowed(bytes) => str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// The end of the name of a list.
const LIST: &[u8] = b"[]";

/// A request is refused when the clocks differ by as much as this.
const TIMESTAMP_WINDOW_SECONDS: u64 = 600;

/// All but the unreserved characters of RFC 3986 §2.3.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
