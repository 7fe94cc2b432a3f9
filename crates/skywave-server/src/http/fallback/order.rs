//! The order of posts: browsers send them on several connections at once, so that a later one may
//! arrive first.
//!
//! pusher-js numbers its requests in the order in which it makes them, `n=7` in the query. A post
//! waits for those before it, but not for long: numbers are counted per page, and a page with
//! several clients leaves gaps in the counting of each.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// The numbers of a session's requests.
#[derive(Debug, Default)]
pub(super) struct Order {
    numbers: Mutex<Numbers>,
    /// A request has had its turn.
    moved: Notify,
}

#[derive(Debug, Default)]
struct Numbers {
    /// The lowest number that was not seen; 0 before the first request.
    next: u64,
    /// Posts that have come and had no turn yet, or have it now.
    posts: BTreeSet<u64>,
    /// Requests beyond `next` that need no turn.
    others: BTreeSet<u64>,
}

/// The turn of a post, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    order: &'a Order,
    number: u64,
}

impl Order {
    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request that is no post has come.
    pub(super) fn note(&self, number: u64) {
        let mut numbers = self.lock();
        if number <= numbers.next || numbers.next == 0 {
            numbers.passed(number);
            self.moved.notify_waiters();
        } else if numbers.others.len() < WAITING {
            numbers.others.insert(number);
        }
    }

    /// Waits until the posts before `number` have had their turn, or a short while.
    pub(super) async fn turn(&self, number: u64) -> Turn<'_> {
        let turn = {
            let mut numbers = self.lock();
            if numbers.posts.len() < WAITING {
                numbers.posts.insert(number);
            }
            let order = self;
            Turn { order, number }
        };
        let deadline = Instant::now() + PATIENCE;
        let mut late = false;
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            if self.lock().is_turn(number, late) {
                return turn;
            }
            if late {
                moved.await;
            } else {
                late = timeout_at(deadline, moved).await.is_err();
            }
        }
    }
}

impl Numbers {
    fn is_turn(&self, number: u64, late: bool) -> bool {
        let first = || self.posts.first().is_none_or(|first| *first >= number);
        number <= self.next || (late && first()) || !self.posts.contains(&number)
    }

    fn passed(&mut self, number: u64) {
        self.next = self.next.max(number.saturating_add(1));
        while self.others.remove(&self.next) {
            self.next = self.next.saturating_add(1);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut numbers = self.order.lock();
        numbers.posts.remove(&self.number);
        numbers.passed(self.number);
        self.order.moved.notify_waiters();
    }
}

/// How long a post waits for those before it.
const PATIENCE: Duration = Duration::from_millis(200);

/// Posts that may wait; any more have their turn at once.
const WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn paused() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    }

    #[test]
    fn posts_have_their_turn_in_the_order_of_their_numbers() {
        paused().block_on(async {
            let order = Order::default();
            order.note(4);
            let cx = &mut Context::from_waker(Waker::noop());
            let (mut seventh, mut sixth) = (pin!(order.turn(7)), pin!(order.turn(6)));
            assert!(seventh.as_mut().poll(cx).is_pending());
            assert!(sixth.as_mut().poll(cx).is_pending());
            let fifth = order.turn(5).await;
            assert!(sixth.as_mut().poll(cx).is_pending(), "the fifth has it");
            drop(fifth);
            assert!(seventh.as_mut().poll(cx).is_pending());
            drop(sixth.await);
            drop(seventh.await);
        });
    }

    #[test]
    fn a_gap_is_waited_for_only_a_short_while_and_order_is_kept_behind_it() {
        paused().block_on(async {
            let order = Order::default();
            order.note(1);
            let begin = Instant::now();
            let cx = &mut Context::from_waker(Waker::noop());
            let mut fifth = pin!(order.turn(5));
            assert!(fifth.as_mut().poll(cx).is_pending());
            let fourth = order.turn(4).await;
            assert_eq!(begin.elapsed(), PATIENCE);
            assert!(fifth.as_mut().poll(cx).is_pending());
            drop(fourth);
            drop(fifth.await);
            assert_eq!(begin.elapsed(), PATIENCE);
        });
    }

    #[test]
    fn requests_that_are_no_posts_leave_no_gap() {
        paused().block_on(async {
            let order = Order::default();
            let begin = Instant::now();
            order.note(10);
            order.note(12);
            drop(order.turn(11).await);
            drop(order.turn(13).await);
            assert_eq!(begin.elapsed(), Duration::ZERO);
        });
    }

    #[test]
    fn who_comes_late_or_lies_is_not_held() {
        paused().block_on(async {
            let order = Order::default();
            let begin = Instant::now();
            order.note(10);
            drop(order.turn(3).await);
            drop(order.turn(3).await);
            order.note(u64::MAX);
            drop(order.turn(11).await);
            assert_eq!(begin.elapsed(), Duration::ZERO);
            drop(order.turn(u64::MAX).await);
            drop(order.turn(12).await);
            assert!(begin.elapsed() <= PATIENCE);
        });
    }
}
