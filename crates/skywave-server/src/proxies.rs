//! What proxies say about the peers behind them, and which of them are believed.
//!
//! Everybody can send such a header. So an endpoint names the networks its proxies are in and the
//! one way in which they tell, and nobody else is believed; what a client wrote into the header
//! before the first proxy added to it is never read.

use std::io;
use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HeaderMap, HeaderName};
use ipnet::IpNet;
use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::peer::Peer;

/// The proxies in front of an endpoint: where they are, and how they tell who a peer is.
///
/// Who comes over a Unix socket has no address and is always taken for a proxy: the mode of the
/// socket's file says who that can be.
///
/// ```
/// use skywave_server::{Endpoint, Proxies};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let nginx = Proxies::x_forwarded_for(["127.0.0.1/32".parse()?]);
/// let endpoint = Endpoint::tcp("127.0.0.1:6001".parse()?).behind(nginx);
/// # drop(endpoint);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Proxies {
    networks: Vec<IpNet>,
    told: Told,
    ends_tls: bool,
}

/// How a proxy tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    ProxyProtocol,
    Forwarded,
    XForwardedFor,
}

impl Proxies {
    /// Proxies that begin every connection with a header of the PROXY protocol, version 1 or 2.
    /// Connections from these networks without one are closed.
    pub fn proxy_protocol(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self::new(networks, Told::ProxyProtocol)
    }

    /// Proxies that send `Forwarded` (RFC 7239) with every request.
    pub fn forwarded(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self::new(networks, Told::Forwarded)
    }

    /// Proxies that send `X-Forwarded-For` with every request, and `X-Forwarded-Proto`.
    pub fn x_forwarded_for(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self::new(networks, Told::XForwardedFor)
    }

    /// Takes it that whoever comes through these proxies came to them over TLS, though they do not
    /// say so.
    #[must_use]
    pub fn ending_tls(self) -> Self {
        Self {
            ends_tls: true,
            ..self
        }
    }

    fn new(networks: impl IntoIterator<Item = IpNet>, told: Told) -> Self {
        Self {
            networks: networks.into_iter().collect(),
            told,
            ends_tls: false,
        }
    }

    /// Whether who has this address is one of them.
    pub(crate) fn include(&self, address: Option<IpAddr>) -> bool {
        address.is_none_or(|address| self.networks.iter().any(|net| net.contains(&address)))
    }

    /// Whether their connections begin with a header of the PROXY protocol.
    pub(crate) fn speak_first(&self) -> bool {
        self.told == Told::ProxyProtocol
    }

