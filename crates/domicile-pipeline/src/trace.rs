//! What became of one record: what the rules say of it now, whether its home has passed it, and what quarantines keep of it.
//! Nothing is written.

mod look;
mod report;
mod rows;
mod verdict;

use std::ops::Bound;

use domicile::Context;
use futures::{StreamExt, join, stream};

use crate::batch::BatchLimit;
use crate::control::Kept;
use crate::error::{Error, Failure};
use crate::explain::Outcome;
use crate::locate::NearMisses;
use crate::overlap::Mark;
use crate::pipeline::Pipeline;
use crate::plan::Planned;
use crate::position::Position;
use crate::quarantine::UnreachedQuarantine;
use crate::source::GuaranteeClass;
use crate::state::whole;
use crate::status::{LOOKED_AT_AT_ONCE, Place, SETTLES, time};
use look::{Asked, Seen, look};
pub use report::{
    Passage, PassageState, RowState, Trace, TracedBatch, TracedQuarantine, TracedRecord, TracedRow, Verdict,
};
use rows::{Objects, Rows};

/// So many records of one cursor are told, and so many that one quarantine keeps.
const MOST: usize = 100;

/// A record of the source.
struct Subject {
    /// The number of the home that it is read for, or that of the control database.
    slot: usize,
    outcome: Outcome,
    mark: Option<Mark>,
    /// What it makes in its home.
    objects: Objects,
}

impl Pipeline {
    /// Says what became of the record with a cursor of a source (the first one, if none is named), which is a list in JSON
    /// where it has several columns. All databases are asked, and nothing is written.
    ///
    /// What has become of a record is told by its home's position and accounting, by what quarantines keep, and by the rows
    /// that it makes, which are looked for in all homes: by an index where they are known by a whole number, and else among all
    /// rows of their table, for 15 seconds. What many
    /// records make together only [`verify`](Self::verify) can prove.
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use domicile_pipeline::{Config, Pipeline};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = Config::load(Path::new("domicile.toml"))?;
    /// let trace = Pipeline::new(config).trace(None, "42").await?;
    /// println!("order 42 is {}", trace.verdict.name());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the configuration has no such source or is wrong, the text is no cursor of the source, or the source cannot be read.
    /// Other databases that cannot be reached are told in the result.
    pub async fn trace(&self, source: Option<&str>, record: &str) -> Result<Trace, Error> {
        let number = match source {
            None => 0,
            Some(name) => {
                self.check_sources(&[name.to_owned()])?;
                self.config.sources.iter().position(|source| source.name == name).unwrap_or_default()
            }
        };
        let mut planned = self.plan_one(number).await?;
        let name = planned.writing.name.clone();
        let position = planned.source.cursor().read(record);
        let position = position.map_err(|message| Error::usage(format!("source {name}: {message}")))?;
        let (subjects, mut is_cut) = self.subjects(&mut planned, &position).await?;
        let rows = Rows::of(&self.config, &planned, subjects.iter().map(|subject| &subject.objects));
        let rows = rows.map_err(|message| Error::source(&name, message))?;
        let places = self.watched(&[]);
        let asked = |slot: usize| {
            let of_place = || subjects.iter().filter(move |subject| subject.slot == slot);
            let marks = of_place().filter_map(|subject| subject.mark.as_ref()).collect();
            Asked { source: &name, position: &position, is_read_for: of_place().next().is_some(), marks }
        };
        let asked: Vec<_> = (0..places.len()).map(asked).collect();
        let looks = stream::iter(places.iter().zip(&asked)).map(|(place, asked)| look(place, asked));
        let looks = looks.buffered(LOOKED_AT_AT_ONCE).collect::<Vec<_>>();
        let (kept, looks, looked) = join!(self.kept_in_time(), looks, rows.look(&self.config));
        let mut unreached: Vec<_> = places.iter().zip(&looks).filter_map(unreached).collect();
        let kept = kept.unwrap_or_else(|failure| {
            if unreached.iter().all(|unreached| unreached.home.is_some()) {
                unreached.push(UnreachedQuarantine { home: None, failure });
            }
            Kept::default()
        });
        let unsettled = unsettled(&mut planned, &position, &subjects, &looks, &kept).await;
        let known = Known { planned: &planned, position: &position, kept: &kept, unsettled };
        let traced = subjects.iter().enumerate().map(|(number, subject)| TracedRecord {
            rows: rows.told(number, subject.slot, &self.config, &looked),
            ..known.traced(subject, &places[subject.slot], &looks[subject.slot])
        });
        let records: Vec<_> = traced.collect();
        let seen = looks.into_iter().flatten();
        let mut quarantine = Vec::new();
        for seen in seen {
            is_cut |= seen.is_cut;
            quarantine.extend(seen.quarantine);
        }
        let verdict = verdict::verdict(&records, &quarantine);
        Ok(Trace { source: name, position, verdict, records, quarantine, is_cut, unreached })
    }

