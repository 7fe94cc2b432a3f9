//! What can be typed: [`Options`].

use std::path::PathBuf;

use clap::Args;

use crate::config::Place;

/// Whose app, and where the server is. A flag comes before the variables (`SKYWAVE_APP_ID`,
/// `SKYWAVE_APP_KEY`, `SKYWAVE_APP_SECRET`, `SKYWAVE_URL` and so on, then the same with `PUSHER_`), these
/// before skywave.toml.
#[derive(Clone, Debug, Args)]
#[group(id = "app_and_server")]
pub(crate) struct Options {
    /// All in one: http://KEY:SECRET@HOST:PORT/apps/ID.
    #[arg(long, value_name = "URL", global = true, help_heading = WHERE)]
    pub(super) url: Option<String>,
    /// Id of the app.
    #[arg(long, value_name = "ID", global = true, help_heading = WHERE)]
    pub(super) app_id: Option<String>,
    /// Key of the app.
    #[arg(long, value_name = "KEY", global = true, help_heading = WHERE)]
    pub(super) app_key: Option<String>,
    /// Secret of the app. Others on this machine can see a command line: prefer the variable, or a
    /// file.
    #[arg(long, value_name = "SECRET", global = true, help_heading = WHERE)]
    pub(super) app_secret: Option<String>,
    /// File with the secret of the app.
    #[arg(long, value_name = "FILE", global = true, help_heading = WHERE)]
    pub(super) app_secret_file: Option<PathBuf>,
    /// Host of the server [default: 127.0.0.1].
    #[arg(long, global = true, help_heading = WHERE)]
    pub(super) host: Option<String>,
    /// Port of the server [default: 6001; 443 with TLS].
    #[arg(long, global = true, help_heading = WHERE)]
    pub(super) port: Option<u16>,
    /// Speak TLS.
    #[arg(long, global = true, help_heading = WHERE)]
    pub(super) tls: bool,
    /// Cluster of hosted Pusher, such as eu, instead of a server of one's own.
    #[arg(long, global = true, help_heading = WHERE)]
    pub(super) cluster: Option<String>,
    /// PEM file with a certificate to trust beside the public ones.
    #[arg(long, value_name = "FILE", global = true, help_heading = WHERE)]
    pub(super) root_certificate: Option<PathBuf>,
    #[command(flatten)]
    pub(super) place: Place,
}

/// Whom these are about, in the help.
const WHERE: &str = "App and server";
