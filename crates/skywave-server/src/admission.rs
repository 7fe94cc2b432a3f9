//! How many connections there may be: altogether, and from one address.
//!
//! A connection that may be opened takes a [`Seat`] and gives it back when it ends; a socket that
//! has not said yet what it wants holds a [`Knock`]. Both count only where there is a limit. While
//! the process has no [memory](crate::memory) left, nobody gets in.
//!
//! What is remembered of an address is forgotten when nothing is left to count, so the table is as
//! large as the number of addresses that are connected, or were within the last second or so.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use skywave_protocol::Rejection;

use crate::memory::Memory;

/// What one address may do at the server's own endpoints; no limits by default.
///
/// For IPv6 an address is a network of /64, which is what one customer has at least. Behind a
/// proxy that is not known as one ([`Endpoint::behind`](crate::Endpoint::behind)), all clients
/// seem to have the proxy's address.
#[derive(Debug, Clone, Default)]
pub struct AddressLimits {
    /// Connections at a time; further ones are closed with code 4100.
    pub connections: Option<u32>,
    /// New connections in a second, as many of them at once; further ones are closed with code
    /// 4100.
    pub connections_per_second: Option<u32>,
    /// Sockets that have not sent the head of a request yet; further ones are closed without a
    /// word.
    pub handshakes: Option<u32>,
    /// For whom there are no limits: publishers, proxies, whoever watches over the server.
    pub exempt: Vec<IpNet>,
}

/// Counts connections, and lets in as many as there may be.
#[derive(Debug)]
pub(crate) struct Admission {
    capacity: Option<usize>,
    limits: AddressLimits,
    /// What the process uses, connections and all.
    pub(crate) memory: Memory,
    open: AtomicUsize,
    visitors: Mutex<Visitors>,
    /// Refused connections that linger, so as to read why.
    lingering: AtomicUsize,
}

#[derive(Debug, Default)]
struct Visitors {
    by_address: HashMap<IpAddr, Visitor>,
    /// The number of addresses at which it is worth looking for those to forget.
    sweep_at: usize,
}

/// What is remembered of an address.
#[derive(Debug, Default)]
struct Visitor {
    connections: u32,
    handshakes: u32,
    /// The microsecond by which its new connections are paid for, at the rate that is allowed.
    paid_until: u64,
}

/// A place among the connections; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

/// A socket that has not said yet what it wants.
#[derive(Debug)]
pub(crate) struct Knock {
    admission: Arc<Admission>,
    address: IpAddr,
}

/// A refused connection that may linger.
#[derive(Debug)]
pub(crate) struct Lingering(Arc<Admission>);

