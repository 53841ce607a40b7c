//! Which homes and sources are not well, why, and since when: a hint for operators, kept in the control database.
//!
//! No run decides anything by it, and where it cannot be written, nothing is lost but the hint: a home's position alone says
//! how far it has got. It is read together with all else that a run reads of the control database, and written only where
//! something changes, so that a run with nothing new costs no more than without it.

use serde::Serialize;

use crate::control::now;
use crate::error::{Error, Failure, FailureClass};
use crate::text::escaped;

/// A database of the configuration: the source that it is delivered from, and the home; the control database has no name. Or
/// the source as a whole, as [`whole`] makes it.
pub(crate) type OfHome = (String, String);

/// What is written: a state, or nothing of a home, or of a source, that is well.
pub(crate) type Change = (OfHome, Option<State>);

/// So much is kept of a reason.
const WHY_CHARACTERS: usize = 2_000;

/// How a home, or a source as a whole, is as far as a run has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// A home has taken what it was given; a source was read to its end.
    #[default]
    Well,
    /// It fails for a reason that may pass by itself; the next run goes on from where it was.
    Failing,
    /// Somebody has to mend something, as is told with it. Each run tries again, and goes on from where it was once that is done.
    Blocked,
}

/// What stands for a source as a whole: no home has such a name.
pub(crate) fn whole(source: &str) -> OfHome {
    (source.to_owned(), String::from("*"))
}

/// How a home or a source is that is not well.
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
    const ALL: [Self; 3] = [Condition::Well, Condition::Failing, Condition::Blocked];

    /// The name for people, and in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Condition::Well => "well",
            Condition::Failing => "failing",
            Condition::Blocked => "blocked",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.name() == name)
    }
}

impl From<FailureClass> for Condition {
    fn from(class: FailureClass) -> Self {
        match class {
            FailureClass::Transient => Condition::Failing,
            // A record that cannot be found among many is for somebody to mend, too.
            FailureClass::Blocked | FailureClass::Record => Condition::Blocked,
        }
    }
}

impl State {
    /// The state of a home that has failed now. That another run has moved it on says nothing against it.
    pub(crate) fn of(failure: &Failure) -> Option<Self> {
        let is_overtaken = matches!(failure, Failure::Overtaken(_));
        (!is_overtaken).then(|| Self::now(failure.class().into(), &failure.with_help()))
    }

    /// The state of a source of which nothing is read now. That another run is under way says nothing against it.
    pub(crate) fn of_source(error: &Error) -> Option<Self> {
        let condition = if error.may_pass() { Condition::Failing } else { Condition::Blocked };
        (!error.is_under_way()).then(|| Self::now(condition, &error.in_a_line()))
    }

    fn now(condition: Condition, why: &str) -> Self {
        let why = why.replace('\0', "\u{fffd}").chars().take(WHY_CHARACTERS).collect();
        Self { condition, why, since: now(), seen_at: now() }
    }

    /// The same, of one that was not well before: it has not been since then.
    pub(crate) fn after(self, before: Option<&State>) -> Self {
        Self { since: before.map_or(self.since, |before| before.since), ..self }
    }

    /// Whether it is the same but for when it was seen. A database that has not every character keeps others escaped.
    pub(crate) fn is_like(&self, other: &State) -> bool {
        (self.condition, self.since) == (other.condition, other.since)
            && (self.why == other.why || escaped(&self.why) == escaped(&other.why))
    }

    /// What a row of the database says, if it is one of this version's.
    pub(crate) fn from_stored(condition: &str, why: String, since: i64, seen_at: i64) -> Option<Self> {
        let condition = Condition::from_name(condition).filter(|condition| *condition != Condition::Well)?;
        Some(Self { condition, why, since, seen_at })
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
        let of = |why: &str| State { why: why.to_owned(), ..before.clone() };
        assert!(of("no España").is_like(&of("no Espa\\u00f1a")) && !of("no España").is_like(&of("no Espana")));
    }
}
