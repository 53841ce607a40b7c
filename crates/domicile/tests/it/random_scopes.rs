//! Random trees of synchronous scopes against a model of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use domicile::context::{self, Guard};
use domicile::{Context, RoutingKey};
use proptest::prelude::*;

use crate::values::Tenant;

/// Two values of different types, so that one can be set without the other.
type State = (Option<u32>, Option<String>);

#[derive(Clone, Debug)]
enum Step {
    SetTenant(u32),
    SetKey(String),
    RemoveTenant,
    Enter(u32),
    EnterKey(String),
    Drop(usize),
    /// Ways to look at what is in scope, after each of which it must be the same.
    Share,
    Capture,
    With(u32, Vec<Step>),
    WithKey(String, Vec<Step>),
    Panic(u32, Vec<Step>),
    RunEmpty(Vec<Step>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        any::<u32>().prop_map(Step::SetTenant),
        "[A-Z]{2}".prop_map(Step::SetKey),
        Just(Step::RemoveTenant),
        any::<u32>().prop_map(Step::Enter),
        "[A-Z]{2}".prop_map(Step::EnterKey),
        any::<usize>().prop_map(Step::Drop),
        Just(Step::Share),
        Just(Step::Capture),
    ];
    let step = leaf.prop_recursive(4, 64, 6, |inner| {
        let steps = || prop::collection::vec(inner.clone(), 0..6);
        prop_oneof![
            (any::<u32>(), steps()).prop_map(|(value, steps)| Step::With(value, steps)),
            ("[A-Z]{2}", steps()).prop_map(|(value, steps)| Step::WithKey(value, steps)),
            (any::<u32>(), steps()).prop_map(|(value, steps)| Step::Panic(value, steps)),
            steps().prop_map(Step::RunEmpty),
        ]
    });
    prop::collection::vec(step, 0..12)
}

fn actual() -> State {
    let key = context::read::<RoutingKey, _>(|key| key.map(|key| key.as_str().to_owned()));
    (context::copied::<Tenant>().map(|tenant| tenant.0), key)
}

fn shared() -> State {
    let key = context::get::<RoutingKey>().map(|key| key.as_str().to_owned());
    (context::get::<Tenant>().map(|tenant| tenant.0), key)
}

fn captured() -> State {
    let here = Context::current();
    let key = here.get::<RoutingKey>().map(|key| key.as_str().to_owned());
    (here.get::<Tenant>().map(|tenant| tenant.0), key)
}

/// The open scopes, innermost last, each with the number of the guard that closes it, if one does.
#[derive(Default)]
struct Model {
    root: State,
    frames: Vec<(usize, State)>,
    last_id: usize,
}

impl Model {
    fn current(&mut self) -> &mut State {
        self.frames.last_mut().map_or(&mut self.root, |(_, state)| state)
    }

    fn push(&mut self, state: State) -> usize {
        self.last_id += 1;
        self.frames.push((self.last_id, state));
        self.last_id
    }
}

/// Guards are shared by the whole tree, so that an inner scope may drop an outer one's.
struct Run {
    model: Model,
    guards: Vec<(usize, Guard)>,
}

impl Run {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
            assert_eq!(actual(), *self.model.current(), "after {step:?}");
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::SetTenant(value) => {
                let before = context::set(Tenant(*value)).unwrap();
                let expected = self.model.current().0.replace(*value);
                assert_eq!(before.map(|tenant| tenant.0), expected);
            }
            Step::SetKey(value) => {
                context::set(RoutingKey::new(value.clone())).unwrap();
                self.model.current().1 = Some(value.clone());
            }
            Step::RemoveTenant => {
                let before = context::remove::<Tenant>().unwrap();
                assert_eq!(before.map(|tenant| tenant.0), self.model.current().0.take());
            }
            Step::Enter(value) => {
                let state = (Some(*value), self.model.current().1.clone());
                let id = self.model.push(state);
                self.guards.push((id, context::enter(Tenant(*value))));
            }
            Step::EnterKey(value) => {
                let state = (self.model.current().0, Some(value.clone()));
                let id = self.model.push(state);
                self.guards.push((id, context::enter(RoutingKey::new(value.clone()))));
            }
            Step::Share => assert_eq!(shared(), *self.model.current()),
            Step::Capture => assert_eq!(captured(), *self.model.current()),
            Step::Drop(which) if !self.guards.is_empty() => {
                let (id, guard) = self.guards.remove(which % self.guards.len());
                self.model.frames.retain(|(open, _)| *open != id);
                drop(guard);
            }
            Step::Drop(_) => {}
            Step::With(value, steps) => {
                let state = (Some(*value), self.model.current().1.clone());
                self.scope(state, |run| context::with(Tenant(*value), || run.steps(steps)));
            }
            Step::WithKey(value, steps) => {
                let state = (self.model.current().0, Some(value.clone()));
                self.scope(state, |run| context::with(RoutingKey::new(value.clone()), || run.steps(steps)));
            }
            Step::Panic(value, steps) => {
                let state = (Some(*value), self.model.current().1.clone());
                self.scope(state, |run| {
                    let panicked = catch_unwind(AssertUnwindSafe(|| {
                        context::with(Tenant(*value), || {
                            run.steps(steps);
                            std::panic::resume_unwind(Box::new("on purpose"));
                        })
                    }));
                    let payload = panicked.expect_err("it always panics");
                    if payload.downcast_ref() != Some(&"on purpose") {
                        std::panic::resume_unwind(payload);
                    }
                });
            }
            Step::RunEmpty(steps) => self.scope(State::default(), |run| Context::empty().run(|| run.steps(steps))),
        }
    }

    /// Runs a scope and all it opened to its end; what was open outside, and is still, is what remains.
    fn scope(&mut self, state: State, run: impl FnOnce(&mut Self)) {
        let id = self.model.push(state);
        run(self);
        let at = self.model.frames.iter().position(|(open, _)| *open == id).expect("nothing but leaving it closes it");
        self.model.frames.truncate(at);
    }
}

proptest! {
    #[test]
    fn every_exit_restores_exactly(steps in steps()) {
        // A thread of its own, so that what is set with no scope open ends with the case.
        std::thread::scope(|threads| {
            let run = threads.spawn(|| {
                let mut run = Run { model: Model::default(), guards: Vec::new() };
                run.steps(&steps);
                let root = run.model.root.clone();
                drop(run);
                assert_eq!(actual(), root, "after all scopes are left");
            });
            run.join().map_err(|_| TestCaseError::fail("see the panic above"))
        })?;
    }
}
