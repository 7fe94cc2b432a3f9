//! Tokens, signed on the spot: a JWT or a `TokenRequest` (Ably's specification, "Token
//! authentication").

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;

use super::key::ApiKey;
use super::names::AblyNames;
use crate::driver::{DriverError, Grant, Token};
use crate::user::Member;

/// What the authorisation route answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AblyToken {
    /// A JSON Web Token, which the client connects with at once.
    #[default]
    Jwt,
    /// A signed request, which the client exchanges for a token of Ably's. It cannot carry what
    /// the rules say about members.
    Request,
}

/// How tokens are made.
#[derive(Clone, Debug)]
pub(super) struct Mint {
    pub(super) form: AblyToken,
    pub(super) names: AblyNames,
    pub(super) life: Duration,
}

impl Mint {
    /// A token for the grant, made `now`, the time since 1970.
    ///
    /// # Errors
    ///
    /// A user that a token cannot name, or no random bytes.
    pub(super) fn token(
        &self,
        key: &ApiKey,
        grant: &Grant,
        now: Duration,
    ) -> Result<Token, DriverError> {
        check_identity(grant)?;
        let capability = json(&self.capability(grant))?;
        match self.form {
            AblyToken::Jwt => {
                let claims = Claims {
                    iat: now.as_secs(),
                    exp: (now + self.life).as_secs(),
                    client_id: grant.user_id.as_deref(),
                    capability: &capability,
                    members: self.members(grant)?,
                };
                Ok(Token::text(claims.signed(key)?))
            }
            AblyToken::Request => {
                let nonce = super::random_base64::<18>()?;
                let request = TokenRequest {
                    key_name: key.name(),
                    ttl: Some(millis(self.life)),
                    capability: Some(&capability),
                    client_id: grant.user_id.as_deref(),
                    timestamp: millis(now),
                    nonce: &nonce,
                };
                Ok(Token::json(request.signed(key)?))
            }
        }
    }

    /// Whether every token opens the public channels.
    pub(super) fn opens_public_channels(&self) -> bool {
        self.names == AblyNames::Namespaced
    }

    /// What the holder may do, by channels and in the canonical order. It is never empty, since a
    /// token without a capability has all of its key.
    fn capability(&self, grant: &Grant) -> BTreeMap<String, BTreeSet<&'static str>> {
        let granted = grant.channels.iter().map(|(channel, member)| {
            let operations: &[&str] = match member {
                Some(_) => &["presence", "subscribe"],
                None => &["subscribe"],
            };
            let name = self.names.name(channel).into_owned();
            (name, operations.iter().copied().collect())
        });
        let public = self
            .opens_public_channels()
            .then(|| ("public:*".to_owned(), BTreeSet::from(["subscribe"])));
        granted.chain(public).collect()
    }

    /// What the rules let others know about the members: claims that Ably hands on with their
    /// messages and presence.
    fn members(&self, grant: &Grant) -> Result<BTreeMap<String, String>, DriverError> {
        let mut claims = BTreeMap::new();
        for (channel, member) in &grant.channels {
            if let Some(info) = member.as_ref().and_then(Member::shown_info) {
                let claim = format!("ably.channel.{}", self.names.name(channel));
                claims.insert(claim, json(info)?);
            }
        }
        Ok(claims)
    }
}

/// Checks that the holder is one client, the same in all channels.
fn check_identity(grant: &Grant) -> Result<(), DriverError> {
    if let Some(id) = grant.user_id.as_deref() {
        // It would let the holder be everyone.
        if id.is_empty() || id == "*" {
            return Err(DriverError::new(format!(
                "user id `{id}`: expected one that is a client id, not empty and not `*`"
            )));
        }
    }
    for (channel, member) in &grant.channels {
        if let Some(member) = member
            && grant.user_id.as_deref() != Some(member.id())
        {
            return Err(DriverError::new(format!(
                "member `{}` of `{channel}`: expected the user's own id, which is the client id \
                 in all channels",
                member.id()
            )));
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
}

/// The claims of a JWT; times in seconds.
#[derive(Serialize)]
struct Claims<'a> {
    iat: u64,
    exp: u64,
    #[serde(rename = "x-ably-clientId", skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(rename = "x-ably-capability")]
    capability: &'a str,
    #[serde(flatten)]
    members: BTreeMap<String, String>,
}

impl Claims<'_> {
    /// RFC 7515 §3.1, with HMAC-SHA256.
    fn signed(&self, key: &ApiKey) -> Result<String, DriverError> {
        let header = Header {
            typ: "JWT",
            alg: "HS256",
            kid: key.name(),
        };
        let mut token = URL_SAFE_NO_PAD.encode(json(&header)?);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(json(self)?, &mut token);
        let signature = key.sign(&token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

/// A request for a token; times in milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest<'a> {
    key_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capability: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    timestamp: u64,
    nonce: &'a str,
}

/// The same with its signature.
#[derive(Serialize)]
struct Signed<'a> {
    #[serde(flatten)]
    request: &'a TokenRequest<'a>,
    mac: String,
}

impl TokenRequest<'_> {
    fn signed(&self, key: &ApiKey) -> Result<String, DriverError> {
        let ttl = self.ttl.map(|ttl| ttl.to_string()).unwrap_or_default();
        let text = format!(
            "{}\n{ttl}\n{}\n{}\n{}\n{}\n",
            self.key_name,
            self.capability.unwrap_or_default(),
            self.client_id.unwrap_or_default(),
            self.timestamp,
            self.nonce
        );
        json(&Signed {
            request: self,
            mac: STANDARD.encode(key.sign(&text)),
        })
    }
}

