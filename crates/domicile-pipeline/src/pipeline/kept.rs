//! What a run reads from the control database, and what it keeps there before it delivers.

use std::collections::BTreeMap;

use super::Pipeline;
use crate::config::Problems;
use crate::control::{Kept, New, placements, rule};
use crate::database::control;
use crate::deliver::answers;
use crate::error::Error;
use crate::fault::{self, Point};
use crate::inspect::{CONTROL, unusable};
use crate::lease::{Applicant, Leased, under_way};

/// A key of a source, and its home.
type Placed = ((String, String), String);

impl Pipeline {
    /// What the control database keeps.
    pub(crate) async fn kept(&self) -> Result<Kept, Problems> {
        let (config, names) = (&self.config, [String::from(CONTROL)]);
        let kept = answers(config.delivery.answer, control(&config.control).read()).await;
        kept.map_err(|failure| unusable(config, &names, &config.control, &failure).into())
    }

    /// What a run fails with that cannot be planned, which is kept where no other run is under way.
    pub(super) async fn unplanned(&self, problems: Problems) -> Error {
        let error = Error::from(problems);
        if let Ok(kept) = self.kept_in_time().await
            && under_way(&self.config, &kept.leases).is_none()
        {
            self.note_refused(&kept, &error).await;
        }
        error
    }

    /// Keeps the placement in the control database, for one who works beside runs.
    pub(crate) async fn keep(&self, kept: &mut Kept) -> Result<(), Error> {
        // The rules are kept by runs, which know where the homes are.
        let new = New { rules: Vec::new(), ..self.new_of(kept) };
        if kept.id.is_none() || !new.placed.is_empty() {
            let id = answers(self.config.delivery.answer, control(&self.config.control).keep(&new, None)).await;
            kept.id = id.map_err(|failure| Error::control(&failure))?;
            kept.placed.extend(new.placed);
        }
        Ok(())
    }

    /// Takes the lease of all sources and keeps the placement in the control database, before the first home is delivered
    /// to. Whoever has the lease already has done so.
    pub(super) async fn hold(&self, kept: &mut Kept) -> Result<(), Error> {
        if kept.holding.is_some() {
            return Ok(());
        }
        let (new, mut applicant) = (self.new_of(kept), Applicant::new(&self.config));
        let claim = applicant.claim(&self.config, &kept.leases);
        let told = |failure| Error::control(&failure);
        let mut control = control(&self.config.control);
        let id = answers(self.config.delivery.answer, control.keep(&new, Some(claim))).await.map_err(told)?;
        let is_held = id.is_some() && applicant.has_in_time(&self.config).await.map_err(told)?;
        if id.is_some() && !is_held {
            applicant.give_up(&self.config).await;
        }
        let Some(id) = id.filter(|_| is_held) else { return Err(self.has_been_under_way(&self.kept().await?.leases)) };
        fault::at(Point::LeaseTaken);
        kept.id = Some(id);
        kept.placed.extend(new.placed);
        kept.rules.extend(new.rules);
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

    /// What is not kept yet.
    fn new_of(&self, kept: &Kept) -> New {
        let is_new = |(key, home): &Placed| self.is_placed && kept.placed.get(key) != Some(home);
        let rules = self.config.sources.iter().map(|source| (source.name.clone(), rule(source)));
        New {
            placed: placements(&self.config).filter(is_new).collect(),
            rules: rules.filter(|(source, rule)| kept.rules.get(source) != Some(rule)).collect(),
        }
    }
}
