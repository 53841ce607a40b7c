//! Validation of everything, without writing.

use std::path::Path;

use serde::Serialize;

use crate::config::{Config, Problem, Problems};
use crate::inspect::{Inspected, inspect};
use crate::pipeline::Pipeline;
use crate::plan::{AllPlanned, Planned, any_delivery, control};
use crate::source::Guarantee;

/// What a check found to be in order.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The sources, in the configuration's order.
    pub sources: Vec<CheckedSource>,
    /// How many homes can be reached.
    pub homes: usize,
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
            Some(config) => Self::new(config).check().await,
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
        let AllPlanned { mut planned, partly, mut problems } = self.plan_all();
        let unreachable = self.unreachable().await;
        let kept = control(&self.config.control).read().await.unwrap_or_default();
        problems.extend(self.moved(&kept));
        for writing in &partly {
            problems.extend(inspect(&self.config, writing, kept.id.as_deref()).await.1);
        }
        let mut sources = Vec::new();
        for source in &mut planned {
            let (inspected, found) = inspect(&self.config, &source.writing, kept.id.as_deref()).await;
            problems.extend(found);
            problems.extend(self.check_horizon(source, &inspected).await);
            sources.push(CheckedSource {
                source: source.writing.name.clone(),
                guarantee: source.source.guarantee().clone(),
                tables: source.writing.analysers.tables().iter().map(|table| table.name.clone()).collect(),
            });
        }
        problems.extend(unreachable);
        if problems.is_empty() {
            Ok(Checked { sources, homes: self.config.homes.len() })
        } else {
            Err(problems.into_iter().collect())
        }
    }

    /// What a run would say of the source before it reads it.
    async fn check_horizon(&self, planned: &mut Planned, inspected: &Inspected) -> Option<Problem> {
        let name = &planned.writing.name;
        let horizon = planned.source.horizon().await;
        let error = horizon.and_then(|upto| inspected.check_not_beyond(upto, name)).err()?;
        let source = self.config.sources.iter().find(|source| source.name == *name)?;
        let help = "mend the source, or give it another `name`, under which it is read from the start";
        Some(self.config.document.problem(&source.setting.key("cursor"), error.to_string()).help(help))
    }

    /// The homes that cannot be used, and the control database if it cannot.
    async fn unreachable(&self) -> Vec<Problem> {
        let homes = self.config.homes.iter().map(|home| (format!("home {}", home.home), &home.database));
        let all = homes.chain([(String::from("the control database"), &self.config.control)]);
        let mut problems = Vec::new();
        for (who, database) in all.filter(|(_, database)| !database.is_missing()) {
            let mut delivery = any_delivery(database);
            let used = match delivery.check_access().await {
                Ok(()) => delivery.inspect().await.map(drop),
                Err(failure) => Err(failure),
            };
            if let Err(failure) = used {
                let message = format!("{who}: the database {database} cannot be used: {failure}");
                let problem = self.config.document.problem(&database.setting, message);
                problems.push(problem.help("check the path, and that the file can be written"));
            }
        }
        problems
    }
}