    /// The records that the source has with a cursor, also where it is not settled yet, and whether there are more.
    async fn subjects(&self, planned: &mut Planned, position: &Position) -> Result<(Vec<Subject>, bool), Error> {
        let most = BatchLimit { rows: self.config.batch.rows, bytes: self.config.batch.bytes };
        let mut batch = planned.source.read(&Bound::Included(position.clone()), position, most).await?;
        let is_cut = batch.records.num_rows() > MOST;
        batch.records = batch.records.slice(0, batch.records.num_rows().min(MOST));
        let judged = planned.locator.judge(&batch.records);
        let judged = judged.map_err(|message| Error::source(&planned.writing.name, message))?;
        let mut near_misses = NearMisses::default();
        let subject = |row| {
            let (slot, outcome, _) = self.outcome(planned, &batch, &judged, row, &mut near_misses);
            let mark = planned.overlap.as_ref().map(|overlap| overlap.mark(&batch.records, row));
            let objects = match &outcome {
                Outcome::Delivered { .. } => {
                    let home = Context::empty().and(self.config.homes[slot].home.clone());
                    home.run(|| planned.writing.analysers.analyse(&batch.records.slice(row, 1))).unwrap_or_default()
                }
                _ => Vec::new(),
            };
            Subject { slot, outcome, mark, objects }
        };
        Ok(((0..batch.records.num_rows()).map(subject).collect(), is_cut))
    }
}

