//! Replaying what the control database keeps: its home takes it over.

use std::collections::BTreeMap;

use super::super::ahead::Ahead;
use super::super::deliver::Target;
use super::super::kept::{Key, Quarantine, Stored, taken_over};
use super::home::{Judged, TRIES, rows};
use super::{New, ReplayedPlace, Replayer, Verdict};
use crate::control::quoted;
use crate::error::Failure;
use crate::fault::{self, Point};
use crate::position::Position;
use crate::quarantine::Resolution;

/// So many homes stay open from page to page.
const OPEN_HOMES: usize = 32;

/// Homes that are open, by their numbers.
type Targets = BTreeMap<usize, Target>;

/// Records that a home is to have, by the number of their row; those that stay in quarantine with why.
type OfHome<'a> = Vec<(usize, Option<&'a New>)>;

impl Replayer<'_> {
    pub(super) async fn replay_control(&mut self, place: &mut ReplayedPlace) -> Result<(), Failure> {
        let store = self.planned.writing.store_of_control(&self.pipeline.config.control);
        let Some(mut control) = Quarantine::open(store).await? else { return Ok(()) };
        control.mend().await?;
        let (mut ahead, mut targets) = (Ahead::default(), Targets::new());
        while let Some(page) = self.next(&mut control, &mut ahead).await? {
            let page = self.without_moved(&mut control, page, place).await?;
            let judged = self.judged(page, place).await?;
            let mut by_home: BTreeMap<usize, OfHome<'_>> = BTreeMap::new();
            control.store.begin_beside().await?;
            for (row, (stored, verdict)) in judged.page.iter().zip(&judged.verdicts).enumerate() {
                match verdict {
                    Verdict::Ignore => {
                        let resolved = self.resolve(&mut control, stored, Resolution::Ignored, None).await?;
                        place.ignored += u64::from(resolved);
                    }
                    Verdict::Keep(slot, new) if self.planned.locator.is_nowhere(*slot) => {
                        place.kept += u64::from(self.keep(&mut control, stored, &stored.key, new, true).await?);
                    }
                    Verdict::Keep(slot, new) => by_home.entry(*slot).or_default().push((row, Some(new))),
                    Verdict::Deliver(slot) => by_home.entry(*slot).or_default().push((row, None)),
                }
            }
            control.store.commit_beside().await?;
            for (slot, of_home) in by_home {
                if let Err(failure) = self.move_to(slot, &mut targets, &mut control, &judged, of_home, place).await {
                    control.store.rollback().await;
                    let home = &self.pipeline.config.homes[slot].home;
                    place.failure = Some(format!("home {home}: {failure}"));
                }
            }
        }
        for target in targets.values_mut() {
            target.quarantine.store.close().await;
        }
        control.store.close().await;
        Ok(())
    }

    /// Leaves out what a replay that ended early has moved to a home without telling the control database.
    async fn without_moved(
        &self,
        control: &mut Quarantine,
        page: Vec<Stored>,
        place: &mut ReplayedPlace,
    ) -> Result<Vec<Stored>, Failure> {
        let mut noted: BTreeMap<String, Vec<Stored>> = BTreeMap::new();
        let mut left = Vec::new();
        for stored in page {
            match stored.home.clone() {
                Some(home) => noted.entry(home).or_default().push(stored),
                None => left.push(stored),
            }
        }
        for (name, noted) in noted {
            let Some((slot, home)) =
                self.pipeline.config.homes.iter().enumerate().find(|(_, home)| home.home.as_str() == name)
            else {
                let why = format!(
                    "home {name} may have it, and is not in the configuration; if it has not, say so by UPDATE \
                     domicile_quarantine SET home = NULL WHERE home = {} in the control database",
                    quoted(&name)
                );
                noted.iter().for_each(|stored| place.unplayed(stored, why.clone()));
                continue;
            };
            let opened = match self.blocked.get(&slot) {
                Some(failure) => Err(failure.clone()),
                None => Quarantine::open(self.planned.writing.store(home)).await,
            };
            let mut quarantine = match opened {
                Ok(Some(quarantine)) => quarantine,
                Ok(None) => {
                    left.extend(noted);
                    continue;
                }
                Err(failure) => {
                    let why = |stored: Stored| place.unplayed(&stored, format!("home {name} may have it: {failure}"));
                    noted.into_iter().for_each(why);
                    continue;
                }
            };
            for stored in noted {
                match quarantine.get(self.source(), &taken_over_key(&stored.key)).await? {
                    Some(_) => {
                        let moved = self.resolve(control, &stored, Resolution::Moved, Some(&name)).await?;
                        place.known += u64::from(moved);
                    }
                    None => left.push(stored),
                }
            }
            quarantine.store.close().await;
        }
        left.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(left)
    }

    /// Moves records of the control database to their home: those that it refuses wait there from now on.
    async fn move_to(
        &mut self,
        slot: usize,
        targets: &mut Targets,
        control: &mut Quarantine,
        judged: &Judged,
        of_home: OfHome<'_>,
        place: &mut ReplayedPlace,
    ) -> Result<(), Failure> {
        let home = self.pipeline.config.homes[slot].home.as_str();
        let open = targets.remove(&slot);
        let target = if open.is_some() { open } else { self.target(slot).await? };
        let Some(mut target) = target else {
            place.ahead += of_home.len() as u64;
            return Ok(());
        };
        let reached = target.quarantine.reached(self.source(), false).await?;
        let mut waiting = Vec::new();
        control.store.begin_beside().await?;
        for (row, new) in of_home {
            if self.planned.source.cursor().at(&judged.records, row) > reached {
                place.ahead += 1;
            } else if control.note_home(self.source(), &judged.page[row].key, home).await? {
                waiting.push((row, new));
            }
        }
        control.store.commit_beside().await?;
        fault::at(Point::HomeNoted);
        let mut tries = 0..TRIES;
        let done = loop {
            match (self.take_over(slot, &mut target, judged, &waiting, &reached).await, tries.next()) {
                (Err(Failure::Transient(_)), Some(_)) => target = self.target_again(slot).await?,
                (done, _) => break done?,
            }
        };
        // One that has failed is opened anew.
        match targets.len() < OPEN_HOMES {
            true => drop(targets.insert(slot, target)),
            false => target.quarantine.store.close().await,
        }
        place.add(done);
        control.store.begin_beside().await?;
        for (row, _) in waiting {
            self.resolve(control, &judged.page[row], Resolution::Moved, Some(home)).await?;
        }
        fault::at(Point::BeforeMoveTold);
        control.store.commit_beside().await?;
        fault::at(Point::MoveTold);
        Ok(())
    }

    /// Takes records over and delivers them, in one transaction of their home.
    async fn take_over(
        &mut self,
        slot: usize,
        target: &mut Target,
        judged: &Judged,
        waiting: &OfHome<'_>,
        reached: &Position,
    ) -> Result<ReplayedPlace, Failure> {
        let mut done = self.place(None);
        let deliverable: Vec<_> = waiting.iter().filter(|(_, new)| new.is_none()).map(|(row, _)| *row).collect();
        let newer = self.begin(slot, target, &rows(&judged.records, &deliverable)?).await?;
        fault::at(Point::TakeOverBegun);
        let mut taken = Vec::new();
        for (row, new) in waiting {
            let stored = &judged.page[*row];
            let key = taken_over_key(&stored.key);
            if !target.quarantine.take_over(stored, &key, self.by).await? {
                done.known += 1;
                continue;
            }
            self.remember(&mut target.quarantine, judged, *row, reached).await?;
            match new {
                None => taken.push(*row),
                Some(new) => {
                    self.keep(&mut target.quarantine, stored, &key, new, false).await?;
                    done.moved += 1;
                }
            }
        }
        let refused = target.deliver(rows(&judged.records, &taken)?, &newer).await?;
        done.delivered += (taken.len() - refused.len()) as u64;
        done.moved += refused.len() as u64;
        for (number, refusal) in refused {
            let stored = &judged.page[taken[number]];
            let key = taken_over_key(&stored.key);
            self.keep(&mut target.quarantine, stored, &key, &New::from(refusal), false).await?;
        }
        fault::at(Point::TakeOverWritten);
        target.quarantine.store.commit_beside().await?;
        fault::at(Point::TakenOver);
        Ok(done)
    }

    /// A run that reads the record again knows that the home has it.
    async fn remember(
        &self,
        quarantine: &mut Quarantine,
        judged: &Judged,
        row: usize,
        reached: &Position,
    ) -> Result<(), Failure> {
        let Some(overlap) = &self.planned.overlap else { return Ok(()) };
        let mark = overlap.mark(&judged.records, row);
        match overlap.begin(reached) {
            Some(begin) if mark.at >= begin => quarantine.remember(self.source(), &mark).await,
            _ => Ok(()),
        }
    }
}

/// The key that a record of the control database has in its home.
fn taken_over_key(key: &Key) -> Key {
    Key { number: taken_over(key.number), ..key.clone() }
}
