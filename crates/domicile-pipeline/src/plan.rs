//! Everything that is decided before the first record is read: sources opened, SQL planned, tables known.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::SchemaRef;
use domicile::{Chain, Home};

use crate::analyse::{Analyse, Analysers, Combine, SqlAnalyser};
use crate::config::{Config, Database, Document, HomeConfig, Problem, SettingPath, SourceConfig};
use crate::country::country_code;
use crate::cursor::Cursor;
use crate::database;
use crate::deliver::{Answering, Delivered, Delivery};
use crate::locate::Locator;
use crate::overlap::Overlap;
use crate::quarantine::Store;
use crate::source::{self, Horizon, Source, Unopened};
use crate::sql::{Planner, SQL_HELP};
use crate::table::Table;

/// A source with all that is done with its records.
pub(crate) struct Planned {
    pub(crate) source: Box<dyn Source>,
    /// What of the source is read again in each run.
    pub(crate) overlap: Option<Arc<Overlap>>,
    pub(crate) locator: Arc<Locator>,
    /// By table: how its partial results are merged.
    pub(crate) combines: Vec<Option<Combine>>,
    pub(crate) writing: Writing,
    /// Up to where the source is settled, where that was asked already.
    pub(crate) horizon: Option<Horizon>,
    /// What is merged is written with each share, so that a home that refuses it can be told which record is at fault.
    pub(crate) merges_each_share: bool,
}

/// What the analysers of a source write.
pub(crate) struct Writing {
    /// The source.
    pub(crate) name: String,
    /// Where its records are.
    pub(crate) origin: String,
    /// By what they are read; without columns where the source could not be opened.
    pub(crate) cursor: Cursor,
    pub(crate) analysers: Arc<Analysers>,
    /// The source's setting.
    pub(crate) setting: SettingPath,
    /// By table: the setting of the configured analyser that makes it, if one of those does.
    made_by: Vec<Option<SettingPath>>,
    /// How long a database may take for one answer.
    answer: Duration,
}

/// The sources that can be planned, and everything that is wrong with the others.
pub(crate) struct AllPlanned {
    pub(crate) planned: Vec<Planned>,
    /// What the sound analysers of the other sources write.
    pub(crate) partly: Vec<Writing>,
    pub(crate) problems: Vec<Problem>,
}

/// A source that cannot be planned: everything that is wrong with its settings, and what its sound analysers write.
pub(crate) struct Unplanned {
    pub(crate) problems: Vec<Problem>,
    pub(crate) writing: Option<Writing>,
}

/// Analysers that a program has added, by the name of their source.
pub(crate) type Added = HashMap<String, Vec<Arc<dyn Analyse>>>;

impl Analyse for Arc<dyn Analyse> {
    fn tables(&self) -> &[Table] {
        (**self).tables()
    }

    fn reads(&self) -> Option<Vec<String>> {
        (**self).reads()
    }

    fn analyse(
        &self,
        records: &datafusion::arrow::array::RecordBatch,
    ) -> Result<Vec<(usize, datafusion::arrow::array::RecordBatch)>, String> {
        (**self).analyse(records)
    }
}