impl Admission {
    pub(crate) fn new(capacity: Option<usize>, limits: AddressLimits, memory: Memory) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            limits,
            memory,
            open: AtomicUsize::new(0),
            visitors: Mutex::default(),
            lingering: AtomicUsize::new(0),
        })
    }

    /// Lets a connection in at millisecond `now`; no seat is needed where nothing is counted.
    pub(crate) fn seat(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        now: u64,
    ) -> Result<Option<Box<Seat>>, Rejection> {
        if self.memory.is_over() {
            return Err(Rejection::OverCapacity);
        }
        let counted =
            self.limits.connections.is_some() || self.limits.connections_per_second.is_some();
        let address = address
            .filter(|_| counted)
            .and_then(|given| self.counted(given));
        if self.capacity.is_none() && address.is_none() {
            return Ok(None);
        }
        if let Some(address) = address {
            self.enter(address, now)?;
        }
        // From here on it is given back by being dropped.
        let seat = Seat {
            admission: Arc::clone(self),
            address,
        };
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        match self.capacity {
            Some(capacity) if open >= capacity => Err(Rejection::OverCapacity),
            _ => Ok(Some(Box::new(seat))),
        }
    }

    fn enter(&self, address: IpAddr, now: u64) -> Result<(), Rejection> {
        let mut visitors = self.visitors(now);
        let visitor = visitors.by_address.entry(address).or_default();
        match self.limits.connections {
            Some(limit) if visitor.connections >= limit => {
                return Err(Rejection::TooManyFromAddress { limit });
            }
            _ => {}
        }
        if let Some(limit) = self.limits.connections_per_second
            && !visitor.pays(limit, now)
        {
            return Err(Rejection::TooOftenFromAddress { limit });
        }
        visitor.connections += 1;
        Ok(())
    }

    /// Whether a new socket may stay until it says what it wants.
    pub(crate) fn knock(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        now: u64,
    ) -> Result<Option<Knock>, TooManyHandshakes> {
        let Some((limit, address)) = self.limits.handshakes.zip(address) else {
            return Ok(None);
        };
        let Some(address) = self.counted(address) else {
            return Ok(None);
        };
        let mut visitors = self.visitors(now);
        let visitor = visitors.by_address.entry(address).or_default();
        if visitor.handshakes >= limit {
            return Err(TooManyHandshakes);
        }
        visitor.handshakes += 1;
        Ok(Some(Knock {
            admission: Arc::clone(self),
            address,
        }))
    }

    /// Whether a refused connection may linger; otherwise it is cut.
    pub(crate) fn linger(self: &Arc<Self>) -> Option<Lingering> {
        // Taken first, so that it is given back by being dropped.
        let lingering = Lingering(Arc::clone(self));
        (self.lingering.fetch_add(1, Ordering::Relaxed) < MAX_LINGERING).then_some(lingering)
    }

    /// By what an address is counted, if it is.
    fn counted(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        let exempt = &self.limits.exempt;
        if exempt.iter().any(|network| network.contains(&address)) {
            return None;
        }
        Some(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        })
    }

    /// The table, swept now and then.
    fn visitors(&self, now: u64) -> MutexGuard<'_, Visitors> {
        let mut visitors = self.lock();
        if visitors.by_address.len() >= visitors.sweep_at {
            visitors
                .by_address
                .retain(|_, visitor| visitor.is_worth_remembering(now));
            visitors.sweep_at = (visitors.by_address.len() * 2).max(SMALL_TABLE);
        }
        visitors
    }

    /// Gives back what was counted for an address.
    fn leave(&self, address: IpAddr, count: impl FnOnce(&mut Visitor)) {
        if let Some(visitor) = self.lock().by_address.get_mut(&address) {
            count(visitor);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Visitors> {
        self.visitors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address has as many unfinished handshakes as it may have.
#[derive(Debug)]
pub(crate) struct TooManyHandshakes;

/// Refused connections that may wait for their peers to close, each for a few seconds.
const MAX_LINGERING: usize = 1024;

/// Addresses among which it is not worth looking for those to forget.
const SMALL_TABLE: usize = 1024;

impl Visitor {
    /// Pays for one new connection; false when that is too early at `limit` in a second.
    fn pays(&mut self, limit: u32, now: u64) -> bool {
        let now = now * 1000;
        let Some(price) = SECOND.checked_div(u64::from(limit)) else {
            return false;
        };
        let paid = self.paid_until.max(now) + price;
        let in_time = paid <= now + SECOND;
        if in_time {
            self.paid_until = paid;
        }
        in_time
    }

    fn is_worth_remembering(&self, now: u64) -> bool {
        self.connections > 0 || self.handshakes > 0 || self.paid_until > now * 1000
    }
}

/// In microseconds.
const SECOND: u64 = 1_000_000;

impl Drop for Seat {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(address) = self.address {
            self.admission
                .leave(address, |visitor| visitor.connections -= 1);
        }
    }
}

impl Drop for Knock {
    fn drop(&mut self) {
        self.admission
            .leave(self.address, |visitor| visitor.handshakes -= 1);
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        self.0.lingering.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(limits: AddressLimits) -> Arc<Admission> {
        Admission::new(None, limits, Memory::default())
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn nothing_is_counted_without_a_limit() {
        let admission = admission(AddressLimits::default());
        assert!(admission.seat(address("192.0.2.1"), 0).unwrap().is_none());
        assert!(admission.knock(address("192.0.2.1"), 0).unwrap().is_none());
        assert!(admission.lock().by_address.is_empty());
    }

    #[test]
    fn seats_are_counted_by_address_and_given_back() {
        let admission = admission(AddressLimits {
            connections: Some(2),
            exempt: vec!["10.0.0.0/8".parse().unwrap()],
            ..AddressLimits::default()
        });
        let seat = |text| admission.seat(address(text), 0);
        let refused = Err(Rejection::TooManyFromAddress { limit: 2 });
        let is_refused = |text| seat(text).map(|_| ()) == refused;

        let first = seat("192.0.2.1").unwrap();
        let _mapped = seat("::ffff:192.0.2.1").unwrap();
        assert!(is_refused("192.0.2.1"));
        let _others = (seat("192.0.2.2").unwrap(), seat("2001:db8::1").unwrap());
        let _neighbour = seat("2001:db8::ffff:1").unwrap();
        assert!(is_refused("2001:db8::2"));
        assert!(!is_refused("2001:db8:0:1::2"));
        for _ in 0..5 {
            assert!(seat("10.1.2.3").unwrap().is_none());
        }
        drop(first);
        assert!(!is_refused("192.0.2.1"));
    }

    #[test]
    fn new_connections_have_a_rate_and_as_many_may_come_at_once() {
        let admission = admission(AddressLimits {
            connections_per_second: Some(4),
            ..AddressLimits::default()
        });
        let mut comes = |now| admission.seat(address("192.0.2.1"), now).is_ok();
        let at = [
            0, 0, 0, 0, 0, 249, 250, 250, 600, 3_000, 3_000, 3_000, 3_000, 3_000,
        ];
        let in_time: Vec<bool> = at.into_iter().map(&mut comes).collect();
        let expected = [
            true, true, true, true, false, false, true, false, true, true, true, true, true, false,
        ];
        assert_eq!(in_time, expected);
    }

    #[test]
    fn the_server_has_a_capacity() {
        let admission = Admission::new(Some(2), AddressLimits::default(), Memory::default());
        let first = admission.seat(None, 0).unwrap();
        let _second = admission.seat(None, 0).unwrap();
        for _ in 0..3 {
            assert_eq!(
                admission.seat(None, 0).unwrap_err(),
                Rejection::OverCapacity
            );
        }
        drop(first);
        assert!(admission.seat(None, 0).is_ok());
    }

    #[test]
    fn addresses_with_nothing_to_count_are_forgotten() {
        let admission = admission(AddressLimits {
            connections_per_second: Some(1),
            ..AddressLimits::default()
        });
        let stays = admission.seat(address("192.0.2.1"), 0).unwrap();
        for number in 0..10_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            admission.seat(Some(address), u64::from(number)).unwrap();
        }
        let known = admission.lock().by_address.len();
        assert!(known <= 2 * SMALL_TABLE, "{known}");
        let _again = admission.seat(address("192.0.2.1"), 20_000).unwrap();
        let connections = admission.lock().by_address[&address("192.0.2.1").unwrap()].connections;
        assert_eq!(connections, 2);
        drop(stays);
    }

    #[test]
    fn handshakes_are_counted_by_address() {
        let admission = admission(AddressLimits {
            handshakes: Some(1),
            ..AddressLimits::default()
        });
        let first = admission.knock(address("192.0.2.1"), 0).unwrap();
        assert!(admission.knock(address("192.0.2.1"), 0).is_err());
        assert!(admission.knock(None, 0).unwrap().is_none());
        drop(first);
        assert!(admission.knock(address("192.0.2.1"), 0).is_ok());
    }

    #[test]
    fn so_many_refused_connections_linger_and_no_more() {
        let admission = admission(AddressLimits::default());
        let mut lingering: Vec<_> = (0..MAX_LINGERING).map(|_| admission.linger()).collect();
        assert!(lingering.iter().all(Option::is_some));
        assert!(admission.linger().is_none());
        assert!(admission.linger().is_none());
        lingering.pop();
        assert!(admission.linger().is_some());
    }
}
