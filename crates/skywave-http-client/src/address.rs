//! Which addresses belong to the internet, and which to one's own network: [`is_public`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of the public internet.
///
/// False for everything that may be a machine of one's own network or the machine itself: private,
/// loopback and link-local ranges, shared (carrier) ranges, the metadata services of clouds,
/// multicast, and ranges that are reserved or only for documentation. An IPv6 address that carries
/// an IPv4 address (mapped, or translated by NAT64) is judged by that one; tunnels (6to4, Teredo)
/// are not public.
///
/// ```
/// use skywave_http_client::is_public;
///
/// assert!(is_public("93.184.215.14".parse()?));
/// assert!(!is_public("169.254.169.254".parse()?));
/// assert!(!is_public("::ffff:10.0.0.1".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !RESERVED_V4
        .iter()
        .any(|&(range, length)| (bits ^ Ipv4Addr::from(range).to_bits()) >> (32 - length) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    let within = |(range, length): (u128, u32)| (bits ^ range) >> (128 - length) == 0;
    if within(MAPPED) || within(NAT64) {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    within(GLOBAL_UNICAST) && !RESERVED_V6.iter().any(|&range| within(range))
}

/// Of the IANA registry of special IPv4 addresses, and two that clouds use: the range and the
/// length of its prefix.
const RESERVED_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),        // this network
    ([10, 0, 0, 0], 8),       // private
    ([100, 64, 0, 0], 10),    // shared; a cloud's metadata at 100.100.100.200
    ([127, 0, 0, 0], 8),      // loopback
    ([168, 63, 129, 16], 32), // a cloud's metadata and DNS
    ([169, 254, 0, 0], 16),   // link-local; metadata at 169.254.169.254
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // protocols; a cloud's metadata at 192.0.0.192
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 88, 99, 0], 24),   // 6to4 relays, deprecated
    ([192, 168, 0, 0], 16),   // private
    ([198, 18, 0, 0], 15),    // benchmarks
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 4),      // multicast
    ([240, 0, 0, 0], 4),      // reserved, broadcast
];

/// `::ffff:0:0/96`, IPv4 in IPv6.
const MAPPED: (u128, u32) = (0xffff << 32, 96);

/// `64:ff9b::/96`, IPv4 behind a translator.
const NAT64: (u128, u32) = (0x0064_ff9b << 96, 96);

/// `2000::/3`, all that was ever given out. Loopback, `fc00::/7`, `fe80::/10`, `ff00::/8` and the
/// deprecated forms are outside.
const GLOBAL_UNICAST: (u128, u32) = (0x2000 << 112, 3);

const RESERVED_V6: &[(u128, u32)] = &[
    (0x2001_0000 << 96, 23), // protocols, Teredo among them
    (0x2001_0db8 << 96, 32), // documentation
    (0x2002 << 112, 16),     // 6to4
    (0x3fff << 112, 20),     // documentation
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_internet_has_is_public() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn what_may_be_ones_own_is_not_public() {
        for own in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.0.1",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "4000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(own.parse().unwrap()), "{own}");
        }
    }
}
