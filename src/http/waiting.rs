//! The queue before the comparison of passwords: short, and nobody fills it alone.
//!
//! Given: where a connection comes from. Gives: a place, until it is dropped. Does not: order the queue, or compare.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// So many comparisons may wait for their turn; whoever comes then is asked to come back. At a cost of 10 that is some
/// three seconds' worth.
pub(super) const WAITING_MAX: usize = 32;
/// So many of them from one neighbour: somebody who guesses keeps nobody else from signing in.
pub(super) const OF_ONE_MAX: usize = 8;

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// The neighbour it counts as: of IPv6 the network, whose addresses are for one household to choose. `None` for this
    /// machine: a proxy stands here for many.
    pub(super) fn neighbour(self) -> Option<IpAddr> {
        let address = self.0.to_canonical();
        match address {
            _ if address.is_loopback() => None,
            IpAddr::V4(_) => Some(address),
            IpAddr::V6(v6) => Some(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into()),
        }
    }
}

/// Who waits.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    n: usize,
    of: HashMap<IpAddr, usize>,
}

/// One who waits.
#[derive(Debug)]
pub(super) struct Place {
    waiting: Arc<Waiting>,
    neighbour: Option<IpAddr>,
}

impl Waiting {
    /// A place, when there is one for them.
    pub(super) fn take(self: &Arc<Self>, peer: Option<Peer>) -> Option<Place> {
        let neighbour = peer.and_then(Peer::neighbour);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = neighbour.map_or(0, |one| counts.of.get(&one).copied().unwrap_or_default());
        if counts.n >= WAITING_MAX || of_one >= OF_ONE_MAX {
            return None;
        }
        counts.n += 1;
        if let Some(one) = neighbour {
            *counts.of.entry(one).or_default() += 1;
        }
        Some(Place { waiting: Arc::clone(self), neighbour })
    }
}

#[cfg(test)]
impl Waiting {
    /// How many there are.
    pub(super) fn n(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).n
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.n = counts.n.saturating_sub(1);
        let Some(one) = self.neighbour else { return };
        if let Some(n) = counts.of.get_mut(&one) {
            *n -= 1;
            if *n == 0 {
                counts.of.remove(&one);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Peer {
        Peer(text.parse().unwrap())
    }

    #[test]
    fn nobody_fills_the_queue_alone_and_places_come_back() {
        let waiting = Arc::new(Waiting::default());
        let take = |text: &str| waiting.take(Some(peer(text)));
        let guesser: Vec<_> = (0..OF_ONE_MAX).map(|_| take("192.0.2.1").unwrap()).collect();
        assert!(take("192.0.2.1").is_none() && take("::ffff:192.0.2.1").is_none(), "the same, written otherwise");
        let other = take("192.0.2.2");
        assert!(other.is_some(), "somebody else comes in");
        drop((guesser, other));
        let counts = waiting.0.lock().unwrap();
        assert!(counts.n == 0 && counts.of.is_empty(), "nothing is left of who is gone");
    }

    #[test]
    fn a_network_counts_as_one_and_this_machine_as_many() {
        let waiting = Arc::new(Waiting::default());
        let take = |text: &str| waiting.take(Some(peer(text)));
        let network: Vec<_> = (0..OF_ONE_MAX).map(|n| take(&format!("2001:db8::{n:x}")).unwrap()).collect();
        assert!(take("2001:db8::ffff:1").is_none() && take("2001:db8:0:1::1").is_some());
        drop(network);
        let here: Vec<_> = (0..WAITING_MAX).map(|_| take("127.0.0.1").unwrap()).collect();
        assert!(take("127.0.0.1").is_none() && take("192.0.2.1").is_none(), "there is an end to it all the same");
        drop(here);
    }
}