/// Plans one source, or says everything that is wrong with its settings.
pub(crate) async fn plan(
    config: &Config,
    number: usize,
    router: &Arc<Chain>,
    added: &Added,
) -> Result<Planned, Unplanned> {
    let source_config = &config.sources[number];
    let document = &config.document;
    let opened = source::open(source_config, document, config.delivery.answer).await;
    let (schema, cursor) = match &opened {
        Ok(source) => (Some(source.schema()), source.cursor().clone()),
        // Its rules are planned only to tell what is wrong with them.
        Err(not_opened) => (not_opened.schema.clone(), Cursor::default()),
    };
    let unopened = |Unopened { setting, message, help }: &Unopened| {
        let at = source_config.setting.key(*setting);
        match *setting {
            // The database is told as the file writes it.
            "url" => document.problem(&at, message).help(help).failure(),
            // A query makes the names of its columns.
            "columns" => document.problem_said(&at, &source_config.setting.key("query"), message, help),
            _ => document.problem_said(&at, &at, message, help),
        }
    };
    let not_opened = opened.as_ref().err().into_iter().flat_map(|not_opened| &not_opened.why);
    let mut problems: Vec<Problem> = not_opened.map(unopened).collect();
    let Some(schema) = schema else {
        problems.extend(syntax_errors(source_config, document));
        return Err(Unplanned { problems, writing: None });
    };
    let rules_on = |schema: &SchemaRef, cursor| plan_rules(schema, cursor, config, source_config, router, added);
    let rules = match rules_on(&schema, cursor.clone()) {
        Ok(rules) => rules,
        Err(problem) => {
            problems.push(problem);
            return Err(Unplanned { problems, writing: None });
        }
    };
    problems.extend(rules.problems.iter().cloned());
    let Ok(mut source) = opened else { return Err(Unplanned { problems, writing: Some(rules.writing) }) };
    let read = rules.columns(&schema, &cursor).filter(|_| problems.is_empty());
    let rules = match read {
        None => Ok(rules),
        Some(columns) => {
            source.narrow(&columns);
            rules_on(&source.schema(), source.cursor().clone())
        }
    };
    if problems.is_empty() {
        problems.extend(source.check_access().await.err().map(|denied| unopened(&denied)));
    }
    match rules {
        Ok(Rules { overlap, locator: Some(locator), combines, writing, .. }) if problems.is_empty() => {
            let locator = Arc::new(locator);
            Ok(Planned { source, overlap, locator, combines, writing, horizon: None, merges_each_share: false })
        }
        Ok(rules) => Err(Unplanned { problems, writing: Some(rules.writing) }),
        Err(problem) => Err(Unplanned { problems: vec![problem], writing: None }),
    }
}

/// What is planned on the columns of a source, and what is wrong with it.
struct Rules {
    overlap: Option<Arc<Overlap>>,
    locator: Option<Locator>,
    combines: Vec<Option<Combine>>,
    writing: Writing,
    problems: Vec<Problem>,
}

impl Rules {
    /// The columns that have to be read, unless all have to.
    fn columns(&self, schema: &SchemaRef, cursor: &Cursor) -> Option<Vec<usize>> {
        let reads = self.writing.analysers.reads()?;
        let named = reads.iter().filter_map(|name| schema.index_of(name).ok());
        let rules = self.locator.iter().flat_map(Locator::columns);
        let identity = self.overlap.iter().flat_map(|overlap| overlap.columns());
        let known = cursor.columns().iter().chain(identity).copied();
        let all: BTreeSet<usize> = named.chain(rules).chain(known).collect();
        (all.len() < schema.fields().len()).then(|| all.into_iter().collect())
    }
}

fn plan_rules(
    schema: &SchemaRef,
    cursor: Cursor,
    config: &Config,
    source: &SourceConfig,
    router: &Arc<Chain>,
    added: &Added,
) -> Result<Rules, Problem> {
    let planner = Planner::new(Arc::clone(schema)).map_err(|error| {
        let problem = config.document.problem(&source.setting, error.strip_backtrace());
        problem.help("check the source's columns")
    })?;
    let mut problems = Vec::new();
    let overlap = plan_overlap(schema, config, source, &cursor, &mut problems);
    let reading = (cursor.clone(), overlap.clone());
    let locator = plan_locator(&planner, schema, config, source, reading, router, &mut problems);
    let writing = plan_analysers(&planner, config, source, cursor, added, &mut problems);
    let combines = plan_combines(&writing, config, &mut problems);
    Ok(Rules { overlap, locator, combines, writing, problems })
}

/// What is wrong with the SQL of a source whose columns are not known.
fn syntax_errors(source: &SourceConfig, document: &Document) -> Vec<Problem> {
    let key = (!source.key.is_empty()).then_some((source.setting.key("key"), &source.key, true));
    let ignore = source.ignore.as_ref().map(|sql| (source.setting.key("ignore"), sql, true));
    let queries = source.analysers.iter().map(|analyser| (analyser.setting.key("sql"), &analyser.sql, false));
    let problem = |(setting, sql, is_expression): (SettingPath, &String, bool)| {
        let error = Planner::syntax_error(sql, is_expression)?;
        Some(document.problem_said(&setting, &setting, error, SQL_HELP))
    };
    key.into_iter().chain(ignore).chain(queries).filter_map(problem).collect()
}

