//! Several sources in one run: first each is read for the homes that are ahead, and then for those that need longer.

use std::sync::Arc;

use tracing::{Instrument, info_span};

use super::looked::refused;
use super::{Pipeline, Until};
use crate::control::Kept;
use crate::error::Error;
use crate::plan::plan;
use crate::report::{Event, Observer, SourceReport};

impl Pipeline {
    /// Until when each source is run at first. Where there are several, no home that needs longer keeps the next source from the
    /// others.
    pub(super) fn first_round(&self, until: &Until) -> Until {
        let first = Until { stop: until.stop.clone(), ..Until::default() };
        if self.config.sources.len() == 1 {
            return until.clone();
        }
        first.catch_up.cancel();
        first
    }

    /// Runs sources once more that have homes which need longer, now that all have been run.
    pub(super) async fn second_round(
        &self,
        sources: &mut [SourceReport],
        kept: &mut Kept,
        observer: &Arc<dyn Observer>,
        until: &Until,
    ) -> Result<(), Error> {
        if self.config.sources.len() == 1 {
            return Ok(());
        }
        for (number, report) in sources.iter_mut().enumerate().filter(|(_, report)| report.needs_longer()) {
            if until.stop.is_cancelled() {
                report.is_stopped = true;
                continue;
            }
            let span = info_span!("source", source = report.source);
            if let Some(again) = self.run_again(number, kept, observer, until).instrument(span).await? {
                report.and_then(again);
            }
        }
        Ok(())
    }

    /// Runs one source once more, unless it cannot be, or something is wrong by now: the next run tells what.
    async fn run_again(
        &self,
        number: usize,
        kept: &mut Kept,
        observer: &Arc<dyn Observer>,
        until: &Until,
    ) -> Result<Option<SourceReport>, Error> {
        let Ok(planned) = plan(&self.config, number, &self.router, &self.added).await else { return Ok(None) };
        kept.states = self.kept().await?.states;
        let mut looked = [self.look(number, &planned, kept).await];
        if refused(&mut looked, Vec::new()).is_err() {
            return Ok(None);
        }
        let [looked] = looked;
        let found = (looked.inspected, looked.known);
        let report = self.run_source((number, planned, None), found, kept, observer, until).await?;
        observer.observe(&Event::SourceEnded(&report));
        Ok(Some(report))
    }
}
