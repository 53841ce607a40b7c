//! Runs that find nothing new, which are most of those that a schedule starts: they need not ask every home.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures::future::join_all;

use super::Pipeline;
use super::homes::report;
use crate::config::{CONTROL, place};
use crate::control::{End, Kept, has_changed, in_time};
use crate::database::control;
use crate::plan::Planned;
use crate::position::Position;
use crate::report::{Event, Observer, Report, SourceReport};
use crate::state::whole;

impl Pipeline {
    /// The report of a run that has nothing to do: every source ends where all of its homes were seen to be not long ago,
    /// with this configuration. `None` where that is not known.
    pub(super) async fn unchanged(
        &self,
        planned: &mut [Planned],
        kept: &Kept,
        observer: &Arc<dyn Observer>,
    ) -> Option<Report> {
        if self.config.sources.iter().any(|source| has_changed(&self.config, source, kept)) {
            return None;
        }
        let ends: Option<Vec<_>> = planned.iter().map(|source| self.noted_end(source, kept)).collect();
        let ends = ends?;
        let asking = planned.iter_mut().zip(&ends).map(|(source, end)| async move {
            source.horizon = self.horizon(source, end, kept).await.ok();
            source.horizon.as_ref().is_some_and(|horizon| horizon.upto == *end)
        });
        if !join_all(asking).await.into_iter().all(|is_there| is_there) {
            return None;
        }
        let sources = planned.iter_mut().zip(ends).map(|(source, end)| self.idle(source, &end, &**observer));
        Some(Report { sources: sources.collect(), is_stopped: false })
    }

    /// The end of a source at which a run has found all homes. A source that is read anew each time has none.
    pub(super) fn end_now(&self, planned: &Planned, upto: &Position) -> Option<End> {
        let position = upto.stored().filter(|_| planned.overlap.is_none())?;
        Some(End::now(position, self.fingerprint(planned)))
    }

    /// Notes an end, where no home has failed or is behind it. If it cannot be noted, the next run asks the homes again.
    pub(super) async fn note(&self, kept: &mut Kept, report: &SourceReport, end: End) {
        let mut reports = report.homes.iter().chain([&report.control]);
        if report.failure.is_some() || reports.any(|report| report.failure.is_some() || report.is_behind) {
            return;
        }
        match &mut kept.holding {
            Some(holding) => holding.note(&report.source, end),
            None => drop(in_time(None, control(&self.config.control).note(&report.source, &end)).await),
        }
    }

    /// Where all homes were seen to be, if that still holds.
    fn noted_end(&self, planned: &Planned, kept: &Kept) -> Option<Position> {
        let end = kept.ends.get(&planned.writing.name)?;
        // What a run was refused for once is to be taken back.
        let is_well = !kept.states.contains_key(&whole(&planned.writing.name));
        if planned.overlap.is_some() || !is_well || !end.holds(&self.fingerprint(planned)) {
            return None;
        }
        Position::from_stored(Some(&end.position)).ok()
    }

    /// What the homes and what they are given depend on, as a number that other configurations do not have.
    fn fingerprint(&self, planned: &Planned) -> String {
        let mut hasher = DefaultHasher::new();
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        format!("{:?} {:?}", self.config, planned.writing.analysers.tables()).hash(&mut hasher);
        // What the environment says is not shown by a configuration.
        planned.writing.origin.hash(&mut hasher);
        self.config.homes.iter().for_each(|home| place(&home.database.location).hash(&mut hasher));
        format!("{:016x}", hasher.finish())
    }

    fn idle(&self, planned: &mut Planned, end: &Position, observer: &dyn Observer) -> SourceReport {
        let (source, guarantee) = (planned.writing.name.clone(), planned.source.guarantee().clone());
        let waits_for = planned.horizon.take().and_then(|horizon| horizon.waits_for);
        observer.observe(&Event::SourceStarted { source: &source, guarantee: &guarantee, after: end, upto: end });
        if let Some(waits_for) = &waits_for {
            observer.observe(&Event::SourceWaits { source: &source, waits_for });
        }
        let (tables, state) = (planned.writing.analysers.tables(), Ok(end.clone()));
        let homes = self.config.homes.iter().map(|home| report(home.home.as_str(), tables, &state)).collect();
        let report = SourceReport {
            source,
            guarantee,
            homes,
            control: report(CONTROL, &[], &state),
            waits_for,
            is_stopped: false,
            failure: None,
        };
        observer.observe(&Event::SourceEnded(&report));
        report
    }
}