    /// Who the peer of a connection is, by the PROXY header that it begins with; reads not a byte
    /// more than that.
    pub(crate) async fn read_header(
        &self,
        proxy: Peer,
        socket: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Peer> {
        let bytes = read_header(socket).await?;
        let (header, _) = ProxyHeader::parse(&bytes, ParseConfig::default())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a malformed PROXY header"))?;
        // Without an address it is the proxy itself that asks, after our health perhaps.
        let address = header.proxied_address().map(|told| told.source.ip());
        let secure = header.ssl().map(|ssl| ssl.client_ssl());
        Ok(self.peer(proxy, address.or(proxy.address), secure))
    }

    /// Who the peer of a request is, by the headers that the proxy sent with it.
    pub(crate) fn read_headers(&self, proxy: Peer, headers: &HeaderMap) -> Peer {
        let (mut address, mut secure) = (proxy.address, None);
        let hops: Vec<Hop> = match self.told {
            Told::ProxyProtocol => return proxy,
            Told::Forwarded => elements(headers, &FORWARDED).map(Hop::of).collect(),
            Told::XForwardedFor => {
                secure = elements(headers, &X_FORWARDED_PROTO).last().map(is_secure);
                elements(headers, &X_FORWARDED_FOR).map(Hop::at).collect()
            }
        };
        // The nearest proxy added the last one, and only what our own proxies added is true.
        for hop in hops.iter().rev() {
            (address, secure) = (hop.address, hop.secure.or(secure));
            if address.is_none() || !self.include(address) {
                break;
            }
        }
        self.peer(proxy, address, secure)
    }

    fn peer(&self, proxy: Peer, address: Option<IpAddr>, secure: Option<bool>) -> Peer {
        Peer {
            address: address.map(|address| address.to_canonical()),
            secure: self.ends_tls || secure.unwrap_or(proxy.secure),
        }
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What one proxy says about who spoke to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hop {
    /// `None` when the proxy does not know, or does not tell.
    address: Option<IpAddr>,
    secure: Option<bool>,
}

impl Hop {
    fn at(text: &str) -> Self {
        Self {
            address: address(text),
            secure: None,
        }
    }

    /// An element of `Forwarded`, such as `for="[2001:db8::1]:4711";proto=https` (RFC 7239 §4).
    fn of(element: &str) -> Self {
        let mut hop = Self {
            address: None,
            secure: None,
        };
        for pair in element.split(';') {
            let Some((name, value)) = pair.trim().split_once('=') else {
                continue;
            };
            let value = value.trim_matches('"');
            if name.eq_ignore_ascii_case("for") {
                hop.address = address(value);
            } else if name.eq_ignore_ascii_case("proto") {
                hop.secure = Some(is_secure(value));
            }
        }
        hop
    }
}

/// The elements of a list in all headers of a name. None of what is looked for contains a comma;
/// where something else does, in quotes, an element looks malformed, which nobody is helped by.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
}

/// An address with or without a port; an IPv6 address with a port has brackets.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(text).parse().ok()
}

fn is_secure(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss")
}

/// The bytes of a PROXY header, version 1 or 2 (PROXY protocol §2).
async fn read_header(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; V2_SIGNATURE.len()];
    socket.read_exact(&mut bytes).await?;
    if bytes == V2_SIGNATURE {
        bytes.resize(V2_FIXED_BYTES, 0);
        socket.read_exact(&mut bytes[V2_SIGNATURE.len()..]).await?;
        let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
        if length > V2_MOST_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.resize(V2_FIXED_BYTES + length, 0);
        socket.read_exact(&mut bytes[V2_FIXED_BYTES..]).await?;
        return Ok(bytes);
    }
    // A line, whose end must not be read over: what follows belongs to somebody else.
    while bytes.starts_with(V1_START) && bytes.len() < V1_MOST_BYTES {
        bytes.push(socket.read_u8().await?);
        if bytes.ends_with(b"\r\n") {
            return Ok(bytes);
        }
    }
    let expected = "a connection from a proxy without a PROXY header";
    Err(io::Error::new(io::ErrorKind::InvalidData, expected))
}

