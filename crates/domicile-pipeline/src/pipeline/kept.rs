//! What a run reads from the control database, and what it keeps there before it delivers.

use std::collections::BTreeMap;

use super::Pipeline;
use crate::config::Problems;
use crate::control::{Kept, placements};
use crate::database::control;
use crate::error::Error;
use crate::fault::{self, Point};
use crate::inspect::{CONTROL, unusable};
use crate::lease::{Applicant, Leased, under_way};

/// A key of a source, and its home.
type Placed = ((String, String), String);

impl Pipeline {
    /// What the control database keeps.
    pub(super) async fn kept(&self) -> Result<Kept, Problems> {
        let (config, names) = (&self.config, [String::from(CONTROL)]);
        let kept = control(&config.control).read().await;
        kept.map_err(|failure| unusable(config, &names, &config.control, &failure).into())
    }

    /// Keeps the placement in the control database, for one who works beside runs.
    pub(crate) async fn keep(&self, kept: &mut Kept) -> Result<(), Error> {
        let new = self.new_placements(kept);
        if kept.id.is_none() || !new.is_empty() {
            let id = control(&self.config.control).keep(new.clone(), None).await;
            kept.id = id.map_err(|failure| Error::control(&failure))?;
            kept.placed.extend(new);
        }
        Ok(())
    }

    /// Takes the lease of all sources and keeps the placement in the control database, before the first home is delivered
    /// to. Whoever has the lease already has done so.
    pub(super) async fn hold(&self, kept: &mut Kept) -> Result<(), Error> {
        if kept.holding.is_some() {
            return Ok(());
        }
        let (new, mut applicant) = (self.new_placements(kept), Applicant::new(&self.config));
        let claim = applicant.claim(&self.config, &kept.leases);
        let told = |failure| Error::control(&failure);
        let id = control(&self.config.control).keep(new.clone(), Some(claim)).await.map_err(told)?;
        let is_held = id.is_some() && applicant.has_in_time(&self.config).await.map_err(told)?;
        let Some(id) = id.filter(|_| is_held) else { return Err(self.has_been_under_way(&self.kept().await?.leases)) };
        fault::at(Point::LeaseTaken);
        kept.id = Some(id);
        kept.placed.extend(new);
        kept.holding = Some(applicant.hold(&self.config));
        Ok(())
    }

    /// Whether another run has taken a lease since this one has read these: what was found in homes then may be that run's
    /// doing.
    pub(super) async fn overtaken(&self, kept: &Kept) -> Option<Error> {
        let leases = self.kept().await.ok()?.leases;
        let number = |leases: &BTreeMap<String, Leased>, source| leases.get(source).map(|leased| leased.number);
        let mut sources = self.config.sources.iter().map(|source| &source.name);
        let is_overtaken = sources.any(|source| number(&leases, source) != number(&kept.leases, source));
        is_overtaken.then(|| self.has_been_under_way(&leases))
    }

    /// What is told where another run has taken a lease since this one looked.
    fn has_been_under_way(&self, leases: &BTreeMap<String, Leased>) -> Error {
        let ended = "another run was under way since this one looked, and nothing was done: run it again";
        under_way(&self.config, leases).unwrap_or_else(|| Error::under_way(ended))
    }

    fn new_placements(&self, kept: &Kept) -> Vec<Placed> {
        let is_new = |(key, home): &Placed| self.is_placed && kept.placed.get(key) != Some(home);
        placements(&self.config).filter(is_new).collect()
    }
}
