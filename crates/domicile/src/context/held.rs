//! Guards whose scopes are away: held across an `.await`, a scope is kept by the future that it is open in.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};

use super::snapshot::Context;
use super::stack::Mark;

/// What is known of a guard wherever its scope is. The future may have taken the scope to another thread; the guard
/// itself never leaves its own.
#[derive(Debug)]
pub(super) struct Held {
    thread: ThreadId,
    mark: Mark,
    is_closed: AtomicBool,
}

impl Held {
    /// Returns that by which the guard finds its scope on this thread, if it is the guard's own.
    pub(super) fn mark_here(&self) -> Option<Mark> {
        (self.thread == thread::current().id()).then_some(self.mark)
    }
}

/// The scope of a guard while its future is not being polled.
pub(super) struct Suspended {
    pub(super) context: Context,
    pub(super) held: Arc<Held>,
}

impl Suspended {
    pub(super) fn is_open(&self) -> bool {
        !self.held.is_closed.load(Ordering::Acquire)
    }
}

/// The guards of one thread whose scopes have been away. A scope that is gone is forgotten; one whose guard was forgotten,
/// too, as by `mem::forget`, unless it outlives the thread: then what is known of it is leaked.
#[derive(Debug)]
pub(super) struct Away {
    by_mark: BTreeMap<Mark, Weak<Held>>,
    // How many there may be before those are sought whose guard was forgotten and whose scope is gone.
    count_max: usize,
}

impl Away {
    pub(super) const fn new() -> Self {
        Self { by_mark: BTreeMap::new(), count_max: 0 }
    }

    /// Remembers a guard of this thread whose scope goes away.
    pub(super) fn hold(&mut self, mark: Mark) -> Arc<Held> {
        let held = Arc::new(Held { thread: thread::current().id(), mark, is_closed: AtomicBool::new(false) });
        if self.by_mark.len() >= self.count_max {
            self.forget_gone();
            self.count_max = 2 * self.by_mark.len() + 1;
        }
        self.by_mark.insert(mark, Arc::downgrade(&held));
        held
    }

    /// Tells the scope of a guard, wherever it is, that the guard is gone.
    pub(super) fn close(&mut self, mark: Mark) {
        if let Some(held) = self.by_mark.remove(&mark).and_then(|held| held.upgrade()) {
            held.is_closed.store(true, Ordering::Release);
        }
        self.free_if_empty();
    }

    /// Forgets the guards whose scopes are gone: such a guard was forgotten itself, or has nothing left to close.
    pub(super) fn forget_gone(&mut self) {
        self.by_mark.retain(|_, held| held.strong_count() > 0);
        self.free_if_empty();
    }

    /// Leaves no memory where there are no guards, because the thread has no destructor that would free it.
    fn free_if_empty(&mut self) {
        if self.by_mark.is_empty() {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Away, Mark};

    #[test]
    fn guards_that_were_forgotten_are_forgotten_with_their_scopes() {
        let mut away = Away::new();
        let kept = away.hold(Mark::ROOT);
        let mut mark = Mark::ROOT;
        for _ in 1..1000 {
            mark = mark.next();
            drop(away.hold(mark));
            assert!(away.by_mark.len() <= 4, "of which one has a scope");
        }
        away.close(Mark::ROOT);
        assert!(kept.is_closed.load(std::sync::atomic::Ordering::Acquire));
    }
}
