//! A look at every home and the control database before anything is written.

mod found;
mod patience;
mod who;

use futures::{StreamExt, stream};
use tokio::sync::Mutex;

use crate::config::{Config, Database, Location, Problem};
use crate::control::Kept;
use crate::cursor::Cursor;
use crate::deliver::Delivery;
use crate::error::{Error, Failure};
use crate::plan::Writing;
use crate::position::{Position, Value};
use crate::source::{Guarantee, GuaranteeClass};
use found::Found;
pub(crate) use found::{Stops, Wrong};
use patience::Patience;
pub(crate) use patience::WaitFor;
pub(crate) use who::Known;
use who::{Control, databases};

/// So many homes are looked at together: most of the time is spent waiting for their answers.
const INSPECTED_AT_ONCE: usize = 16;

/// What the control database is called.
pub(crate) const CONTROL: &str = "the control database";

/// A home, or the control database, and how far it has got with one source.
pub(crate) struct Member {
    /// Its number, in the configuration's order; that of the control database comes after those of the homes.
    pub(crate) slot: usize,
    /// How far it has got, or why it cannot be reached, or is not to be delivered to.
    pub(crate) state: Result<Position, Failure>,
    /// The epoch of the last run that has committed there.
    pub(crate) epoch: i64,
    /// The way into it, which may be open.
    pub(crate) delivery: Box<dyn Delivery>,
    /// It has not answered when most others had, and is left to be asked again by itself.
    pub(crate) is_silent: bool,
}

/// How far homes have got with one source, each of them or some; in the configuration's order.
pub(crate) struct Inspected {
    pub(crate) members: Vec<Member>,
}

impl Inspected {
    /// Where each of so many databases begins. One that cannot be reached, or is not among these, wants nothing: it begins at
    /// the end.
    pub(crate) fn starts(&self, databases: usize, upto: &Position) -> Vec<Position> {
        let mut starts = vec![upto.clone(); databases];
        for Member { slot, state, .. } in &self.members {
            if let Ok(start) = state {
                starts[*slot].clone_from(start);
            }
        }
        starts
    }

    /// Where the control database begins, which has this number, and the home that is behind all others.
    pub(crate) fn starts_of(&self, control: usize) -> (Option<&Position>, Option<&Position>) {
        let known = self.members.iter().filter_map(|member| Some((member.slot, member.state.as_ref().ok()?)));
        let (of_control, of_homes): (Vec<_>, Vec<_>) = known.partition(|(slot, _)| *slot == control);
        let first = |found: Vec<(usize, _)>| found.into_iter().map(|(_, position)| position).min();
        (first(of_control), first(of_homes))
    }

    /// How far the home that is ahead of all others has got.
    pub(crate) fn reached(&self) -> Position {
        self.positions().max().cloned().unwrap_or(Position::Start)
    }

    /// The databases that are behind another one, or of which that is not known.
    pub(crate) fn behind(&self, config: &Config) -> Vec<String> {
        let reached = self.reached();
        let members = self.members.iter().zip(databases(config));
        let behind = members.filter(|(member, _)| member.state.as_ref().ok() != Some(&reached));
        behind.map(|(_, who)| who.name).collect()
    }

    fn positions(&self) -> impl Iterator<Item = &Position> {
        self.members.iter().filter_map(|member| member.state.as_ref().ok())
    }

    /// Those that are read for together, and those that are too far behind for that. No home is to wait for another one's
    /// records for longer than for its own: who joins the home that is ahead of all has no more between the two of them than
    /// that one has before it. Where distances are not known, those that are at one position are.
    pub(crate) fn split(self, upto: &Position) -> (Self, Self) {
        let ahead = self.reached();
        let is_near = |state: &Result<Position, Failure>| match state {
            Ok(position) if *position != ahead => {
                let (between, before) = (distance(position, &ahead), distance(&ahead, upto));
                between.zip(before).is_some_and(|(between, before)| between <= before)
            }
            _ => true,
        };
        let (near, far) = self.members.into_iter().partition(|member| is_near(&member.state));
        (Self { members: near }, Self { members: far })
    }

    /// Leaves out databases, and says which.
    pub(crate) fn leave_out(&mut self, is_left_out: impl Fn(usize) -> bool) -> Vec<usize> {
        self.members.extract_if(.., |member| is_left_out(member.slot)).map(|member| member.slot).collect()
    }

    /// Whether all positions can be those of this cursor.
    pub(crate) fn are_of(&self, cursor: &Cursor) -> bool {
        self.positions().all(|position| cursor.admits(position))
    }

    /// Up to where a source is read that ends at `upto` now. If that is before a home's position, it has lost records, or
    /// is another one: what it gives next would be taken for known. Where the last record may go away at any time, that
    /// says nothing.
    pub(crate) fn readable(&self, upto: Position, guarantee: &Guarantee, source: &str) -> Result<Position, Error> {
        let reached = self.reached();
        if reached <= upto {
            return Ok(upto);
        }
        if guarantee.class == GuaranteeClass::Heuristic {
            return Ok(reached);
        }
        let message = format!(
            "it ends at {upto}, but a home has got to {reached}; was it restored or replaced? Bring its records back, or give \
             the source another `name`, under which it is read from the start"
        );
        Err(Error::source(source, message))
    }
}

