//! Random interleavings, cancellations and panics of tasks on one thread. The oracle is the task alone: whatever runs in
//! between, each sees what it would have seen by itself, and the thread sees nothing of any.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use domicile::context;
use proptest::prelude::*;

use crate::values::{Pause, Tenant, poll_once, tenant};

#[derive(Clone, Debug)]
enum Step {
    Pause,
    Set(u32),
    Remove,
    /// A synchronous scope.
    With(u32, u32),
    /// A guard that is held across every `.await` within.
    Enter(u32, Vec<Step>),
    /// An async scope within the task's own.
    Scope(u32, Vec<Step>),
    /// An async scope whose future panics at its end, which is caught outside of it.
    Panic(u32, Vec<Step>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        3 => Just(Step::Pause),
        1 => any::<u32>().prop_map(Step::Set),
        1 => Just(Step::Remove),
        1 => any::<(u32, u32)>().prop_map(|(outer, inner)| Step::With(outer, inner)),
    ];
    let step = leaf.prop_recursive(3, 24, 5, |inner| {
        let nested = (any::<u32>(), prop::collection::vec(inner, 0..5));
        prop_oneof![
            nested.clone().prop_map(|(value, steps)| Step::Enter(value, steps)),
            nested.clone().prop_map(|(value, steps)| Step::Scope(value, steps)),
            nested.prop_map(|(value, steps)| Step::Panic(value, steps)),
        ]
    });
    prop::collection::vec(step, 0..8)
}

/// What a task saw after each step.
type Seen = Vec<Option<u32>>;

/// Interprets the steps with a plain variable in place of the context.
fn expected(mut now: Option<u32>, steps: &[Step], seen: &mut Seen) {
    for step in steps {
        match step {
            Step::Pause => {}
            Step::Set(value) => now = Some(*value),
            Step::Remove => now = None,
            Step::With(outer, inner) => seen.extend([Some(*outer), Some(*inner), Some(*outer)]),
            Step::Enter(value, steps) | Step::Scope(value, steps) | Step::Panic(value, steps) => {
                expected(Some(*value), steps, seen);
            }
        }
        seen.push(now);
    }
}

type Shared = Arc<Mutex<Seen>>;

fn note(seen: &Shared) {
    seen.lock().unwrap().push(tenant());
}

fn interpret(steps: Vec<Step>, seen: Shared) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        for step in steps {
            match step {
                Step::Pause => Pause::default().await,
                Step::Set(value) => drop(context::set(Tenant(value)).unwrap()),
                Step::Remove => drop(context::remove::<Tenant>().unwrap()),
                Step::With(outer, inner) => context::with(Tenant(outer), || {
                    note(&seen);
                    context::with(Tenant(inner), || note(&seen));
                    note(&seen);
                }),
                Step::Enter(value, steps) => {
                    let _guard = context::enter(Tenant(value));
                    interpret(steps, Arc::clone(&seen)).await;
                }
                Step::Scope(value, steps) => {
                    context::scope(Tenant(value), interpret(steps, Arc::clone(&seen))).await;
                }
                Step::Panic(value, steps) => {
                    let inner = interpret(steps, Arc::clone(&seen));
                    let panicking = context::scope(Tenant(value), async move {
                        inner.await;
                        // Without a message, of which there would be thousands.
                        std::panic::resume_unwind(Box::new("as planned"));
                    });
                    assert!(Caught(Box::pin(panicking)).await);
                }
            }
            note(&seen);
        }
    })
}

/// Polls a future until it panics: then it is true, and false if it ends.
struct Caught(Pin<Box<dyn Future<Output = ()>>>);

impl Future for Caught {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<bool> {
        match std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(polled) => polled.map(|()| false),
            Err(_) => Poll::Ready(true),
        }
    }
}

/// Writes down, when it is dropped, whether the task's own scope was still open.
struct LastWords(Arc<Mutex<Option<bool>>>);

#[derive(Debug)]
struct TaskNumber(usize);

impl Drop for LastWords {
    fn drop(&mut self) {
        let still_there = context::get::<TaskNumber>().is_some();
        *self.0.lock().unwrap() = Some(still_there);
    }
}

struct Task {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    expected: Seen,
    seen: Shared,
    saw_context_at_end: Arc<Mutex<Option<bool>>>,
    ended: bool,
}

impl Task {
    fn new(number: usize, steps: &[Step]) -> Self {
        let mut expected = Vec::new();
        self::expected(None, steps, &mut expected);
        let (seen, words) = (Shared::default(), Arc::default());
        let (last, run) = (LastWords(Arc::clone(&words)), interpret(steps.to_vec(), Arc::clone(&seen)));
        let future = context::scope(TaskNumber(number), async move {
            let _last = last;
            run.await;
            assert_eq!(context::get::<TaskNumber>().map(|task| task.0), Some(number));
        });
        Self { future: Some(Box::pin(future)), expected, seen, saw_context_at_end: words, ended: false }
    }

    fn poll(&mut self) {
        if let Some(future) = &mut self.future
            && poll_once(future).is_ready()
        {
            self.future = None;
            self.ended = true;
        }
    }

    fn check(&self) {
        let seen = self.seen.lock().unwrap();
        assert_eq!(*seen, self.expected[..seen.len()]);
        if self.ended {
            assert_eq!(seen.len(), self.expected.len());
        }
    }
}

proptest! {
    #[test]
    fn no_task_sees_that_it_is_interleaved(
        programs in prop::collection::vec(steps(), 1..5),
        schedule in prop::collection::vec((any::<prop::sample::Index>(), prop::bool::weighted(0.05)), 0..80),
        outside in any::<Option<u32>>(),
    ) {
        // Tasks are made in an empty context, and polled and dropped within another.
        let mut tasks: Vec<Task> =
            programs.iter().enumerate().map(|(number, steps)| Task::new(number, steps)).collect();
        let _outside = outside.map(|value| context::enter(Tenant(value)));
        for (which, cancelled) in schedule {
            let count = tasks.len();
            let task = &mut tasks[which.index(count)];
            if cancelled { task.future = None } else { task.poll() }
            task.check();
            prop_assert_eq!(tenant(), outside);
            prop_assert!(context::get::<TaskNumber>().is_none());
        }
        for task in &mut tasks {
            task.future = None;
            prop_assert_eq!(*task.saw_context_at_end.lock().unwrap(), Some(true));
            prop_assert_eq!(tenant(), outside);
        }
    }
}
