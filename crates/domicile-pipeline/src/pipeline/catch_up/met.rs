//! Reading for homes together: the source is opened once more, and those are asked how far they are of whom it is not known.

use std::sync::Arc;

use super::super::Pipeline;
use super::super::homes::{Fallen, Tell, report};
use super::super::lead::{Ended, Passed, Reader, Shared};
use super::super::reading::Reading;
use super::{Caught, Together};
use crate::config::Problems;
use crate::deliver::{Work, let_go};
use crate::error::{Error, Failure};
use crate::inspect::{Inspected, Member, WaitFor, inspect_some};
use crate::plan::{Planned, Unplanned, plan};
use crate::report::{Event, HomeReport};

/// Why homes are not read for.
enum Unmet {
    Source(Error),
    /// They have not answered, and others waited for the reader.
    LetGo,
}

impl Pipeline {
    /// Reads the source for homes that are together, as far as they are.
    pub(super) async fn catch_up(
        &self,
        number: usize,
        together: Together,
        shared: &Shared<'_>,
        reader: Reader,
    ) -> Caught {
        let mut slots: Vec<_> = together.slots().collect();
        let merges_each_share = matches!(together, Together::Again { merges_each_share: true, .. });
        let (planned, members, confirmed) = match self.meet(number, together, shared, &reader).await {
            Ok(met) => met,
            Err(unmet) => {
                let ended = match unmet {
                    Unmet::Source(error) => Err(error),
                    Unmet::LetGo => {
                        slots
                            .drain(..)
                            .for_each(|slot| self.not_asked_any_more(slot, merges_each_share, shared, &reader));
                        Ok(Ended::Deserted)
                    }
                };
                let passed = Passed { homes: Vec::new(), ended };
                return Caught { slots, passed, merges_each_share };
            }
        };
        let planned = Planned { merges_each_share, ..planned };
        let (members, rest) = members.split(shared.upto);
        slots.retain(|slot| !rest.members.iter().any(|member| member.slot == *slot));
        // It is received for as long as anybody reads.
        let _ = reader.fallen.send(Fallen::Met { rest, confirmed }).await;
        let reading = Reading::of(&planned, members.starts(self.databases(), shared.upto), shared.upto);
        if reading.is_needed {
            let names: Vec<_> = members.members.iter().map(|member| self.name(member.slot)).collect();
            let (source, after, upto) = (shared.source, &reading.after, shared.upto);
            shared.observer.observe(&Event::HomesCatchUp { source, homes: &names, after, upto });
        }
        let passed = self.pass(planned, members, reading, shared, reader).await;
        Caught { slots, passed, merges_each_share }
    }

    /// Tells that a home has not answered when it was asked for its position.
    fn not_asked_any_more(&self, slot: usize, merges_each_share: bool, shared: &Shared<'_>, reader: &Reader) {
        let failure = let_go(reader.limits.others_wait);
        let report = HomeReport { is_let_go: true, ..report(self.name(slot), &[], &Err(failure)) };
        let (fallen, place) = (reader.fallen.clone(), Arc::clone(shared.place));
        Tell { fallen, slot, merges_each_share, place }.failed(&report);
    }

    /// Opens the source once more, and asks homes for their positions where these are not known. What those have done that have
    /// committed what they did not answer.
    async fn meet(
        &self,
        number: usize,
        together: Together,
        shared: &Shared<'_>,
        reader: &Reader,
    ) -> Result<(Planned, Inspected, Vec<(usize, HomeReport)>), Unmet> {
        let planned = plan(&self.config, number, &self.router, &self.added).await;
        let problems = |unplanned: Unplanned| unplanned.problems.into_iter().collect::<Problems>();
        let planned = planned.map_err(|unplanned| Unmet::Source(problems(unplanned).into()))?;
        let (slots, mut unconfirmed) = match together {
            Together::Known(known) => return Ok((planned, known, Vec::new())),
            Together::Again { slots, unconfirmed, .. } => (slots, unconfirmed),
        };
        let (config, writing, kept) = (&self.config, &planned.writing, Some(shared.run.kept));
        let is_wanted = |slot| slots.contains(&slot);
        let asking = Arc::<Work>::default();
        reader.turn.add(Arc::clone(&asking));
        let how = (config.delivery.open_homes, WaitFor::Most);
        let inspecting = inspect_some(config, writing, kept, how, shared.known, is_wanted);
        let at_work = asking.begin();
        let asked = asking.let_go.run_until_cancelled(inspecting).await;
        drop(at_work);
        let (mut members, _) = asked.ok_or(Unmet::LetGo)?;
        // Of one that did not answer it was not known before that it has got beyond the source's end.
        let guarantee = planned.source.guarantee();
        if let Err(error) = members.readable(shared.upto.clone(), guarantee, shared.source) {
            let is_beyond = |member: &&mut Member| member.state.as_ref().is_ok_and(|position| position > shared.upto);
            let failed = || Err(Failure::Failed(error.to_string()));
            members.members.iter_mut().filter(is_beyond).for_each(|member| member.state = failed());
        }
        // Another run that has taken over has an epoch of its own, and this one nothing more to tell.
        let is_held = shared.limits.lease.as_ref().is_some_and(|lease| lease.check().is_ok());
        let mut confirmed = Vec::new();
        for Member { slot, state, epoch, .. } in &members.members {
            let Some(done) = unconfirmed.remove(slot) else { continue };
            if is_held && state.as_ref().is_ok_and(|position| done.is_committed(position, *epoch)) {
                shared.observer.observe(&done.event(shared.source, self.name(*slot)));
                let tables = if *slot < config.homes.len() { writing.analysers.tables() } else { &[][..] };
                let mut home = report(self.name(*slot), tables, state);
                home.count(&done);
                confirmed.push((*slot, home));
            }
        }
        Ok((planned, members, confirmed))
    }
}