fn plan_overlap(
    schema: &SchemaRef,
    config: &Config,
    source: &SourceConfig,
    cursor: &Cursor,
    problems: &mut Vec<Problem>,
) -> Option<Arc<Overlap>> {
    // Where there is no cursor, that has been reported.
    let overlap = source.overlap.as_ref().filter(|_| !cursor.columns().is_empty())?;
    match Overlap::find(overlap, schema, cursor) {
        Ok(overlap) => Some(Arc::new(overlap)),
        Err((setting, message)) => {
            let setting = source.setting.key(setting);
            let help = "an overlap is a time before the position, and its identity columns that tell records apart";
            problems.push(config.document.problem_said(&setting, &setting, message, help));
            None
        }
    }
}

fn plan_locator(
    planner: &Planner,
    schema: &SchemaRef,
    config: &Config,
    source: &SourceConfig,
    reading: (Cursor, Option<Arc<Overlap>>),
    router: &Arc<Chain>,
    problems: &mut Vec<Problem>,
) -> Option<Locator> {
    if source.key.is_empty() {
        return None;
    }
    let homes: Vec<Home> = config.homes.iter().map(|home| home.home.clone()).collect();
    let document = &config.document;
    match Locator::new(planner, schema, source, document, reading, Arc::clone(router), &homes) {
        Ok(locator) => Some(locator),
        Err(wrong) => {
            let help = "write an SQL expression over the source's columns, for example country_code(country)";
            let problem = |(setting, message): (&'static str, String)| {
                let setting = source.setting.key(setting);
                document.problem_said(&setting, &setting, message, help)
            };
            problems.extend(wrong.into_iter().map(problem));
            None
        }
    }
}

/// Placed keys that no record has, because `country_code` makes the routing key of every source: their homes would stay
/// empty.
pub(crate) fn unreachable_keys(config: &Config, planned: &[Planned]) -> Vec<Problem> {
    let all_are_codes = planned.iter().all(|planned| planned.locator.is_country_code());
    if planned.len() < config.sources.len() || !all_are_codes {
        return Vec::new();
    }
    let keys = config.homes.iter().flat_map(|home| home.keys.iter().map(move |key| (home, key.as_str())));
    let problem = |(home, key): (&HomeConfig, &str)| {
        let meant = country_code(key);
        let help = match meant {
            Some(meant) if meant == key => return None,
            Some(meant) => format!("write `{meant}`"),
            None => String::from("write the code of ISO 3166-1 with two letters, for example `ES`"),
        };
        let message = format!("no record has the routing key `{key}`: country_code gives codes of two letters");
        Some(config.document.problem(&home.setting, message).help(help))
    };
    keys.filter_map(problem).collect()
}

/// By table, how its partial results are merged.
fn plan_combines(writing: &Writing, config: &Config, problems: &mut Vec<Problem>) -> Vec<Option<Combine>> {
    let tables = writing.analysers.tables().iter().enumerate();
    let combines = tables.map(|(number, table)| {
        Combine::plan(table).unwrap_or_else(|unplanned| {
            let setting = writing.setting(number, unplanned.setting);
            problems.push(config.document.problem_said(&setting, &setting, unplanned.message, unplanned.help));
            None
        })
    });
    combines.collect()
}

