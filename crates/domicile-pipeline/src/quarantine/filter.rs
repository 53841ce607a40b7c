//! Which records of all quarantines are meant.

use super::Cause;
use crate::config::HomeConfig;
use crate::error::Error;
use crate::pipeline::Pipeline;

/// Which records in quarantine are meant; all where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct QuarantineFilter {
    /// Those that these homes keep.
    pub homes: Vec<String>,
    /// Those that the control database keeps, because they have no home.
    pub no_home: bool,
    /// Those of these sources.
    pub sources: Vec<String>,
    /// Those with a reason of these kinds.
    pub causes: Vec<Cause>,
    /// The one with this cursor, which is a list in JSON where it has several columns. The configuration has one source
    /// then, or one is named.
    pub record: Option<String>,
    /// Also those that are resolved, where records are shown.
    pub resolved: bool,
}

/// The same for one database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrowed {
    pub(crate) sources: Vec<String>,
    pub(crate) causes: Vec<String>,
    pub(crate) positions: Vec<String>,
    /// Not those that are resolved.
    pub(crate) only_waiting: bool,
    /// Those that were not delivered: they wait, or were dropped or ignored.
    pub(crate) only_undelivered: bool,
}

impl QuarantineFilter {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_all(&self) -> bool {
        let Self { homes, no_home, sources, causes, record, resolved: _ } = self;
        homes.is_empty() && !no_home && sources.is_empty() && causes.is_empty() && record.is_none()
    }

    pub(crate) fn has_home(&self, home: &HomeConfig) -> bool {
        let all = self.homes.is_empty() && !self.no_home;
        all || self.homes.iter().any(|name| *name == home.home.as_str())
    }

    pub(crate) fn has_no_home(&self) -> bool {
        self.no_home || self.homes.is_empty()
    }
}

impl Pipeline {
    /// A filter as the databases are asked. The source is asked for the type of its cursor where a record is named.
    pub(crate) async fn narrowed(&self, filter: &QuarantineFilter, only_waiting: bool) -> Result<Narrowed, Error> {
        self.check_homes(&filter.homes)?;
        self.check_known(&filter.sources).await?;
        let mut narrowed = Narrowed {
            sources: filter.sources.clone(),
            causes: filter.causes.iter().map(|cause| cause.name().to_owned()).collect(),
            positions: Vec::new(),
            only_waiting,
            only_undelivered: false,
        };
        let Some(record) = &filter.record else { return Ok(narrowed) };
        let sources = self.config.sources.iter().enumerate();
        let named: Vec<_> =
            sources.filter(|(_, source)| filter.sources.is_empty() || filter.sources.contains(&source.name)).collect();
        let [(number, source)] = named[..] else {
            return Err(Error::usage("a record is told by its cursor and its source: name one source"));
        };
        let planned = self.plan_one(number).await?;
        let position = planned.source.cursor().read(record);
        let position = position.map_err(|message| Error::usage(format!("source {}: {message}", source.name)))?;
        narrowed.sources = vec![source.name.clone()];
        narrowed.positions = position.key().into_iter().collect();
        Ok(narrowed)
    }
}