const V1_START: &[u8] = b"PROXY ";
const V1_MOST_BYTES: usize = 107;
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED_BYTES: usize = 16;
/// Certificates of clients may be among what follows the addresses; this is far more.
const V2_MOST_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Vec<IpNet> {
        vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]
    }

    fn proxy() -> Peer {
        Peer {
            address: Some("10.0.0.1".parse().unwrap()),
            secure: false,
        }
    }

    fn peer(address: &str, secure: bool) -> Peer {
        Peer {
            address: address.parse().ok(),
            secure,
        }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_last_address_that_is_not_ours_is_the_peers() {
        const FOR: &str = "x-forwarded-for";
        const PROTO: &str = "x-forwarded-proto";
        let proxies = Proxies::x_forwarded_for(ours());
        for (lines, expected) in [
            (&[][..], peer("10.0.0.1", false)),
            (&[(FOR, "192.0.2.1")], peer("192.0.2.1", false)),
            (&[(PROTO, "https")], peer("10.0.0.1", true)),
            (
                &[(FOR, "192.0.2.1"), (PROTO, "https")],
                peer("192.0.2.1", true),
            ),
            (
                &[(FOR, "192.0.2.1"), (PROTO, "HTTPS")],
                peer("192.0.2.1", true),
            ),
            (
                &[(FOR, "192.0.2.1"), (PROTO, "https, http")],
                peer("192.0.2.1", false),
            ),
            // What the client claimed comes first.
            (
                &[(FOR, "198.51.100.1, 192.0.2.1")],
                peer("192.0.2.1", false),
            ),
            (&[(FOR, "10.0.0.9, 192.0.2.1")], peer("192.0.2.1", false)),
            (
                &[(FOR, "198.51.100.1"), (FOR, "192.0.2.1")],
                peer("192.0.2.1", false),
            ),
            // Through two of ours.
            (&[(FOR, "192.0.2.1,10.0.0.2")], peer("192.0.2.1", false)),
            (
                &[(FOR, "192.0.2.1, fd00::1, 10.0.0.2")],
                peer("192.0.2.1", false),
            ),
            (&[(FOR, "10.0.0.3, 10.0.0.2")], peer("10.0.0.3", false)),
            // With ports, in brackets, mapped.
            (&[(FOR, "192.0.2.1:4711")], peer("192.0.2.1", false)),
            (&[(FOR, "[2001:db8::1]:4711")], peer("2001:db8::1", false)),
            (&[(FOR, "[2001:db8::1]")], peer("2001:db8::1", false)),
            (&[(FOR, "2001:db8::1")], peer("2001:db8::1", false)),
            (&[(FOR, "::ffff:192.0.2.1")], peer("192.0.2.1", false)),
            // Behind who does not know, nobody is believed.
            (&[(FOR, "192.0.2.1, unknown")], peer("", false)),
            (&[(FOR, "192.0.2.1, unknown, 10.0.0.2")], peer("", false)),
            (&[(FOR, "")], peer("", false)),
            // Another header is not this one.
            (&[("forwarded", "for=192.0.2.1")], peer("10.0.0.1", false)),
            (&[("x-real-ip", "192.0.2.1")], peer("10.0.0.1", false)),
        ] {
            let told = proxies.read_headers(proxy(), &headers(lines));
            assert_eq!(told, expected, "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_by_its_own_rules() {
        let proxies = Proxies::forwarded(ours());
        for (value, expected) in [
            ("for=192.0.2.1", peer("192.0.2.1", false)),
            (
                "For=192.0.2.1; Proto=https; by=10.0.0.1",
                peer("192.0.2.1", true),
            ),
            (
                "for=\"[2001:db8:cafe::17]:4711\"",
                peer("2001:db8:cafe::17", false),
            ),
            ("for=\"192.0.2.1:4711\";proto=wss", peer("192.0.2.1", true)),
            (
                "for=198.51.100.1;proto=https, for=192.0.2.1;proto=http",
                peer("192.0.2.1", false),
            ),
            (
                "for=192.0.2.1;proto=https, for=10.0.0.2;proto=http",
                peer("192.0.2.1", true),
            ),
            (
                "for=192.0.2.1, for=10.0.0.2;proto=https",
                peer("192.0.2.1", true),
            ),
            ("for=192.0.2.1, for=_hidden", peer("", false)),
            ("for=unknown", peer("", false)),
            ("proto=https", peer("", true)),
            ("nonsense", peer("", false)),
        ] {
            let told = proxies.read_headers(proxy(), &headers(&[("forwarded", value)]));
            assert_eq!(told, expected, "{value}");
        }
    }

    #[test]
    fn who_comes_over_a_unix_socket_is_a_proxy_and_strangers_are_not() {
        let proxies = Proxies::forwarded(ours());
        assert!(proxies.include(None));
        assert!(proxies.include("10.9.9.9".parse().ok()));
        assert!(!proxies.include("192.0.2.1".parse().ok()));
        let told = proxies
            .ending_tls()
            .read_headers(proxy(), &HeaderMap::new());
        assert_eq!(told, peer("10.0.0.1", true));
    }
}
