//! Running futures in turns.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures::future::BoxFuture;

/// Runs futures in turns on one task: in each turn each of them is polled once, in an order that `seed` decides. The
/// same seed gives the same order. What they return comes in the order in which they were given.
///
/// ```
/// use std::sync::Mutex;
///
/// use domicile_sqlx::conformance::interleaved;
/// use futures::FutureExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let order = Mutex::new(Vec::new());
/// let step = |name| {
///     let order = &order;
///     async move {
///         for _ in 0..2 {
///             order.lock().unwrap().push(name);
///             tokio::task::yield_now().await;
///         }
///         name
///     }
///     .boxed()
/// };
/// assert_eq!(interleaved(7, vec![step("a"), step("b")]).await, ["a", "b"]);
/// let order = order.into_inner().unwrap();
/// assert_ne!(order[0], order[1]);
/// assert_ne!(order[2], order[3]);
/// # }
/// ```
pub async fn interleaved<T>(seed: u64, futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut random = SplitMix64(seed);
    let mut running: Vec<_> = futures.into_iter().map(|future| (Some(future), None)).collect();
    poll_fn(move |wakeup| {
        let mut order: Vec<usize> = (0..running.len()).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        for index in order {
            let (future, done) = &mut running[index];
            if let Some(polled) = future
                && let Poll::Ready(value) = pin!(polled).poll(wakeup)
            {
                (*future, *done) = (None, Some(value));
            }
        }
        if running.iter().any(|(future, _)| future.is_some()) {
            return Poll::Pending;
        }
        Poll::Ready(running.iter_mut().map(|(_, done)| done.take().expect("it has ended")).collect())
    })
    .await
}

/// Sebastiano Vigna's generator, <https://prng.di.unimi.it/splitmix64.c>: enough to shuffle a few futures.
struct SplitMix64(u64);

impl SplitMix64 {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
