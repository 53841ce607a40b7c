//! The look at all homes before a run delivers, and what it is refused for.

use std::collections::HashMap;

use tokio::sync::Mutex;

use super::Pipeline;
use crate::config::{Problem, Problems};
use crate::control::{Kept, changed, has_changed};
use crate::error::Error;
use crate::inspect::{Inspected, Known, Stops, WaitFor, inspect};
use crate::plan::Planned;
use crate::position::Position;

/// What was found of one source's homes.
pub(super) struct Looked {
    pub(super) inspected: Inspected,
    /// The databases that were looked at.
    pub(super) known: Mutex<Known>,
    /// What stops this source, or all.
    stops: Option<Stops>,
    pub(super) problems: Vec<Problem>,
}

impl Pipeline {
    /// Why a run would be refused as a whole for its settings, or for what earlier runs have left, if it would be: it is what a
    /// run fails with that [is a configuration's fault](Error::is_configuration). Nothing is written. What cannot be reached
    /// now is not held against the settings.
    ///
    /// ```
    /// # use domicile_pipeline::{Config, Pipeline};
    /// # async fn example(config: Config) {
    /// let pipeline = Pipeline::new(config);
    /// match pipeline.refusal().await {
    ///     Some(problems) => eprintln!("{problems}"), // go on with the configuration of before
    ///     None => println!("taken"),
    /// }
    /// # }
    /// ```
    pub async fn refusal(&self) -> Option<Problems> {
        let problems = match self.plan().await {
            Ok(planned) => {
                let kept = self.kept().await.ok()?;
                let mut looked = self.look_at_all(&planned, &kept).await;
                refused(&mut looked, self.moved(&kept)).err()?
            }
            Err(problems) => problems,
        };
        problems.has_wrong_settings().then_some(problems)
    }

    /// Looks at the homes of all sources.
    pub(super) async fn look_at_all(&self, planned: &[Planned], kept: &Kept) -> Vec<Looked> {
        let mut looked = Vec::new();
        for (number, source) in planned.iter().enumerate() {
            looked.push(self.look(number, source, kept).await);
        }
        looked
    }

    /// Looks at the homes of the source of this number.
    pub(super) async fn look(&self, number: usize, planned: &Planned, kept: &Kept) -> Looked {
        let config = &self.config;
        // The homes of the first source are needed at once; those of others would wait, open, for their turn.
        let stay_open = if number == 0 { config.delivery.open_homes } else { 0 };
        let (configured, known) = (&config.sources[number], Mutex::<Known>::default());
        // In a first run, and where a rule or the placement is another one, it has to be known of each home what it is.
        let is_known = kept.id.is_some() && !has_changed(config, configured, kept);
        let wait_for = if is_known { WaitFor::Most } else { WaitFor::All };
        let (inspected, wrong) = inspect(config, &planned.writing, Some(kept), stay_open, wait_for, &known).await;
        let (mut stops, mut problems) = (wrong.stops, if wrong.stops.is_some() { wrong.problems } else { Vec::new() });
        if stops != Some(Stops::All)
            && let Some(problem) = changed(config, configured, kept, &inspected)
        {
            stops = Some(Stops::All);
            problems.push(problem);
        }
        Looked { inspected, known, stops, problems }
    }

    /// What a run fails with that is refused as a whole. Another run may have begun meanwhile, whose doing it is.
    pub(super) async fn refuse(&self, wrong: Problems, looked: &[Looked], kept: &Kept) -> Error {
        if let Some(error) = self.overtaken(kept).await {
            return error;
        }
        let error = Error::from(wrong);
        // The control database may be what is wrong.
        let mut members = looked.iter().flat_map(|looked| &looked.inspected.members);
        if members.all(|member| member.slot < self.config.homes.len() || member.state.is_ok()) {
            self.note_refused(kept, &error).await;
        }
        error
    }
}

/// The sources that are refused beside others that go on, by number; or everything that all are refused for. Without
/// another source that has got anywhere, it is the configuration that is new, or wrong.
pub(super) fn refused(looked: &mut [Looked], mut problems: Vec<Problem>) -> Result<HashMap<usize, Error>, Problems> {
    let goes_on = |of: &Looked| of.stops.is_none() && of.inspected.reached() > Position::Start;
    let others_go_on = looked.iter().any(goes_on);
    let mut refused = HashMap::new();
    for (number, Looked { stops, problems: of_source, .. }) in looked.iter_mut().enumerate() {
        match stops {
            Some(Stops::Source) if others_go_on => {
                refused.insert(number, std::mem::take(of_source).into_iter().collect::<Problems>().into());
            }
            _ => problems.append(of_source),
        }
    }
    if problems.is_empty() { Ok(refused) } else { Err(problems.into_iter().collect()) }
}
