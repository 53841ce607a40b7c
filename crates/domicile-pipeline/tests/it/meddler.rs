//! An observer that interferes with a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domicile_pipeline::{Event, Observer};

/// Does something once: when a source starts, or when a home has committed for the first time.
pub(crate) struct Meddler<F> {
    after_commit_of: Option<&'static str>,
    done: AtomicBool,
    meddle: F,
}

impl<F: Fn() + Send + Sync> Meddler<F> {
    pub(crate) fn new(after_commit_of: Option<&'static str>, meddle: F) -> Arc<Self> {
        Arc::new(Self { after_commit_of, done: AtomicBool::new(false), meddle })
    }

    fn once(&self) {
        if !self.done.swap(true, Ordering::SeqCst) {
            (self.meddle)();
        }
    }
}

impl<F: Fn() + Send + Sync> Observer for Meddler<F> {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::SourceStarted { .. } if self.after_commit_of.is_none() => self.once(),
            Event::Committed(commit) if self.after_commit_of == Some(commit.home) => self.once(),
            _ => {}
        }
    }
}
