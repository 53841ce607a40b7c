//! The scope of a future.

use std::pin::Pin;
use std::task::{Context as Wakeup, Poll};

use pin_project_lite::pin_project;

use super::guard::Entered;
use super::snapshot::Context;
use super::stack::{Frame, Mark};

pin_project! {
    /// A future that runs in a scope of its own; made by [`scope`](super::scope) and [`Context::scope`].
    ///
    /// Its values are on a thread only while that thread polls it. What the future itself sets, and the guards that it
    /// holds across `.await`, are kept between polls and never seen outside. Dropping it before it has ended cancels
    /// it: the destructors of what it holds still see its context.
    ///
    /// ```
    /// use domicile::{RoutingKey, context};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let scoped = context::scope(RoutingKey::new("ES"), async {
    ///     context::set(RoutingKey::new("FR"))?;
    ///     tokio::task::yield_now().await;
    ///     Ok::<_, domicile::Error>(context::get::<RoutingKey>())
    /// });
    /// assert_eq!(scoped.await.unwrap().unwrap().as_str(), "FR");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// Polling it again after it has returned its result panics.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Scoped<F> {
        #[pin]
        future: Option<F>,
        // The frames of this scope, innermost last; empty while it is being polled.
        frames: Vec<Frame>,
        mark: Mark,
    }

    impl<F> PinnedDrop for Scoped<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _entered = Entered::new(this.frames, this.mark);
                this.future.set(None);
            }
        }
    }
}

impl<F> Scoped<F> {
    pub(super) fn new(context: Context, future: F) -> Self {
        let mark = Mark::new();
        Self { future: Some(future), frames: vec![Frame::new(context, &mark)], mark }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, wakeup: &mut Wakeup<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        // A guard that was moved out of the future may have been dropped since the last poll.
        this.frames.retain(Frame::is_open);
        let _entered = Entered::new(this.frames, this.mark);
        let future = this.future.as_mut().as_pin_mut();
        let poll = future.expect("a scoped future was polled after it had returned its result").poll(wakeup);
        if poll.is_ready() {
            // The future's own destructors must still see the context.
            this.future.set(None);
        }
        poll
    }
}
