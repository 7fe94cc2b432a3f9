//! A deadline that is put off with every request and hardly ever met: its timer is left to run, and
//! set again when it went off too early.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// By when something has to have happened.
pub(super) struct Deadline<'a> {
    timer: Pin<&'a mut Sleep>,
    patience: Duration,
    at: Instant,
}

impl<'a> Deadline<'a> {
    /// The deadline that is the timer's; once put off, it lies `patience` ahead.
    pub(super) fn new(timer: Pin<&'a mut Sleep>, patience: Duration) -> Self {
        let at = timer.deadline();
        Self {
            timer,
            patience,
            at,
        }
    }

    /// Something happened: the next may take as long.
    pub(super) fn postpone(&mut self) {
        self.at = Instant::now() + self.patience;
    }

    /// Does something, unless it takes too long.
    ///
    /// # Errors
    ///
    /// Those of `work`, and [`io::ErrorKind::TimedOut`].
    pub(super) async fn limit<R>(
        &mut self,
        work: impl Future<Output = io::Result<R>>,
    ) -> io::Result<R> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Pending => self.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
            done @ Poll::Ready(_) => done,
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if self.at <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_postponed_is_met_at_its_new_time() {
        let start = Instant::now();
        let patience = Duration::from_secs(10);
        let timer = pin!(sleep(patience));
        let mut deadline = Deadline::new(timer, patience);
        for _ in 0..3 {
            let in_time = async {
                sleep(Duration::from_secs(9)).await;
                Ok(())
            };
            deadline.limit(in_time).await.unwrap();
            deadline.postpone();
        }
        let error = deadline.limit(pending::<io::Result<()>>()).await;
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), Duration::from_secs(37));
    }
}
