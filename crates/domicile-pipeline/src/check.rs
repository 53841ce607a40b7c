//! Validation of everything, without writing.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::config::{Config, Database, Location, Problem, Problems, SettingPath, UNTOLD};
use crate::control::Kept;
use crate::database::control;
use crate::deliver::Delivery;
use crate::error::{Error, Failure};
use crate::inspect::{Inspected, in_short, inspect};
use crate::pipeline::Pipeline;
use crate::plan::{AllPlanned, Planned, Writing, any_delivery};
use crate::source::{Guarantee, Horizon, Unindexed};

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
            problems.extend(inspect(&self.config, writing, kept.as_ref(), 0).await.1);
        }
        let (mut sources, mut warnings) = (Vec::new(), Problems::default());
        for source in &mut planned {
            let (inspected, found) = inspect(&self.config, &source.writing, kept.as_ref(), 0).await;
            problems.extend(found);
            let (waits_for, problem) = self.check_horizon(source, &inspected, kept.as_ref()).await;
            problems.extend(problem);
            match self.check_index(source).await {
                Ok(warning) => warnings.extend(warning),
                Err(problem) => problems.push(problem),
            }
            sources.push(CheckedSource {
                source: source.writing.name.clone(),
                guarantee: source.source.guarantee().clone(),
                tables: source.writing.analysers.tables().iter().map(|table| table.name.clone()).collect(),
                waits_for,
            });
        }
        problems.extend(unreachable);
        if problems.is_empty() {
            Ok(Checked { sources, homes: self.config.homes.len(), warnings })
        } else {
            Err(problems.into_iter().collect())
        }
    }

    /// What a run would wait for, and what it would say of the source before it reads it.
    async fn check_horizon(
        &self,
        planned: &mut Planned,
        inspected: &Inspected,
        kept: Option<&Kept>,
    ) -> (Option<String>, Option<Problem>) {
        let Writing { name, setting, .. } = &planned.writing;
        let reached = inspected.reached();
        let horizon = match inspected.check_cursor(planned.source.cursor(), name) {
            Ok(()) => planned.source.horizon(&reached, kept.and_then(|kept| kept.waits.get(name))).await,
            Err(error) => Err(error),
        };
        let problem = |error: Error, help| {
            Some(self.config.document.problem(&setting.key("cursor"), error.to_string()).help(help))
        };
        match horizon {
            Ok(Horizon { upto, waits_for, .. }) => {
                let unreadable = inspected.readable(upto, planned.source.guarantee(), name).err();
                let help =
                    "bring its records back, or give the source another `name`, under which it is read from the start";
                (waits_for, unreadable.and_then(|error| problem(error, help)))
            }
            Err(error) => (None, problem(error, "mend the source, or leave those records out with a `query`")),
        }
    }

    /// Says what makes the source be read by an index, if it is not.
    async fn check_index(&self, planned: &mut Planned) -> Result<Option<Problem>, Problem> {
        let (document, setting) = (&self.config.document, &planned.writing.setting);
        let cursor = setting.key("cursor");
        match planned.source.unindexed().await {
            Ok(None) => Ok(None),
            Ok(Some(Unindexed { message, fix })) => {
                let conceals = ["table", "cursor"].iter().any(|name| document.conceals(&setting.key(*name)));
                let untold = || format!("no index finds the records that come next; {UNTOLD}");
                let problem = if conceals {
                    document.problem(&cursor, untold())
                } else {
                    document.problem(&cursor, message).help(fix)
                };
                Ok(Some(problem.warning()))
            }
            Err(error) => Err(document.problem(&cursor, error.to_string()).help("mend the source")),
        }
    }

    /// The homes that cannot be used, and the control database if it cannot. What is alike in many is said once.
    async fn unreachable(&self, writings: &[&Writing]) -> Vec<Problem> {
        let homes = self.config.homes.iter().map(|home| (format!("home {}", home.home), &home.database, Some(home)));
        let all = homes.chain([(String::from("the control database"), &self.config.control, None)]);
        let mut found: BTreeMap<(SettingPath, String), Vec<(String, &Database)>> = BTreeMap::new();
        for (who, database, home) in all.filter(|(_, database, _)| !database.is_missing()) {
            let ways = writings.iter().map(|writing| match home {
                Some(home) => writing.delivery(home),
                None => writing.nowhere(database),
            });
            if let Err(failure) = usable(database, ways).await {
                found.entry((database.setting.clone(), failure.to_string())).or_default().push((who, database));
            }
        }
        let problem = |((setting, failure), all): ((SettingPath, String), Vec<(String, &Database)>)| {
            let (names, databases): (Vec<_>, Vec<_>) = all.into_iter().unzip();
            let help = match databases[0].location {
                Location::Sqlite(_) => "check the path, and that the file can be written",
                Location::MySql(_) | Location::Postgres(_) => {
                    "check that the server runs, and that this user may log in and write there"
                }
            };
            let message = format!("{}: the database {} cannot be used: {failure}", in_short(&names), databases[0]);
            self.config.document.problem(&setting, message).help(help)
        };
        found.into_iter().map(problem).collect()
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
