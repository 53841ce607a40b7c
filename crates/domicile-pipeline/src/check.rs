//! Validation of everything, without writing.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use tokio::sync::Mutex;

use crate::config::{Config, Database, Problem, Problems, SettingPath, UNTOLD};
use crate::control::{Kept, changed};
use crate::database::control;
use crate::deliver::Delivery;
use crate::error::{Error, Failure};
use crate::inspect::{CONTROL, Inspected, Stops, WaitFor, inspect, unusable};
use crate::pipeline::Pipeline;
use crate::plan::{AllPlanned, Planned, Writing, any_delivery};
use crate::position::Position;
use crate::source::{Guarantee, Unindexed};

/// What a check found to be in order.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The sources, in the configuration's order.
    pub sources: Vec<CheckedSource>,
    /// How many homes can be reached.
    pub homes: usize,
    /// What works, and could work better.
    pub warnings: Problems,
}

/// A source that can be read.
#[derive(Clone, Debug, Serialize)]
pub struct CheckedSource {
    /// The source's name.
    pub source: String,
    /// What reading it guarantees.
    pub guarantee: Guarantee,
    /// The tables that its analysers write to.
    pub tables: Vec<String>,
    /// Which transactions have to end before the source is read further, if some have to, and how many records are in the
    /// future.
    pub waits_for: Option<String>,
    /// Homes that are read from the start of the source, while others have got further: new ones, and those that were emptied.
    pub from_start: Vec<String>,
}

impl Pipeline {
    /// Reads a configuration, plans everything and looks at every database, without writing.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once: what is sound is checked further where other parts are not.
    pub async fn check_file(path: &Path) -> Result<Checked, Problems> {
        let (config, mut problems) = Config::examine(path);
        let checked = match config {
            Some(config) => Self::new(config).check_parts(problems.has_errors()).await,
            None => return Err(problems),
        };
        match checked {
            Ok(checked) if !problems.has_errors() => Ok(checked),
            Ok(_) => Err(problems),
            Err(more) => {
                problems.extend(more);
                problems.sort();
                Err(problems)
            }
        }
    }

    /// Plans everything and looks at every database, without writing.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once.
    pub async fn check(&self) -> Result<Checked, Problems> {
        self.check_parts(false).await
    }

    /// Where parts of the configuration could not be made out, what earlier runs have left is not held against the rest.
    async fn check_parts(&self, parts_are_missing: bool) -> Result<Checked, Problems> {
        let AllPlanned { mut planned, partly, mut problems } = self.plan_all().await;
        let writings = planned.iter().map(|planned| &planned.writing).chain(&partly).collect::<Vec<_>>();
        let unreachable = self.unreachable(&writings).await;
        let kept = control(&self.config.control).read().await.ok().filter(|_| !parts_are_missing);
        problems.extend(kept.iter().flat_map(|kept| self.moved(kept)));
        for writing in &partly {
            problems.extend(
                inspect(&self.config, writing, kept.as_ref(), 0, WaitFor::All, &Mutex::default()).await.1.problems,
            );
        }
        let (mut sources, mut warnings) = (Vec::new(), Problems::default());
        for source in &mut planned {
            let (inspected, wrong) =
                inspect(&self.config, &source.writing, kept.as_ref(), 0, WaitFor::All, &Mutex::default()).await;
            let stops_all = wrong.stops == Some(Stops::All);
            problems.extend(wrong.problems);
            let configured = self.config.sources.iter().find(|configured| configured.name == source.writing.name);
            let changed = configured
                .zip(kept.as_ref())
                .and_then(|(configured, kept)| changed(&self.config, configured, kept, &inspected));
            problems.extend(changed.filter(|_| !stops_all));
            let waits_for = match self.check_reading(source, &inspected, kept.as_ref(), &mut warnings).await {
                Ok(waits_for) => waits_for,
                Err(error) => {
                    let problem =
                        self.config.document.problem(&source.writing.setting.key("cursor"), error.to_string());
                    problems.push(problem.help("mend it in the source's database").failure());
                    None
                }
            };
            sources.push(CheckedSource {
                source: source.writing.name.clone(),
                guarantee: source.source.guarantee().clone(),
                tables: source.writing.analysers.tables().iter().map(|table| table.name.clone()).collect(),
                waits_for,
                from_start: self.homes_at_start(&inspected),
            });
        }
        problems.extend(unreachable);
        if problems.is_empty() {
            Ok(Checked { sources, homes: self.config.homes.len(), warnings })
        } else {
            Err(problems.into_iter().collect())
        }
    }

