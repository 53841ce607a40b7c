//! Which homes are not well, why, and since when: a hint for operators, kept in the control database.
//!
//! No run decides anything by it, and where it cannot be written, nothing is lost but the hint: a home's position alone says
//! how far it has got. It is read together with all else that a run reads of the control database, and written only where
//! something changes, so that a run with nothing new costs no more than without it.

use crate::control::now;
use crate::error::Failure;

/// A database of the configuration: the source that it is delivered from, and the home; the control database has no name.
pub(crate) type OfHome = (String, String);

/// What is written: a state, or nothing of a home that is well.
pub(crate) type Change = (OfHome, Option<State>);

/// So much is kept of a reason.
const WHY_CHARACTERS: usize = 2_000;

/// What a home that is not well waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It fails for a reason that passes by itself, and is tried again.
    Failing,
    /// Somebody has to mend something.
    Blocked,
}

/// How a home is that is not well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) condition: Condition,
    /// Nothing of a record stands in it, because a failure shows none.
    pub(crate) why: String,
    /// Seconds since 1970, as this and the next: since when it is not well.
    pub(crate) since: i64,
    /// When it was found to be so.
    pub(crate) seen_at: i64,
}

impl Condition {
    const ALL: [Self; 2] = [Condition::Failing, Condition::Blocked];

    /// The name that stands in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Condition::Failing => "failing",
            Condition::Blocked => "blocked",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.name() == name)
    }
}

impl State {
    /// The state of a home that has failed now. That another run has moved it on says nothing against it.
    pub(crate) fn of(failure: &Failure) -> Option<Self> {
        let condition = match failure {
            Failure::Overtaken(_) => return None,
            failure if failure.is_transient() => Condition::Failing,
            _ => Condition::Blocked,
        };
        let why = failure.with_help().replace('\0', "\u{fffd}").chars().take(WHY_CHARACTERS).collect();
        Some(Self { condition, why, since: now(), seen_at: now() })
    }

    /// The same, of a home that was not well before: it has not been since then.
    pub(crate) fn after(self, before: Option<&State>) -> Self {
        Self { since: before.map_or(self.since, |before| before.since), ..self }
    }

    /// Whether it is the same but for when it was seen.
    pub(crate) fn is_like(&self, other: &State) -> bool {
        (self.condition, &self.why, self.since) == (other.condition, &other.why, other.since)
    }

    /// What a row of the database says, if it is one of this version's.
    pub(crate) fn from_stored(condition: &str, why: String, since: i64, seen_at: i64) -> Option<Self> {
        Some(Self { condition: Condition::from_name(condition)?, why, since, seen_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_somebody_has_to_mend_and_from_what_is_none() {
        let state = |failure| State::of(&failure).map(|state| (state.condition, state.why));
        let why = || String::from("no");
        assert_eq!(state(Failure::Transient(why())), Some((Condition::Failing, why())));
        assert_eq!(state(Failure::Failed(why())), Some((Condition::Blocked, why())));
        assert_eq!(state(Failure::Overtaken(why())), None);
        let long = State::of(&Failure::Failed("é".repeat(5_000))).unwrap();
        assert_eq!(long.why.chars().count(), WHY_CHARACTERS);
    }

    #[test]
    fn a_home_is_not_well_since_it_was_first_seen_to_be() {
        let before = State { since: 7, ..State::of(&Failure::Transient(String::from("away"))).unwrap() };
        let then = State::of(&Failure::Failed(String::from("full"))).unwrap().after(Some(&before));
        assert_eq!((then.condition, then.since), (Condition::Blocked, 7));
        assert!(!then.is_like(&before));
        assert!(before.is_like(&State { seen_at: 0, ..before.clone() }));
    }
}
