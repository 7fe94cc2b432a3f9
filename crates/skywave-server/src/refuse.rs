//! Connections that are closed right after the handshake: unknown app, wrong protocol version.
//!
//! A browser shows the reason only when the WebSocket is opened first, so the handshake is answered
//! and then the refusal sent: `pusher:error` and a close frame with the same code (§1.2, trap 2).

use std::io;
use std::time::Duration;

use skywave_protocol::Rejection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::admission::Lingering;
use crate::socket::{LINGER, encode_rejection};
use crate::stream::Arriving;

/// Sends the refusal, behind what is to be sent before, and waits until the peer has closed, so that it
/// is not lost to a reset; where too many linger already, it does not wait.
pub(crate) async fn refuse(
    arriving: Arriving,
    (mut bytes, rejection): (Vec<u8>, Rejection),
    lingering: Option<Lingering>,
) {
    encode_rejection(&rejection, &mut bytes);
    let farewell = async {
        let mut stream = arriving.land()?;
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        // Who answers the close frame waits for our end of the stream (RFC 6455 §7.1.1).
        stream.shutdown().await?;
        let mut ignored = [0; 512];
        while stream.read(&mut ignored).await? > 0 {}
        Ok(())
    };
    let patience = lingering.as_ref().map_or(0, |_| u64::from(LINGER));
    // Whatever the peer does now, the connection ends.
    let _: Result<io::Result<()>, _> =
        tokio::time::timeout(Duration::from_secs(patience), farewell).await;
}
