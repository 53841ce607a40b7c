//! What is found out of a source before a run delivers: up to where it is settled, and who is ahead.

use tokio::sync::Mutex;

use super::Pipeline;
use super::homes::report;
use super::looked::Looked;
use super::reading::Reading;
use crate::blocking;
use crate::control::{Kept, has_changed, in_time};
use crate::database::control;
use crate::error::{Error, Failure};
use crate::inspect::{Inspected, Known, Member};
use crate::lease::Holding;
use crate::plan::Planned;
use crate::position::Position;
use crate::report::{HomeReport, SourceReport};
use crate::source::Horizon;

/// A source that can be run.
pub(super) struct Prepared {
    pub(super) number: usize,
    pub(super) planned: Planned,
    /// Before anything is delivered.
    pub(super) report: SourceReport,
    /// The databases that were looked at.
    pub(super) known: Mutex<Known>,
    /// What is to be read, or why nothing is.
    pub(super) outlook: Result<Outlook, Error>,
}

/// What is to be read of a source, and for whom.
pub(super) struct Outlook {
    /// Where it ends in this run.
    pub(super) upto: Position,
    pub(super) leading: Inspected,
    pub(super) behind: Inspected,
    /// Something may have to be written.
    delivers: bool,
}

impl Prepared {
    /// Whether anything may have to be written, for which the run needs the lease.
    pub(super) fn delivers(&self) -> bool {
        self.outlook.as_ref().is_ok_and(|outlook| outlook.delivers)
    }
}

impl Pipeline {
    /// Finds out what is to be read of a source, unless it is refused.
    pub(super) async fn prepare(
        &self,
        number: usize,
        (mut planned, Looked { inspected, known, .. }): (Planned, Looked),
        refused: Option<Error>,
        kept: &Kept,
    ) -> Prepared {
        let reached = inspected.reached();
        // Another run may have taken the homes further since the source was asked.
        let asked = planned.horizon.take().filter(|horizon| horizon.upto >= reached);
        let horizon = match asked {
            Some(horizon) => Ok(horizon),
            None => self.horizon(&mut planned, &reached, kept).await,
        };
        let waits_for = horizon.as_ref().ok().and_then(|horizon| horizon.waits_for.clone());
        let report = self.report(&planned, &inspected, waits_for);
        let upto = refused.map_or(horizon, Err);
        let guarantee = planned.source.guarantee();
        let upto = upto.and_then(|horizon| inspected.readable(horizon.upto, guarantee, &planned.writing.name));
        let outlook = upto.map(|upto| self.outlook(number, &planned, inspected, upto, kept));
        Prepared { number, planned, report, known, outlook }
    }

    fn outlook(&self, number: usize, planned: &Planned, inspected: Inspected, upto: Position, kept: &Kept) -> Outlook {
        let (leading, behind) = inspected.split(&upto);
        let reading = Reading::of(planned, leading.starts(self.databases(), &upto), &upto);
        let may_come_back =
            leading.members.iter().any(|member| member.state.as_ref().is_err_and(Failure::is_transient));
        let is_new = has_changed(&self.config, &self.config.sources[number], kept);
        let delivers = reading.is_needed || may_come_back || is_new || !behind.members.is_empty();
        Outlook { upto, leading, behind, delivers }
    }

    /// Up to where a source is settled now. Whom it waits for is noted for the next run, which would begin anew to wait if it
    /// could not be.
    pub(super) async fn horizon(
        &self,
        planned: &mut Planned,
        reached: &Position,
        kept: &Kept,
    ) -> Result<Horizon, Error> {
        let source = &planned.writing.name;
        let waits = kept.waits.get(source).filter(|waits| planned.source.cursor().admits(&waits.upto));
        let horizon = blocking::caught(planned.source.horizon(reached, waits)).await;
        let horizon = horizon.unwrap_or_else(|panic| Err(Error::source(source, panic)))?;
        if horizon.waits.as_ref() != kept.waits.get(source) {
            let mut control = control(&self.config.control);
            let lease = kept.holding.as_ref().map(Holding::lease);
            let _ = in_time(lease.as_ref(), control.wait(source, horizon.waits.as_ref())).await;
        }
        Ok(horizon)
    }

    /// The report of a source before anything is delivered.
    fn report(&self, planned: &Planned, inspected: &Inspected, waits_for: Option<String>) -> SourceReport {
        let tables = planned.writing.analysers.tables();
        let of_home = |member: &Member| {
            let tables = if member.slot < self.config.homes.len() { &tables[..] } else { &[] };
            HomeReport { is_silent: member.is_silent, ..report(self.name(member.slot), tables, &member.state) }
        };
        let mut homes: Vec<_> = inspected.members.iter().map(of_home).collect();
        let control = homes.pop().expect("the control database is the last");
        SourceReport {
            source: planned.writing.name.clone(),
            guarantee: planned.source.guarantee().clone(),
            homes,
            control,
            waits_for,
            is_stopped: false,
            failure: None,
        }
    }
}
