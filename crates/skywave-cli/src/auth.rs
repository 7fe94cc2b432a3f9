//! `skywave auth`: sign or verify by hand, to find out why somebody else's signature is refused.

use std::fs;
use std::io::{self, Read, Write};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;
use skywave_protocol::{Credentials, SignedRequest, SocketId};

use crate::client::{self, name, now_seconds};
use crate::failure::Failure;

/// `skywave auth`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
    /// Print a JSON object.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    app: client::Options,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The right of a connection to subscribe to a channel.
    Channel {
        /// Socket id of the connection, such as 1234.5678.
        socket_id: SocketId,
        /// Whole name of the channel.
        channel: String,
        /// Data of the member, for presence channels: `{"user_id": .., "user_info": ..}`.
        channel_data: Option<String>,
        /// Verify this `auth` instead of signing.
        #[arg(long, value_name = "AUTH")]
        verify: Option<String>,
    },
    /// The identity of a connection (signin).
    User {
        /// Socket id of the connection, such as 1234.5678.
        socket_id: SocketId,
        /// Data of the user: `{"id": ..}`.
        user_data: String,
        /// Verify this `auth` instead of signing.
        #[arg(long, value_name = "AUTH")]
        verify: Option<String>,
    },
    /// A request to the HTTP API.
    Request {
        /// Its method, such as POST.
        method: String,
        /// Its path, and its query if there is one: /apps/1/events. To be signed, the query is not
        /// escaped yet; to be verified, it is as it was received, signature included.
        path: String,
        /// File with its body; `-` reads standard input.
        #[arg(long, value_name = "FILE")]
        body: Option<String>,
        /// Verify the request instead of signing it.
        #[arg(long)]
        verify: bool,
        /// The time to sign or to verify at, in seconds since 1970 [default: now].
        #[arg(long, value_name = "SECONDS")]
        at: Option<u64>,
    },
    /// A webhook.
    Webhook {
        /// File with its body; `-` reads standard input.
        #[arg(default_value = "-")]
        body: String,
        /// Verify this `X-Pusher-Signature` instead of signing.
        #[arg(long, value_name = "SIGNATURE")]
        verify: Option<String>,
    },
}

/// What came out of it.
enum Outcome {
    /// A signature: what it is called where it is sent, and itself.
    Signed(&'static str, String),
    /// Whether a signature is right, or why not.
    Verified(Result<(), String>),
}

/// Signs or verifies.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (_, credentials) = options.app.credentials()?;
    let mut out = io::stdout().lock();
    match outcome(&options.what, &credentials)? {
        Outcome::Signed(name, signature) if options.json => {
            writeln!(out, "{}", json!({ name: signature }))?;
        }
        Outcome::Signed(_, signature) => writeln!(out, "{signature}")?,
        Outcome::Verified(verdict) => {
            let problem = verdict.as_ref().err();
            if options.json {
                writeln!(
                    out,
                    "{}",
                    json!({ "valid": problem.is_none(), "problem": problem })
                )?;
            } else {
                writeln!(out, "{}", problem.map_or("valid", String::as_str))?;
            }
            if problem.is_some() {
                return Err(Failure::Told);
            }
        }
    }
    Ok(())
}

fn outcome(what: &What, credentials: &Credentials) -> Result<Outcome, Failure> {
    Ok(match what {
        What::Channel {
            socket_id,
            channel,
            channel_data,
            verify,
        } => {
            let (socket_id, channel) = (*socket_id, name(channel)?);
            let data = channel_data.as_deref();
            match verify {
                Some(auth) => Outcome::Verified(
                    credentials
                        .verify_channel(auth, socket_id, &channel, data)
                        .map_err(|rejection| rejection.to_string()),
                ),
                None => {
                    Outcome::Signed("auth", credentials.sign_channel(socket_id, &channel, data))
                }
            }
        }
        What::User {
            socket_id,
            user_data,
            verify,
        } => match verify {
            Some(auth) => Outcome::Verified(
                credentials
                    .verify_user(auth, *socket_id, user_data)
                    .map_err(|rejection| rejection.to_string()),
            ),
            None => Outcome::Signed("auth", credentials.sign_user(*socket_id, user_data)),
        },
        What::Request {
            method,
            path,
            body,
            verify,
            at,
        } => {
            let body = body.as_deref().map(read).transpose()?.unwrap_or_default();
            let now = at.unwrap_or_else(now_seconds);
            if *verify {
                Outcome::Verified(verified(credentials, method, path, &body, now))
            } else {
                let (path, query) = path.split_once('?').unwrap_or((path, ""));
                let params: Vec<_> = query
                    .split('&')
                    .filter(|pair| !pair.is_empty())
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                    .collect();
                let query = credentials.sign_request(method, path, &params, &body, now);
                Outcome::Signed("request", format!("{path}?{query}"))
            }
        }
        What::Webhook { body, verify } => {
            let body = read(body)?;
            match verify {
                Some(signature) if credentials.verify_webhook(signature, &body) => {
                    Outcome::Verified(Ok(()))
                }
                Some(_) => Outcome::Verified(Err(
                    "the signature is not that of this body with this app's secret; the body has \
                     to be the very bytes that were received"
                        .to_owned(),
                )),
                None => Outcome::Signed("signature", credentials.sign_webhook(&body)),
            }
        }
    })
}

fn verified(
    credentials: &Credentials,
    method: &str,
    path: &str,
    body: &[u8],
    now: u64,
) -> Result<(), String> {
    let request = SignedRequest::parse(method, path).map_err(|rejection| rejection.to_string())?;
    credentials
        .verify_request(&request, body, now)
        .map(|_| ())
        .map_err(|rejection| rejection.to_string())
}

/// The bytes of a file, or of standard input.
fn read(file: &str) -> anyhow::Result<Vec<u8>> {
    if file != "-" {
        return fs::read(file).with_context(|| format!("cannot read {file}"));
    }
    let mut bytes = Vec::new();
    io::stdin()
        .read_to_end(&mut bytes)
        .context("cannot read standard input")?;
    Ok(bytes)
}