fn unreached((place, look): (&Place<'_>, &Result<Seen, Failure>)) -> Option<UnreachedQuarantine> {
    let failure = look.as_ref().err()?.with_help();
    Some(UnreachedQuarantine { home: place.home.map(str::to_owned), failure })
}

/// Why the source does not give a record yet that a home has not reached, if that is so.
async fn unsettled(
    planned: &mut Planned,
    position: &Position,
    subjects: &[Subject],
    looks: &[Result<Seen, Failure>],
    kept: &Kept,
) -> Option<String> {
    let cursor = planned.source.cursor().clone();
    let positions = subjects.iter().filter_map(|subject| Some(&looks[subject.slot].as_ref().ok()?.position));
    let positions: Vec<_> = positions.filter(|reached| cursor.admits(reached)).collect();
    positions.iter().find(|reached| **reached < position)?;
    let reached = positions.into_iter().max().cloned().unwrap_or_default();
    let waits = kept.waits.get(&planned.writing.name).filter(|waits| cursor.admits(&waits.upto));
    planned.source.hurry(SETTLES);
    match planned.source.horizon(&reached, waits).await {
        Ok(horizon) if horizon.upto < *position => {
            let waits_for = horizon.waits_for.map_or_else(String::new, |waits_for| format!(": {waits_for}"));
            Some(format!("the source is settled up to {} only{waits_for}", horizon.upto))
        }
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}

/// What is known beside what a home says itself.
struct Known<'a> {
    planned: &'a Planned,
    position: &'a Position,
    kept: &'a Kept,
    /// Why the source does not give the record yet.
    unsettled: Option<String>,
}

impl Known<'_> {
    fn traced(&self, subject: &Subject, place: &Place<'_>, look: &Result<Seen, Failure>) -> TracedRecord {
        let passage = match look {
            Err(failure) => Passage {
                position: None,
                why: Some(failure.with_help()),
                ..passage(PassageState::Unreachable, &Position::Start)
            },
            Ok(seen) if !self.planned.source.cursor().admits(&seen.position) => Passage {
                why: Some(String::from("its position of this source was read by another cursor")),
                ..passage(PassageState::Blocked, &seen.position)
            },
            Ok(seen) if seen.position < *self.position => self.in_front(place, seen),
            Ok(seen) if self.comes_late(subject, seen) => Passage {
                why: Some(String::from(
                    "it came when the home had passed it, within the `overlap`: the next run reads it",
                )),
                ..passage(PassageState::NotReached, &seen.position)
            },
            Ok(seen) => Passage {
                batch: seen.batch.clone(),
                why: self.not_known(subject, seen),
                ..passage(PassageState::Passed, &seen.position)
            },
        };
        let (outcome, read_for) = (subject.outcome.clone(), place.home.map(str::to_owned));
        TracedRecord { outcome, read_for, passage, rows: Vec::new() }
    }

    /// A home that has not passed the record.
    fn in_front(&self, place: &Place<'_>, seen: &Seen) -> Passage {
        let home = (self.planned.writing.name.clone(), place.home.unwrap_or_default().to_owned());
        let of_source = || self.kept.states.get(&whole(&self.planned.writing.name));
        let Some(state) = self.kept.states.get(&home).or_else(of_source) else {
            return Passage { why: self.unsettled.clone(), ..passage(PassageState::NotReached, &seen.position) };
        };
        let (why, since) = (Some(state.why.clone()), Some(time(state.since)));
        Passage { why, since, ..passage(state.condition.into(), &seen.position) }
    }

    /// Whether a record is read again by the next run, and the home does not remember it.
    fn comes_late(&self, subject: &Subject, seen: &Seen) -> bool {
        let Some((overlap, mark)) = self.planned.overlap.as_ref().zip(subject.mark.as_ref()) else { return false };
        let is_read_again = overlap.begin(&seen.position).is_none_or(|begin| mark.at >= begin);
        is_read_again && !seen.remembered.contains(&mark.hash)
    }

    /// What nobody can tell of a record that its home has passed.
    fn not_known(&self, subject: &Subject, seen: &Seen) -> Option<String> {
        if subject.mark.as_ref().is_some_and(|mark| seen.remembered.contains(&mark.hash)) {
            return None;
        }
        let why = match (&subject.outcome, &seen.batch) {
            (Outcome::Quarantined { .. }, _) => {
                "what quarantines tell below is what became of it then; if none does, it or the rules have changed since"
            }
            (_, None) if self.planned.overlap.is_some() => {
                "no commit accounts for this cursor: the record came so late that it is not read any more, or later than its \
                 cursor and was accounted for where its home was then"
            }
            (_, None) => {
                "no commit accounts for this cursor: the record came after the home had passed it or had another home then, \
                 or the accounting is gone"
            }
            _ if self.planned.overlap.is_some() => {
                "it is in front of the `overlap`, where nobody remembers whether it came in time to be read"
            }
            (Outcome::Delivered { .. }, Some(batch)) if batch.account.delivered == 0 => {
                "that commit has delivered nothing: the record or the rules have changed since"
            }
            (Outcome::Ignored, Some(batch)) if batch.account.ignored == 0 => {
                "that commit has ignored nothing: the record or the rules have changed since"
            }
            _ if self.planned.source.guarantee().class == GuaranteeClass::Heuristic => {
                "the source can have given it too late, as its guarantee class says: `verify` proves what is there"
            }
            _ => return None,
        };
        Some(String::from(why))
    }
}

fn passage(state: PassageState, position: &Position) -> Passage {
    Passage { state, position: Some(position.clone()), batch: None, why: None, since: None }
}