    /// Homes without a position, where others have one.
    fn homes_at_start(&self, inspected: &Inspected) -> Vec<String> {
        let states = self.config.homes.iter().zip(inspected.members.iter().map(|member| &member.state));
        let has_begun =
            |state: &Result<Position, Failure>| matches!(state, Ok(position) if *position > Position::Start);
        if !states.clone().any(|(_, state)| has_begun(state)) {
            return Vec::new();
        }
        let at_start = states.filter(|(_, state)| matches!(state, Ok(Position::Start)));
        at_start.map(|(home, _)| home.home.to_string()).collect()
    }

    /// What a run would wait for, unless the source cannot be read; and what would make it be read by an index, if it is not.
    async fn check_reading(
        &self,
        planned: &mut Planned,
        inspected: &Inspected,
        kept: Option<&Kept>,
        warnings: &mut Problems,
    ) -> Result<Option<String>, Error> {
        let name = &planned.writing.name;
        let mut waits_for = None;
        // Positions of another cursor have been reported.
        if inspected.are_of(planned.source.cursor()) {
            let waits = kept.and_then(|kept| kept.waits.get(name));
            let horizon = planned.source.horizon(&inspected.reached(), waits).await?;
            inspected.readable(horizon.upto, planned.source.guarantee(), name)?;
            waits_for = horizon.waits_for;
        }
        warnings.extend(self.check_index(planned).await?);
        Ok(waits_for)
    }

    /// Says what makes the source be read by an index, if it is not.
    async fn check_index(&self, planned: &mut Planned) -> Result<Option<Problem>, Error> {
        let (document, setting) = (&self.config.document, &planned.writing.setting);
        let cursor = setting.key("cursor");
        let Some(Unindexed { message, fix }) = planned.source.unindexed().await? else { return Ok(None) };
        let conceals = ["table", "cursor"].iter().any(|name| document.conceals(&setting.key(*name)));
        let untold = || format!("no index finds the records that come next; {UNTOLD}");
        let problem =
            if conceals { document.problem(&cursor, untold()) } else { document.problem(&cursor, message).help(fix) };
        Ok(Some(problem.warning()))
    }

    /// The homes that cannot be used, and the control database if it cannot. What is alike in many is said once.
    async fn unreachable(&self, writings: &[&Writing]) -> Vec<Problem> {
        let homes = self.config.homes.iter().map(|home| (format!("home {}", home.home), &home.database, Some(home)));
        let all = homes.chain([(String::from(CONTROL), &self.config.control, None)]);
        let mut found: BTreeMap<(SettingPath, String), (Failure, &Database, Vec<String>)> = BTreeMap::new();
        for (who, database, home) in all.filter(|(_, database, _)| !database.is_missing()) {
            let ways = writings.iter().map(|writing| match home {
                Some(home) => writing.delivery(home),
                None => writing.nowhere(database),
            });
            if let Err(failure) = usable(database, ways).await {
                let alike = found.entry((database.setting.clone(), failure.with_help()));
                alike.or_insert_with(|| (failure, database, Vec::new())).2.push(who);
            }
        }
        let failures = found.into_values();
        failures.map(|(failure, database, names)| unusable(&self.config, &names, database, &failure)).collect()
    }
}

/// Whether a database can be reached, and be written to by each of these ways.
async fn usable(database: &Database, ways: impl Iterator<Item = Box<dyn Delivery>>) -> Result<(), Failure> {
    let mut ways = ways.peekable();
    let any = ways.peek().is_none().then(|| any_delivery(database));
    for mut delivery in ways.chain(any) {
        let used = match delivery.check_access().await {
            Ok(()) => delivery.inspect().await.map(drop),
            Err(failure) => Err(failure),
        };
        delivery.close().await;
        used?;
    }
    Ok(())
}
