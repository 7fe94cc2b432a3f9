//! What the server will be: [`Plan`].
//!
//! A flag comes before its variable, the variable before the file, the file before the default.
//! Nothing starts unless all of it makes sense.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use skywave_protocol::{Credentials, Secret};
use skywave_server::{App, AppSettings, Config};

use super::memory;
use super::options::Options;
use super::sample::Sample;
use crate::config::{Apps, At, DrainTimes, File, Listen, LogFormat, check_name, find, read_secret};
use crate::failure::Failure;

/// All that was decided before the start.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) listen: Vec<Listen>,
    /// Where operators ask.
    pub(super) operator: Option<At>,
    pub(super) drain: DrainTimes,
    pub(super) apps: Apps,
    /// The app that was made up because none was configured.
    pub(super) sample: Option<Sample>,
    pub(super) log_format: LogFormat,
    /// What the log shows, unless `RUST_LOG` says it.
    pub(super) log_filter: Option<String>,
    /// What is right, but may not be meant.
    pub(super) warnings: Vec<String>,
    /// Whether more has changed since the start than a running server can take over.
    pub(super) needs_restart: bool,
    /// What that is, as it was at the start, to be compared.
    fixed: String,
    /// Everything about the server as a whole.
    server: Config,
}

impl Plan {
    /// Reads flags, environment and file.
    ///
    /// # Errors
    ///
    /// Every mistake in the file, or the mistakes in what was typed; or the file cannot be read.
    pub(super) fn of(options: &Options) -> Result<Self, Failure> {
        let mut file = match find(&options.place) {
            Some(found) => found.read()?,
            None => File::default(),
        };
        let file = &mut file;
        let mut apps = apps(options, file)?;
        let sample = if apps.is_empty() {
            Some(Sample::generate(app_id(options)?)?)
        } else {
            None
        };
        if let Some(sample) = &sample {
            apps.push((sample.id.clone(), sample.settings()));
        }
        override_all(options, &mut apps);
        let (listen, server) = (listen(options, file), server(options, file));
        let log_format = options.log_format.or(file.log.format).unwrap_or_default();
        let places: Vec<_> = listen.iter().map(|one| (&one.at, &one.proxies)).collect();
        let fixed = format!(
            "{places:?} {:?} {log_format:?} {:?} {server:?}",
            file.operator, file.log.filter
        );
        Ok(Self {
            listen,
            needs_restart: false,
            fixed,
            operator: file.operator.take(),
            drain: DrainTimes {
                over: options.drain_over.or(file.drain.over),
                ..file.drain
            },
            warnings: warnings(&apps),
            apps,
            sample,
            log_format,
            log_filter: file.log.filter.take(),
            server,
        })
    }

    /// The plan after the file has changed. What only a restart can change stays as it is.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub(super) fn again(&self, options: &Options) -> Result<Self, Failure> {
        let mut plan = Self::of(options)?;
        plan.needs_restart = plan.fixed != self.fixed;
        plan.fixed.clone_from(&self.fixed);
        if let (Some(sample), Some(_)) = (&self.sample, &plan.sample) {
            // Pages are connected with what was made up at first.
            plan.sample = Some(sample.clone());
            plan.apps = vec![(sample.id.clone(), sample.settings())];
            override_all(options, &mut plan.apps);
        }
        Ok(plan)
    }

    /// What the server is started with; the defaults from then on.
    pub(super) fn take_config(&mut self) -> Config {
        let mut config = std::mem::replace(&mut self.server, Config::new([]));
        let apps = self.apps.iter().cloned();
        config.apps = apps.map(|(id, settings)| App::new(id, settings)).collect();
        config
    }
}

