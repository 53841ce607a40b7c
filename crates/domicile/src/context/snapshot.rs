//! The values that are in scope at one moment.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;

use futures_core::Stream;

use super::entry::{self, Entry};
use super::guard::{Entered, Guard};
use super::origin::Origin;
use super::scoped::Scoped;
use super::thread;

/// An immutable snapshot of the context: cheap to clone, and free to go to another thread or task.
///
/// This is the explicit way to carry values over: capture [`Context::current`], move it, and open a scope from it. The
/// scope replaces what is in scope there by exactly this context.
///
/// ```
/// use domicile::{Context, RoutingKey, context};
///
/// context::with(RoutingKey::new("ES"), || {
///     let here = Context::current();
///     std::thread::scope(|threads| {
///         threads.spawn(|| {
///             assert_eq!(context::get::<RoutingKey>(), None);
///             let key = here.run(context::get::<RoutingKey>);
///             assert_eq!(key.unwrap().as_str(), "ES");
///         });
///     });
/// });
/// ```
#[derive(Clone, Default)]
pub struct Context {
    // `None` is empty and needs no reference count. One pointer and no more, because it is moved in and out by each poll.
    entries: Option<Arc<Entries>>,
}

/// Few values are in scope at a time, so that a scan beats a hash map. Most often it is one.
struct Entries {
    first: Entry,
    others: Box<[Entry]>,
}

impl Context {
    /// Returns the context with nothing set.
    ///
    /// ```
    /// use domicile::{Context, RoutingKey, context};
    ///
    /// let key = context::with(RoutingKey::new("ES"), || Context::empty().run(context::get::<RoutingKey>));
    /// assert_eq!(key, None);
    /// ```
    pub const fn empty() -> Self {
        Self { entries: None }
    }

    /// Captures what is in scope here.
    ///
    /// ```
    /// use domicile::{Context, RoutingKey, context};
    ///
    /// let captured = context::with(RoutingKey::new("ES"), Context::current);
    /// assert_eq!(captured.get::<RoutingKey>().unwrap().as_str(), "ES");
    /// ```
    pub fn current() -> Self {
        thread::current()
    }

