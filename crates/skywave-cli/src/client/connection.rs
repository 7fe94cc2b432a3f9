//! TCP, TLS and the handshake: [`open`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::Listener;

/// A connection, over TCP alone or over TLS.
pub(crate) type Connection = WebSocketStream<Box<dyn Stream>>;

/// What bytes go over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Opens a connection.
pub(crate) async fn open(listener: &Listener) -> anyhow::Result<Connection> {
    let (host, port) = listener.server.web_socket_place();
    let place = format!("{host}:{port}");
    let opening = async {
        let stream = stream(listener).await?;
        // Messages are short, and a load test has thousands of connections.
        let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES);
        let (connection, _) = client_async_with_config(listener.url(), stream, Some(config))
            .await
            .with_context(|| format!("{place} does not speak WebSocket there"))?;
        Ok(connection)
    };
    let opened = timeout(LIMIT, opening).await;
    opened.map_err(|_| anyhow!("{place} did not answer within {LIMIT:?}"))?
}

async fn stream(listener: &Listener) -> anyhow::Result<Box<dyn Stream>> {
    let server = &listener.server;
    let (host, port) = server.web_socket_place();
    let stream = TcpStream::connect((host, port)).await.with_context(|| {
        format!(
            "no connection to {host}:{port}; is the server running there? See --host and --port"
        )
    })?;
    stream.set_nodelay(true)?;
    if !server.tls {
        return Ok(Box::new(stream));
    }
    let config = skywave_http_client::tls_config(server.root_certificate.as_deref())?;
    let name = ServerName::try_from(host.to_owned())
        .with_context(|| format!("`{host}` cannot be in a certificate"))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .with_context(|| {
            format!(
                "no TLS with {host}:{port}; see --root-certificate for a certificate authority of \
                 one's own"
            )
        })?;
    Ok(Box::new(stream))
}

impl Listener {
    /// Where a connection goes, and what it asks for.
    fn url(&self) -> String {
        format!(
            "{}{}/app/{}?protocol=7&client=skywave-cli&version={}",
            self.server.web_socket_url(),
            self.server.path,
            self.key,
            env!("CARGO_PKG_VERSION"),
        )
    }
}

const BUFFER_BYTES: usize = 4096;

/// For all of it.
const LIMIT: Duration = Duration::from_secs(10);
