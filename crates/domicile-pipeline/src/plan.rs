//! Everything that is decided before the first record is read: sources opened, SQL planned, tables known.

use std::collections::HashMap;
use std::sync::Arc;

use domicile::{Chain, Home};

use crate::analyse::{Analyse, Analysers, Combine, SqlAnalyser};
use crate::config::{Config, Database, Document, Problem, SettingPath, SourceConfig};
use crate::database::sqlite::delivery::SqliteDelivery;
use crate::database::sqlite::source::SqliteSource;
use crate::deliver::Delivery;
use crate::locate::Locator;
use crate::source::Source;
use crate::sql::Planner;
use crate::table::Table;

/// A source with all that is done with its records.
pub(crate) struct Planned {
    pub(crate) name: String,
    pub(crate) source: Box<dyn Source>,
    pub(crate) locator: Arc<Locator>,
    pub(crate) analysers: Arc<Analysers>,
    /// By table: how its partial results are merged.
    pub(crate) combines: Vec<Option<Combine>>,
    /// By table: the number of the configured analyser that makes it, if one of those does.
    made_by: Vec<Option<usize>>,
}

/// Analysers that a program has added, by the name of their source.
pub(crate) type Added = HashMap<String, Vec<Arc<dyn Analyse>>>;

impl Analyse for Arc<dyn Analyse> {
    fn tables(&self) -> &[Table] {
        (**self).tables()
    }

    fn analyse(
        &self,
        records: &datafusion::arrow::array::RecordBatch,
    ) -> Result<Vec<(usize, datafusion::arrow::array::RecordBatch)>, String> {
        (**self).analyse(records)
    }
}

/// Plans one source, or says everything that is wrong with its settings.
pub(crate) fn plan(
    config: &Config,
    number: usize,
    router: &Arc<Chain>,
    added: &Added,
) -> Result<Planned, Vec<Problem>> {
    let source_config = &config.sources[number];
    let document = &config.document;
    let source = open(source_config, document)?;
    let schema = source.schema();
    let homes: Vec<Home> = config.homes.iter().map(|home| home.home.clone()).collect();
    let planner = Planner::new(Arc::clone(&schema)).map_err(|error| {
        vec![document.problem(&source_config.setting, error.strip_backtrace()).help("check the source's columns")]
    })?;
    let mut problems = Vec::new();
    let cursor = source.cursor();
    let locator = Locator::new(&planner, &schema, source_config, cursor, Arc::clone(router), &homes);
    let locator = locator.map_err(|wrong| {
        let help = "write an SQL expression over the source's columns, for example country_code(country)";
        let problem = |(setting, message)| document.problem(&source_config.setting.key(setting), message).help(help);
        problems.extend(wrong.into_iter().map(problem));
    });
    let (analysers, made_by) = plan_analysers(&planner, source_config, document, added, &mut problems);
    let analysers = Analysers::new(analysers);
    let mut combines = Vec::new();
    for (table, made_by) in analysers.tables().iter().zip(&made_by) {
        match Combine::plan(table) {
            Ok(combine) => combines.push(combine),
            Err(unplanned) => {
                let setting = made_by.map_or_else(
                    || source_config.setting.clone(),
                    |analyser| source_config.analysers[analyser].setting.key(unplanned.setting),
                );
                problems.push(document.problem(&setting, unplanned.message).help(unplanned.help));
            }
        }
    }
    match locator {
        Ok(locator) if problems.is_empty() => Ok(Planned {
            name: source_config.name.clone(),
            source: Box::new(source),
            locator: Arc::new(locator),
            analysers: Arc::new(analysers),
            combines,
            made_by,
        }),
        _ => Err(problems),
    }
}

fn open(config: &SourceConfig, document: &Document) -> Result<SqliteSource, Vec<Problem>> {
    SqliteSource::open(config).map_err(|unopened| {
        let problem = |unopened: crate::database::sqlite::source::Unopened| {
            document.problem(&config.setting.key(unopened.setting), unopened.message).help(unopened.help)
        };
        unopened.into_iter().map(problem).collect()
    })
}

/// The configured analysers and then the added ones, and by table the number of the configured one.
fn plan_analysers(
    planner: &Planner,
    config: &SourceConfig,
    document: &Document,
    added: &Added,
    problems: &mut Vec<Problem>,
) -> (Vec<Box<dyn Analyse>>, Vec<Option<usize>>) {
    let mut analysers: Vec<Box<dyn Analyse>> = Vec::new();
    let mut made_by = Vec::new();
    for (number, analyser) in config.analysers.iter().enumerate() {
        match SqlAnalyser::plan(planner, analyser) {
            Ok(planned) => {
                made_by.extend(planned.tables().iter().map(|_| Some(number)));
                analysers.push(Box::new(planned));
            }
            Err(unplanned) => {
                let setting = analyser.setting.key(unplanned.setting);
                problems.push(document.problem(&setting, unplanned.message).help(unplanned.help));
            }
        }
    }
    for analyser in added.get(&config.name).into_iter().flatten() {
        made_by.extend(analyser.tables().iter().map(|_| None));
        analysers.push(Box::new(Arc::clone(analyser)));
    }
    (analysers, made_by)
}

/// Finds tables that two analysers write in different ways.
pub(crate) fn contradictions(config: &Config, planned: &[Planned]) -> Vec<Problem> {
    let mut known: HashMap<String, &Table> = HashMap::new();
    let mut problems = Vec::new();
    for source in planned {
        for (number, table) in source.analysers.tables().iter().enumerate() {
            let first = *known.entry(table.name.to_lowercase()).or_insert(table);
            if !first.is_like(table) {
                let message =
                    format!("two analysers write `{}`, with different columns, keys or ways of writing", table.name);
                let help = "make them agree, or give each a table of its own";
                problems.push(config.document.problem(&source.setting(config, number), message).help(help));
            }
        }
    }
    problems
}

impl Planned {
    /// Where the configuration names a table.
    pub(crate) fn setting(&self, config: &Config, table: usize) -> SettingPath {
        let source = config.sources.iter().find(|source| source.name == self.name).expect("it was planned from one");
        self.made_by[table]
            .map_or_else(|| source.setting.clone(), |analyser| source.analysers[analyser].setting.key("into"))
    }

    /// The way into a home for this source.
    pub(crate) fn delivery(&self, database: &Database) -> Box<dyn Delivery> {
        Box::new(SqliteDelivery::new(database.path.clone(), &self.name, Arc::clone(self.analysers.tables())))
    }

    /// The way into the control database, which takes no objects.
    pub(crate) fn control(&self, database: &Database) -> Box<dyn Delivery> {
        Box::new(SqliteDelivery::new(database.path.clone(), &self.name, Arc::new([])))
    }
}
