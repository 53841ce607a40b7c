//! The scope of a future or a stream.

use std::pin::Pin;
use std::task::{Context as Wakeup, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::held::Suspended;
use super::snapshot::Context;
use super::stack::Mark;
use super::thread;

pin_project! {
    /// A future or a stream that runs in a scope of its own; made by [`scope`](super::scope), [`Context::scope`] and
    /// [`Context::scope_stream`].
    ///
    /// Its values are on a thread only while that thread polls it. What it sets itself, and the guards that it holds
    /// across `.await`, are kept between polls and never seen outside. Dropping it before it has ended cancels it: the
    /// destructors of what it holds still see its context.
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
    /// Polling a future again after it has returned its result panics. A stream that has ended stays at its end.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Scoped<F> {
        #[pin]
        inner: Option<F>,
        // Where the scope is while it is not being polled.
        rest: Rest,
    }

    impl<F> PinnedDrop for Scoped<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.inner.is_some() {
                let _entered = Polled::new(this.rest);
                this.inner.set(None);
            }
        }
    }
}

impl<F> Scoped<F> {
    pub(crate) fn new(context: Context, inner: F) -> Self {
        Self { inner: Some(inner), rest: Rest { context, above: Vec::new() } }
    }
}

/// The scope of a future and those of the guards that it holds, innermost last; empty while it is being polled.
struct Rest {
    context: Context,
    above: Vec<Suspended>,
}

/// Keeps the scope on the thread's stack, and takes it and all that was opened above it back when it is dropped.
struct Polled<'a> {
    rest: &'a mut Rest,
    mark: Mark,
}

impl<'a> Polled<'a> {
    #[inline]
    fn new(rest: &'a mut Rest) -> Self {
        let mark = thread::resume(&mut rest.context, &mut rest.above);
        Self { rest, mark }
    }
}

impl Drop for Polled<'_> {
    #[inline]
    fn drop(&mut self) {
        thread::suspend(self.mark, &mut self.rest.context, &mut self.rest.above);
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, wakeup: &mut Wakeup<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = Polled::new(this.rest);
        let future = this.inner.as_mut().as_pin_mut();
        let poll = future.expect("a scoped future was polled after it had returned its result").poll(wakeup);
        if poll.is_ready() {
            // The future's own destructors must still see the context.
            this.inner.set(None);
        }
        poll
    }
}

impl<S> Scoped<S> {
    /// Polls for the next item in this scope. At the end the source of the items is dropped in it; it stays at its end.
    pub(crate) fn poll_item<T>(
        self: Pin<&mut Self>,
        poll: impl FnOnce(Pin<&mut S>) -> Poll<Option<T>>,
    ) -> Poll<Option<T>> {
        let mut this = self.project();
        let _entered = Polled::new(this.rest);
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let poll = poll(inner);
        if matches!(poll, Poll::Ready(None)) {
            // Its own destructors must still see the context.
            this.inner.set(None);
        }
        poll
    }
}

#[cfg(feature = "tower")]
impl<S> Scoped<S> {
    pub(crate) fn inner(&self) -> Option<&S> {
        self.inner.as_ref()
    }

    pub(crate) fn into_inner(mut self) -> Option<S>
    where
        S: Unpin,
    {
        Pin::new(&mut self).project().inner.take()
    }
}

impl<S: Stream> Stream for Scoped<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, wakeup: &mut Wakeup<'_>) -> Poll<Option<S::Item>> {
        self.poll_item(|stream| stream.poll_next(wakeup))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}