/// The apps of the file, and the one that flags or variables describe.
fn apps(options: &Options, file: &mut File) -> Result<Apps, Failure> {
    let mut apps = std::mem::take(&mut file.apps);
    let secret = match (&options.app_secret, &options.app_secret_file) {
        (Some(_), Some(_)) => {
            let mistake = "--app-secret and --app-secret-file are given; expected one of them";
            return Err(Failure::wrong(mistake));
        }
        (Some(secret), None) => Some(Secret::from(secret.as_str())),
        (None, Some(path)) => Some(
            read_secret(path)
                .map_err(|problem| Failure::wrong(format!("--app-secret-file: {problem}")))?,
        ),
        (None, None) => None,
    };
    let (key, secret) = match (&options.app_key, secret) {
        (Some(key), Some(secret)) => (key, secret),
        (None, None) if options.app_id.is_some() && !apps.is_empty() => {
            let mistake = "--app-id is given without --app-key and --app-secret; the file has apps \
                           of its own";
            return Err(Failure::wrong(mistake));
        }
        (None, None) => return Ok(apps),
        (Some(_), None) => {
            let mistake = "--app-key is given without --app-secret; give both or none";
            return Err(Failure::wrong(mistake));
        }
        (None, Some(_)) => {
            let mistake = "--app-secret is given without --app-key; give both or none";
            return Err(Failure::wrong(mistake));
        }
    };
    check_name(key).map_err(|problem| Failure::wrong(format!("--app-key {problem}")))?;
    if secret.expose().is_empty() {
        return Err(Failure::wrong("--app-secret is empty"));
    }
    let id = app_id(options)?;
    let credentials = Credentials::new(key, &secret);
    let others = apps.iter().filter(|(other, _)| *other != id);
    for (other, app) in others {
        if app.credentials.key() == key {
            let mistake = format!("--app-key `{key}`: app `{other}` of the file has this key");
            return Err(Failure::wrong(mistake));
        }
    }
    match apps.iter_mut().find(|(other, _)| *other == id) {
        Some((_, app)) => app.credentials = credentials,
        None => apps.push((id, AppSettings::new(credentials))),
    }
    Ok(apps)
}

fn app_id(options: &Options) -> Result<String, Failure> {
    let id = options.app_id.as_deref().unwrap_or("1");
    check_name(id).map_err(|problem| Failure::wrong(format!("--app-id {problem}")))?;
    Ok(id.to_owned())
}

/// Flags that are about every app.
fn override_all(options: &Options, apps: &mut Apps) {
    for (_, app) in apps {
        if let Some(number) = options.client_events_per_second {
            app.limits.client_events_per_second = number;
        }
        if options.no_client_events {
            app.client_events = false;
        }
    }
}

/// The address of the flags, where there is one; each of its halves may come from the default.
fn listen(options: &Options, file: &mut File) -> Vec<Listen> {
    let said = options.host.is_some() || options.port.is_some();
    if !said && !file.listen.is_empty() {
        return std::mem::take(&mut file.listen);
    }
    let host = options.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let address = SocketAddr::new(host, options.port.unwrap_or(PORT));
    vec![Listen::plain(address)]
}

fn server(options: &Options, file: &mut File) -> Config {
    let said = &file.server;
    let mut config = Config::new([]);
    config.workers = options.workers.or(said.workers).map(usize::from);
    config.max_connections = said.max_connections;
    config.outbox_total_bytes = said.outbox_total_bytes;
    config.memory_bytes = match said.memory_bytes {
        Some(0) => None,
        Some(bytes) => Some(bytes),
        None => memory::share(),
    };
    config.hostname.clone_from(&said.hostname);
    config.path_prefix = said.path_prefix.clone().unwrap_or_default();
    config.first_message_timeout = said.first_message_timeout;
    config.per_address = std::mem::take(&mut file.per_address);
    config.webhooks = std::mem::take(&mut file.webhooks);
    let set = |setting: &mut Duration, flag: Option<Duration>, said: Option<Duration>| {
        *setting = flag.or(said).unwrap_or(*setting);
    };
    let activity_timeout = options.activity_timeout;
    set(
        &mut config.activity_timeout,
        activity_timeout,
        said.activity_timeout,
    );
    set(
        &mut config.pong_timeout,
        options.pong_timeout,
        said.pong_timeout,
    );
    set(&mut config.request_timeout, None, said.request_timeout);
    config.outbox_bytes = said.outbox_bytes.unwrap_or(config.outbox_bytes);
    config.message_bytes = said.message_bytes.unwrap_or(config.message_bytes);
    config
}

fn warnings(apps: &Apps) -> Vec<String> {
    let unusual = apps
        .iter()
        .filter(|(id, _)| !id.bytes().all(|byte| byte.is_ascii_digit()));
    let warnings = unusual
        .map(|(id, _)| format!("app id `{id}`: some Pusher libraries only accept decimal digits"));
    warnings.collect()
}

/// Where Pusher servers that one hosts oneself listen by custom.
pub(crate) const PORT: u16 = 6001;