    /// Returns this context with the value set, in place of an earlier one of the same type.
    ///
    /// ```
    /// let context = domicile::Context::empty().and("ES").and(7_u32).and(8_u32);
    /// assert_eq!(context.get::<u32>().as_deref(), Some(&8));
    /// assert_eq!(context.entries().count(), 2);
    /// ```
    #[track_caller]
    #[must_use]
    pub fn and<T: Send + Sync + Debug + 'static>(self, value: T) -> Self {
        self.with_entry(Entry::new(value))
    }

    /// Returns this context with the value set, and tells where it comes from in place of the line of this call: for
    /// values that are passed on from a file or a request, so that a message names that and not the code between.
    ///
    /// ```
    /// use domicile::{Context, Origin, RoutingKey};
    ///
    /// let context = Context::empty().and_from(RoutingKey::new("ES"), Origin::told("header X-Country"));
    /// assert_eq!(context.to_string(), "RoutingKey(ES) set at header X-Country");
    /// ```
    #[must_use]
    pub fn and_from<T: Send + Sync + Debug + 'static>(self, value: T, origin: Origin) -> Self {
        self.with_entry(Entry::from(value, origin))
    }

    /// Returns this context without its value of type `T`.
    ///
    /// ```
    /// let context = domicile::Context::empty().and("ES").and(7_u32).without::<u32>();
    /// assert_eq!(context.get::<u32>(), None);
    /// assert_eq!(context.entries().count(), 1);
    /// ```
    #[must_use]
    pub fn without<T: 'static>(&self) -> Self {
        if self.entry::<T>().is_none() {
            return self.clone();
        }
        Self::of(self.entries().filter(|entry| !entry.is::<T>()).cloned())
    }

    pub(super) fn with_entry(&self, new: Entry) -> Self {
        let others = self.entries().filter(|entry| !entry.is_like(&new)).cloned();
        Self::of(others.chain([new.clone()]))
    }

    fn of(mut entries: impl Iterator<Item = Entry>) -> Self {
        let entries = entries.next().map(|first| Arc::new(Entries { first, others: entries.collect() }));
        Self { entries }
    }

    /// Returns the value of type `T`.
    ///
    /// ```
    /// let context = domicile::Context::empty().and(7_u32);
    /// assert_eq!(context.get::<u32>().as_deref(), Some(&7));
    /// assert_eq!(context.get::<u64>(), None);
    /// ```
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        entry::downcast(Arc::clone(self.entry::<T>()?.share()))
    }

    pub(super) fn find<T: 'static>(&self) -> Option<&T> {
        self.entry::<T>()?.value()
    }

    /// Returns the value of type `T` together with where it was set.
    ///
    /// ```
    /// let context = domicile::Context::empty().and(7_u32);
    /// assert_eq!(context.entry::<u32>().unwrap().origin().location().unwrap().file(), file!());
    /// ```
    pub fn entry<T: 'static>(&self) -> Option<&Entry> {
        let entries = self.entries.as_deref()?;
        if entries.first.is::<T>() {
            return Some(&entries.first);
        }
        entries.others.iter().find(|entry| entry.is::<T>())
    }

    #[inline]
    pub(super) fn first(&self) -> Option<&Entry> {
        self.entries.as_deref().map(|entries| &entries.first)
    }

    /// Returns all that is set, in the order in which it was set.
    ///
    /// ```
    /// let context = domicile::Context::empty().and("ES").and(7_u32);
    /// let names: Vec<String> = context.entries().map(|entry| entry.type_name()).collect();
    /// assert_eq!(names, ["&str", "u32"]);
    /// ```
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flat_map(|entries| std::iter::once(&entries.first).chain(&entries.others))
    }

    /// Shows `visit` all that is set, as [`entries`](Self::entries) lists it.
    #[inline]
    pub(super) fn each<'a>(&'a self, mut visit: impl FnMut(&'a Entry)) {
        if let Some(entries) = self.entries.as_deref() {
            visit(&entries.first);
            entries.others.iter().for_each(visit);
        }
    }

    /// Makes exactly this context the one in scope, until the returned guard is dropped.
    ///
    /// ```
    /// use domicile::{Context, context};
    ///
    /// let guard = Context::empty().and(7_u32).enter();
    /// assert_eq!(context::get::<u32>().as_deref(), Some(&7));
    /// drop(guard);
    /// assert_eq!(context::get::<u32>(), None);
    /// ```
    pub fn enter(self) -> Guard {
        Guard::new(self)
    }

    /// Runs `f` with exactly this context in scope.
    ///
    /// Leaving `f`, also by a panic, restores exactly what was there before: every scope that was opened inside is
    /// closed.
    ///
    /// ```
    /// use domicile::{Context, context};
    ///
    /// let context = Context::empty().and(7_u32);
    /// assert_eq!(context.run(context::get::<u32>).as_deref(), Some(&7));
    /// assert_eq!(context::get::<u32>(), None);
    /// ```
    ///
    /// It is the one call that carries the context to code of any other kind: to `spawn_blocking`, to a thread, and to
    /// rayon, whose workers start empty as well.
    ///
    /// ```
    /// use domicile::{Context, RoutingKey, context};
    /// use rayon::prelude::*;
    ///
    /// let keys: Vec<_> = context::with(RoutingKey::new("ES"), || {
    ///     let here = Context::current();
    ///     (0..100).into_par_iter().map(|_| here.run(context::get::<RoutingKey>)).collect()
    /// });
    /// assert!(keys.iter().all(|key| key.as_ref().unwrap().as_str() == "ES"));
    /// ```
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(self.clone());
        f()
    }

    /// Wraps a future so that it runs with exactly this context in scope, on whatever thread it is polled.
    ///
    /// ```
    /// use domicile::{Context, RoutingKey, context};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// context::scope(RoutingKey::new("ES"), async {
    ///     // A spawned task starts empty, so that the context is carried over by hand.
    ///     let task = Context::current().scope(async { context::get::<RoutingKey>() });
    ///     assert_eq!(tokio::spawn(task).await.unwrap().unwrap().as_str(), "ES");
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn scope<F: Future>(self, future: F) -> Scoped<F> {
        Scoped::new(self, future)
    }

    /// Wraps a stream so that each of its items is made with exactly this context in scope, wherever it is polled: a lazy
    /// stream that outlives the scope that it was made in keeps what was in scope there.
    ///
    /// ```
    /// use domicile::{Context, RoutingKey, context};
    /// use futures::StreamExt;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let rows = context::with(RoutingKey::new("ES"), || {
    ///     let lazy = futures::stream::iter(0..2).map(|_| context::get::<RoutingKey>());
    ///     Context::current().scope_stream(lazy)
    /// });
    /// // Out here nothing is set, and the stream still sees it.
    /// let keys: Vec<_> = rows.map(|key| key.unwrap().to_string()).collect().await;
    /// assert_eq!(keys, ["ES", "ES"]);
    /// assert_eq!(context::get::<RoutingKey>(), None);
    /// # });
    /// ```
    pub fn scope_stream<S: Stream>(self, stream: S) -> Scoped<S> {
        Scoped::new(self, stream)
    }
}

impl Display for Context {
    /// Lists all that is set and where, or says `nothing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entries = self.entries();
        let Some(first) = entries.next() else { return f.write_str("nothing") };
        write!(f, "{first}")?;
        entries.try_for_each(|entry| write!(f, ", {entry}"))
    }
}

impl Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({self})")
    }
}
