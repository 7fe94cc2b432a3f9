//! Waiting for the application's own code: a panic stays with what it decides, and many decisions
//! wait side by side.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use super::AuthError;

/// Keeps a panic of the application's hook or rule to what it decides: that fails, unsigned, where
/// the connection would be torn down without an answer.
pub(crate) async fn contained<T>(
    decide: impl Future<Output = Result<T, AuthError>>,
) -> Result<T, AuthError> {
    let mut decide = pin!(decide);
    poll_fn(|context| {
        // The future is not polled again after a panic, so nobody sees what it left behind.
        catch_unwind(AssertUnwindSafe(|| decide.as_mut().poll(context))).unwrap_or_else(|_| {
            Poll::Ready(Err(AuthError::failed("the users hook or a rule panicked")))
        })
    })
    .await
}

/// Waits for all of them at once; the results are in the order given.
///
/// Whatever wakes one polls all that are not ready, which is nothing beside what rules wait for:
/// there are no more of them than channels in one request.
pub(crate) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<F::Output>> = pending.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut ready = true;
        for (future, result) in pending.iter_mut().zip(&mut results) {
            if result.is_some() {
                continue;
            }
            match future.as_mut().poll(context) {
                Poll::Ready(value) => *result = Some(value),
                Poll::Pending => ready = false,
            }
        }
        if ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn futures_wait_side_by_side_and_keep_their_order() {
        let (first, second) = tokio::sync::oneshot::channel::<u8>();
        // The first one ends only after the second one has.
        let waiting: Vec<Pin<Box<dyn Future<Output = u8> + Send>>> = vec![
            Box::pin(async { second.await.unwrap() }),
            Box::pin(async {
                first.send(1).unwrap();
                2
            }),
            Box::pin(async { 3 }),
        ];
        let results = tokio::time::timeout(Duration::from_secs(10), together(waiting)).await;
        assert_eq!(results.unwrap(), [1, 2, 3]);
        let none = together(Vec::<std::future::Ready<u8>>::new()).await;
        assert!(none.is_empty());
    }
}