/// The configured analysers and then the added ones.
fn plan_analysers(
    planner: &Planner,
    config: &Config,
    source: &SourceConfig,
    cursor: Cursor,
    added: &Added,
    problems: &mut Vec<Problem>,
) -> Writing {
    let document = &config.document;
    let mut analysers: Vec<Box<dyn Analyse>> = Vec::new();
    let mut made_by = Vec::new();
    for analyser in &source.analysers {
        match SqlAnalyser::plan(planner, analyser, document) {
            Ok(planned) => {
                made_by.extend(planned.tables().iter().map(|_| Some(analyser.setting.clone())));
                analysers.push(Box::new(planned));
            }
            Err(unplanned) => {
                let setting = analyser.setting.key(unplanned.setting);
                problems.push(document.problem_said(&setting, &setting, unplanned.message, unplanned.help));
            }
        }
    }
    for analyser in added.get(&source.name).into_iter().flatten() {
        made_by.extend(analyser.tables().iter().map(|_| None));
        analysers.push(Box::new(Arc::clone(analyser)));
    }
    let analysers = Arc::new(Analysers::new(analysers, config.delivery.add_columns));
    Writing {
        name: source.name.clone(),
        origin: source.origin.clone(),
        cursor,
        analysers,
        setting: source.setting.clone(),
        made_by,
        answer: config.delivery.answer,
    }
}

/// Finds tables that two analysers write in different ways.
pub(crate) fn contradictions<'a>(config: &Config, all: impl Iterator<Item = &'a Writing>) -> Vec<Problem> {
    let mut known: HashMap<String, &Table> = HashMap::new();
    let mut problems = Vec::new();
    for writing in all {
        for (number, table) in writing.analysers.tables().iter().enumerate() {
            let first = *known.entry(table.name.to_lowercase()).or_insert(table);
            if !first.is_like(table) {
                let message =
                    format!("two analysers write `{}`, with different columns, keys or ways of writing", table.name);
                let help = "make them agree, or give each a table of its own";
                problems.push(config.document.problem(&writing.setting(number, "into"), message).help(help));
            }
        }
    }
    problems
}

impl Writing {
    /// A setting of the analyser that makes a table; the source's where the configuration has none.
    pub(crate) fn setting(&self, table: usize, name: &str) -> SettingPath {
        self.made_by[table].as_ref().map_or_else(|| self.setting.clone(), |analyser| analyser.key(name))
    }

    /// The way into a home for this source.
    pub(crate) fn delivery(&self, home: &HomeConfig) -> Box<dyn Delivery> {
        let tables = Arc::clone(self.analysers.tables());
        let delivery = database::delivery(&home.database, self.delivered(Some(home.home.to_string()), tables));
        Box::new(Answering::new(delivery, self.answer))
    }

    /// The way into the control database for this source, which takes no objects.
    pub(crate) fn nowhere(&self, database: &Database) -> Box<dyn Delivery> {
        let delivery = database::delivery(database, self.delivered(None, Arc::new([])));
        Box::new(Answering::new(delivery, self.answer))
    }

    /// The way into the home of this number or, behind the last of them, into the control database.
    pub(crate) fn delivery_to(&self, config: &Config, slot: usize) -> Box<dyn Delivery> {
        config.homes.get(slot).map_or_else(|| self.nowhere(&config.control), |home| self.delivery(home))
    }

    /// The way into a home for what it keeps in quarantine of this source.
    pub(crate) fn store(&self, home: &HomeConfig) -> Box<dyn Store> {
        let tables = Arc::clone(self.analysers.tables());
        let store = database::store(&home.database, self.delivered(Some(home.home.to_string()), tables));
        Box::new(Answering::new(store, self.answer))
    }

    /// The way into the control database for the same.
    pub(crate) fn store_of_control(&self, database: &Database) -> Box<dyn Store> {
        Box::new(Answering::new(database::store(database, self.delivered(None, Arc::new([]))), self.answer))
    }

    fn delivered(&self, home: Option<String>, tables: Arc<[Table]>) -> Delivered {
        Delivered { source: self.name.clone(), origin: self.origin.clone(), home, tables }
    }
}

/// The way into any database of the configuration, to see whether it can be used.
pub(crate) fn any_delivery(database: &Database) -> Box<dyn Delivery> {
    database::delivery(database, nothing_delivered())
}

/// The same, to look at what it keeps. It takes no longer than this for an answer.
pub(crate) fn any_store(database: &Database, within: Duration) -> Box<dyn Store> {
    Box::new(Answering::new(database::store(database, nothing_delivered()), within))
}

pub(crate) fn nothing_delivered() -> Delivered {
    Delivered { source: String::new(), origin: String::new(), home: None, tables: Arc::new([]) }
}