/// How far it is from one position to a later one, where they begin with numbers or times. The start counts as 0.
fn distance(from: &Position, to: &Position) -> Option<i128> {
    let number = |position: &Position| match position.values().first() {
        None => Some(0),
        Some(Value::Integer(number)) => Some(*number),
        Some(Value::Date(days)) => Some((*days).into()),
        Some(Value::Timestamp(microseconds)) => Some((*microseconds).into()),
        Some(Value::Decimal { .. } | Value::Text(_) | Value::Bytes(_)) => None,
    };
    number(to)?.checked_sub(number(from)?)
}

/// Reads every position, and finds what keeps homes from being delivered to: tables that do not fit, positions of somebody
/// else, and databases that are not what they are taken for. A home in which something is wrong is blocked: it has a failure
/// in place of a position. Whose a position is is not judged where it is not known what the control database keeps. Of the
/// homes that are open after it, so many stay open.
pub(crate) async fn inspect(
    config: &Config,
    writing: &Writing,
    kept: Option<&Kept>,
    stay_open: usize,
    wait_for: WaitFor,
    known: &Mutex<Known>,
) -> (Inspected, Wrong) {
    inspect_some(config, writing, kept, (stay_open, wait_for), known, |_| true).await
}

/// The same, of the databases whose numbers are wanted.
pub(crate) async fn inspect_some(
    config: &Config,
    writing: &Writing,
    kept: Option<&Kept>,
    (stay_open, wait_for): (usize, WaitFor),
    known: &Mutex<Known>,
    is_wanted: impl Fn(usize) -> bool,
) -> (Inspected, Wrong) {
    let control = Control { is_known: kept.is_some(), id: kept.and_then(|kept| kept.id.as_deref()) };
    let mut found = Found::default();
    let wanted: Vec<_> = databases(config).filter(|who| is_wanted(who.slot)).collect();
    let patience = &Patience::new(wait_for, wanted.len());
    let inspecting = wanted.into_iter().map(|who| async move {
        let (slot, mut delivery) = (who.slot, writing.delivery_to(config, who.slot));
        let opened = patience.wait(delivery.inspect()).await;
        if slot >= stay_open && opened.is_some() {
            delivery.close().await;
        }
        (slot, who, delivery, opened)
    });
    let mut looked: Vec<_> = stream::iter(inspecting).buffer_unordered(INSPECTED_AT_ONCE).collect().await;
    looked.sort_by_key(|(slot, ..)| *slot);
    let mut members = Vec::new();
    let mut known = known.lock().await;
    for (slot, who, mut delivery, opened) in looked {
        let is_silent = opened.is_none();
        if is_silent {
            // With the connection goes what it is still asked.
            delivery = writing.delivery_to(config, slot);
        }
        let mut opened = opened.unwrap_or_else(|| Err(silent()));
        if let Ok(opened) = &opened {
            who.check_owners(&mut found, config, writing, control, opened);
            who.check_cursor(&mut found, writing, opened);
        }
        if let Ok(found_there) = &opened
            && let Err(failure) = answered(config, who.check_identity(&mut found, &mut known, found_there)).await
        {
            opened = Err(failure);
        }
        let epoch = opened.as_ref().map_or(0, |opened| opened.epoch);
        members.push(Member {
            slot,
            state: opened.map(|opened| found.take(writing, &who, opened)),
            epoch,
            delivery,
            is_silent,
        });
    }
    let wrong = found.judge(config, &members);
    for member in &mut members {
        if let Some(failure) = wrong.blocked(member.slot) {
            member.state = Err(failure);
            member.delivery.close().await;
        }
    }
    (Inspected { members }, wrong)
}

/// Waits for what servers are asked about each other for as long as for any answer.
async fn answered(config: &Config, answer: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let late = "its server, or one that says the same of itself, has not answered (`delivery.answer_seconds`)";
    let answered = tokio::time::timeout(config.delivery.answer, answer).await;
    answered.unwrap_or_else(|_| Err(Failure::Transient(String::from(late))))
}

fn silent() -> Failure {
    let message = "it has not answered when most others had; it is asked again, and read for by itself";
    Failure::Transient(String::from(message))
}

/// What is told of a database that fails, with the homes whose it is.
pub(crate) fn unusable(config: &Config, names: &[String], database: &Database, failure: &Failure) -> Problem {
    let help = match (failure, &database.location) {
        (Failure::Absent { make, .. }, _) => make,
        (_, Location::Sqlite(_)) => "check the path, and that the file can be written",
        (_, Location::MySql(_) | Location::Postgres(_)) => {
            "check that the server runs, and that this user may log in and write there"
        }
    };
    let message = format!("{}: the database {database} cannot be used: {failure}", in_short(names));
    config.document.problem(&database.setting, message).help(help).failure()
}

/// Names, the first of them written out.
pub(crate) fn in_short(names: &[String]) -> String {
    match names {
        [first, rest @ ..] if !rest.is_empty() => format!("{first} and {} more", rest.len()),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests;
