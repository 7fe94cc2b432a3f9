//! An app for trying things out, with a page that listens: [`Sample`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use skywave_protocol::{Credentials, Secret};
use skywave_server::AppSettings;

use crate::config::made_up;

/// An app that was made up because none was configured. Its secret is the only one that is ever
/// printed.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) id: String,
    key: String,
    secret: Secret,
}

impl Sample {
    /// A new key and a new secret for the app `id`.
    pub(super) fn generate(id: String) -> anyhow::Result<Self> {
        let (key, secret) = made_up()?;
        Ok(Self { id, key, secret })
    }

    pub(super) fn settings(&self) -> AppSettings {
        AppSettings::new(Credentials::new(self.key.as_str(), &self.secret))
    }

    /// What whoever started the server needs to see the first event arrive.
    pub(super) fn introduction(&self, address: SocketAddr) -> String {
        let Self { id, key, .. } = self;
        let secret = self.secret.expose();
        let address = reachable(address);
        let page = self.page(address);
        format!(
            "\nNo app is configured, so this one was made up for this run:\n\n\
             \x20 id      {id}\n\
             \x20 key     {key}\n\
             \x20 secret  {secret}\n\n\
             A page that listens; save it as listen.html and open it in a browser:\n\n\
             {page}\n\
             Then send it something:\n\n\
             \x20 skywave trigger hello '{{\"text\":\"it works\"}}' --channel greetings \\\n\
             \x20   --url http://{key}:{secret}@{address}/apps/{id}\n\n\
             To keep an app, write its key and secret into a file: `skywave config example`.\n"
        )
    }

    fn page(&self, address: SocketAddr) -> String {
        PAGE.replace("KEY", &self.key)
            .replace("HOST", &host(address.ip()))
            .replace("PORT", &address.port().to_string())
    }
}

/// Whoever listens everywhere is reached on this machine.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// An address as it stands in front of a port.
fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>Skywave</title>
<ul id="events"></ul>
<script src="https://js.pusher.com/8.4.0/pusher.min.js"></script>
<script>
  const pusher = new Pusher("KEY", {
    cluster: "", wsHost: "HOST", wsPort: PORT, forceTLS: false, enabledTransports: ["ws"],
  });
  pusher.subscribe("greetings").bind_global((event, data) => {
    const line = document.createElement("li");
    line.textContent = event + " " + JSON.stringify(data);
    document.getElementById("events").append(line);
  });
</script>
"#;
