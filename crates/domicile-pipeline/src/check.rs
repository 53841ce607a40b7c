//! Validation of everything, without writing.

use std::path::Path;

use serde::Serialize;

use crate::config::{Config, Problem, Problems};
use crate::inspect::inspect;
use crate::pipeline::Pipeline;
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
        let (planned, mut problems) = self.plan_all();
        let mut sources = Vec::new();
        for source in &planned {
            let (inspected, misfits) = inspect(&self.config, source).await;
            problems.extend(misfits);
            for (home, state) in self.config.homes.iter().zip(&inspected.homes) {
                let access = source.delivery(&home.database).check_access().await;
                problems.extend(access.as_ref().err().or(state.as_ref().err()).map(|failure| {
                    self.unreachable(&home.database.setting, &format!("home {}", home.home), &home.database, failure)
                }));
            }
            let control = &self.config.control;
            let access = source.control(control).check_access().await;
            if let Some(failure) = access.as_ref().err().or(inspected.control.as_ref().err()) {
                problems.push(self.unreachable(&control.setting, "the control database", control, failure));
            }
            sources.push(CheckedSource {
                source: source.name.clone(),
                guarantee: source.source.guarantee().clone(),
                tables: source.analysers.tables().iter().map(|table| table.name.clone()).collect(),
            });
        }
        if problems.is_empty() {
            Ok(Checked { sources, homes: self.config.homes.len() })
        } else {
            Err(problems.into_iter().collect())
        }
    }

    fn unreachable(
        &self,
        setting: &crate::config::SettingPath,
        who: &str,
        database: &crate::config::Database,
        failure: &crate::error::Failure,
    ) -> Problem {
        let message = format!("{who}: the database {database} cannot be used: {failure}");
        self.config.document.problem(setting, message).help("check the path, and that the file can be written")
    }
}