fn json(value: &impl Serialize) -> Result<String, DriverError> {
    serde_json::to_string(value)
        .map_err(|error| DriverError::new("the token cannot be written").caused_by(error))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use skywave_protocol::{ChannelName, Secret};

    use super::*;

    fn key() -> ApiKey {
        ApiKey::parse(&Secret::new("aBcDeF.GhIjKl:0123456789abcdefSecret")).unwrap()
    }

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../tests/ably-vectors.json")).unwrap()
    }

    #[test]
    fn a_jwt_is_that_of_the_vectors() {
        let vector = &vectors()["jwt"];
        let text = |name: &str| vector["payload"][name].as_str().unwrap();
        let claims = Claims {
            iat: 1_700_000_000,
            exp: 1_700_003_600,
            client_id: Some(text("x-ably-clientId")),
            capability: text("x-ably-capability"),
            members: BTreeMap::new(),
        };
        assert_eq!(claims.signed(&key()).unwrap(), vector["token"]);
    }

    #[test]
    fn token_requests_are_signed_as_in_the_vectors() {
        let vectors = vectors();
        let vectors = vectors["tokenRequests"].as_array().unwrap();
        assert_eq!(vectors.len(), 4);
        for vector in vectors {
            let expected = &vector["tokenRequest"];
            let request = TokenRequest {
                key_name: expected["keyName"].as_str().unwrap(),
                ttl: expected["ttl"].as_u64(),
                capability: expected["capability"].as_str(),
                client_id: expected["clientId"].as_str(),
                timestamp: expected["timestamp"].as_u64().unwrap(),
                nonce: expected["nonce"].as_str().unwrap(),
            };
            let signed: Value = serde_json::from_str(&request.signed(&key()).unwrap()).unwrap();
            assert_eq!(&signed, expected);
        }
    }

    fn mint(names: AblyNames) -> Mint {
        Mint {
            form: AblyToken::Jwt,
            names,
            life: Duration::from_secs(60),
        }
    }

    fn grant(user_id: Option<&str>, channels: &[(&str, Option<Member>)]) -> Grant {
        let channels = channels.iter().map(|(name, member)| {
            let name = ChannelName::parse(name).unwrap();
            (name, member.clone())
        });
        Grant {
            user_id: user_id.map(str::to_owned),
            channels: channels.collect(),
        }
    }

    fn claims(token: &Token) -> Value {
        let claims = token.content().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    }

    #[test]
    fn a_token_may_do_what_was_granted_and_no_more() {
        let grant = grant(
            Some("7"),
            &[
                ("private-a", None),
                ("news", None),
                (
                    "presence-room",
                    Some(Member::new(7).info(json!({ "name": "Ada" }))),
                ),
                ("presence-b", Some(Member::new(7))),
            ],
        );
        for (names, capability, claim) in [
            (
                AblyNames::Verbatim,
                r#"{"news":["subscribe"],"presence-b":["presence","subscribe"],"presence-room":["presence","subscribe"],"private-a":["subscribe"]}"#,
                "ably.channel.presence-room",
            ),
            (
                AblyNames::Namespaced,
                r#"{"presence:b":["presence","subscribe"],"presence:room":["presence","subscribe"],"private:a":["subscribe"],"public:*":["subscribe"],"public:news":["subscribe"]}"#,
                "ably.channel.presence:room",
            ),
        ] {
            let now = Duration::from_millis(1_700_000_000_999);
            let token = mint(names).token(&key(), &grant, now).unwrap();
            assert_eq!(
                claims(&token),
                json!({
                    "iat": 1_700_000_000,
                    "exp": 1_700_000_060,
                    "x-ably-clientId": "7",
                    "x-ably-capability": capability,
                    claim: r#"{"name":"Ada"}"#,
                })
            );
        }
    }

    #[test]
    fn a_visitor_is_nobody() {
        let token = mint(AblyNames::Verbatim)
            .token(&key(), &grant(None, &[("news", None)]), Duration::ZERO)
            .unwrap();
        assert_eq!(claims(&token).get("x-ably-clientId"), None);
    }

    #[test]
    fn nobody_gets_a_token_to_be_everyone_or_somebody_else() {
        for (grant, expected) in [
            (grant(Some("*"), &[("a", None)]), "user id `*`: expected"),
            (grant(Some(""), &[("a", None)]), "user id ``: expected"),
            (
                grant(Some("7"), &[("presence-a", Some(Member::new(8)))]),
                "member `8` of `presence-a`: expected the user's own id",
            ),
            (
                grant(None, &[("presence-a", Some(Member::new(8)))]),
                "member `8` of `presence-a`: expected the user's own id",
            ),
        ] {
            let refused = mint(AblyNames::Verbatim).token(&key(), &grant, Duration::ZERO);
            let error = refused.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
