//! The scopes that are open on one thread, as plain data.

use std::sync::{Arc, Weak};

use tokio::task::Id;

use super::snapshot::Context;

/// What the owner of a scope holds: the scope is open for as long as this exists.
#[derive(Debug)]
pub(super) struct Mark(Arc<()>);

impl Mark {
    pub(super) fn new() -> Self {
        Self(Arc::new(()))
    }
}

/// One open scope: the whole context within it, not the difference from the scope around it. Taking a frame out of
/// the middle therefore changes nothing for the frames above it, and guards may be dropped in any order.
#[derive(Clone)]
pub(super) struct Frame {
    context: Context,
    mark: Weak<()>,
    // The task that sees this frame. Other tasks that run on the same thread meanwhile look past it.
    task: Option<Id>,
}

impl Frame {
    pub(super) fn new(context: Context, mark: &Mark) -> Self {
        Self { context, mark: Arc::downgrade(&mark.0), task: None }
    }

    pub(super) fn is_open(&self) -> bool {
        self.mark.strong_count() > 0
    }

    fn belongs_to(&self, mark: &Mark) -> bool {
        std::ptr::eq(self.mark.as_ptr(), Arc::as_ptr(&mark.0))
    }
}

/// The open scopes of a thread, innermost last, above the values that were set with no scope open.
#[derive(Clone, Default)]
pub(super) struct Stack {
    root: Context,
    frames: Vec<Frame>,
}

impl Stack {
    /// The context that `task` sees. The root belongs to the thread, so that no task sees it.
    pub(super) fn current(&self, task: Option<Id>) -> Option<&Context> {
        let innermost = self.frames.iter().rev().find(|frame| frame.task == task);
        match innermost {
            Some(frame) => Some(&frame.context),
            None => task.is_none().then_some(&self.root),
        }
    }

    pub(super) fn current_mut(&mut self, task: Option<Id>) -> Option<&mut Context> {
        let innermost = self.frames.iter_mut().rev().find(|frame| frame.task == task);
        match innermost {
            Some(frame) => Some(&mut frame.context),
            None => task.is_none().then_some(&mut self.root),
        }
    }

    pub(super) fn has_scope(&self, task: Option<Id>) -> bool {
        self.frames.iter().any(|frame| frame.task == task)
    }

    /// Takes out the frame of one owner, wherever it is.
    pub(super) fn close(&mut self, mark: &Mark) -> Option<Frame> {
        let at = self.frames.iter().rposition(|frame| frame.belongs_to(mark))?;
        Some(self.frames.remove(at))
    }

    /// Puts frames on top, as those of `task`, which need not be the task that had them before.
    pub(super) fn resume(&mut self, frames: &mut Vec<Frame>, task: Option<Id>) {
        self.frames.extend(frames.drain(..).map(|frame| Frame { task, ..frame }));
    }

    /// Takes the frame of one owner and all that its task has opened above it back into `frames`. Frames of other
    /// tasks stay: a task of a `LocalSet` may keep a guard while the scope around the `LocalSet` is suspended.
    pub(super) fn suspend(&mut self, mark: &Mark, frames: &mut Vec<Frame>) {
        if let Some(at) = self.frames.iter().rposition(|frame| frame.belongs_to(mark)) {
            let task = self.frames[at].task;
            frames.extend(self.frames.extract_if(at.., |frame| frame.task == task));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Mark, Stack};
    use crate::context::Context;

    fn number(stack: &Stack) -> Option<u32> {
        stack.current(None).and_then(|context| context.find::<u32>().copied())
    }

    fn frame(value: u32, mark: &Mark) -> Frame {
        Frame::new(Context::empty().and(value), mark)
    }

    #[test]
    fn a_frame_in_the_middle_leaves_those_above_alone() {
        let (outer, inner) = (Mark::new(), Mark::new());
        let mut stack = Stack::default();
        stack.resume(&mut vec![frame(1, &outer), frame(2, &inner)], None);
        assert!(stack.close(&outer).is_some());
        assert_eq!(number(&stack), Some(2));
        assert!(stack.close(&outer).is_none());
        assert!(stack.close(&inner).is_some());
        assert_eq!(number(&stack), None);
        assert!(!stack.has_scope(None));
    }

    #[test]
    fn suspending_takes_all_above_and_resuming_brings_it_back() {
        let (outside, scope, guard) = (Mark::new(), Mark::new(), Mark::new());
        let mut stack = Stack::default();
        stack.resume(&mut vec![frame(1, &outside), frame(2, &scope), frame(3, &guard)], None);
        let mut kept = Vec::new();
        stack.suspend(&scope, &mut kept);
        assert_eq!((kept.len(), number(&stack)), (2, Some(1)));
        stack.resume(&mut kept, None);
        assert_eq!((kept.len(), number(&stack)), (0, Some(3)));
    }

    #[test]
    fn a_frame_is_open_while_its_owner_lives() {
        let mark = Mark::new();
        let frame = frame(1, &mark);
        assert!(frame.is_open());
        drop(mark);
        assert!(!frame.is_open());
    }
}
