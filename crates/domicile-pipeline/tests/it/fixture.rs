//! A folder with a source, a control database and homes, and a configuration that is put together in steps.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domicile_pipeline::{
    Checked, Config, Error, HomeReport, Observer, Pipeline, Problems, Report, Silent, SourceReport,
};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

/// The source's table in most tests.
pub(crate) const ORDERS: &str = "CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT, customer TEXT, ordered_on DATE, amount DECIMAL(12,2),
    quantity INTEGER, score REAL)";

/// The databases of one test.
pub(crate) struct World {
    folder: TempDir,
}

impl World {
    /// A source made by these statements.
    pub(crate) fn new(source: &str) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(world.path("homes")).unwrap();
        world.source(source);
        world
    }

    /// A source with orders: their values as SQL, in the order `country, customer, ordered_on, amount`.
    pub(crate) fn with_orders(orders: &[&str]) -> Self {
        let world = Self::new(ORDERS);
        world.order(orders);
        world
    }

    /// Adds orders.
    pub(crate) fn order(&self, orders: &[&str]) {
        let insert = |order| format!("INSERT INTO orders (country, customer, ordered_on, amount) VALUES ({order});");
        self.source(&format!("BEGIN; {} COMMIT", orders.iter().map(insert).collect::<String>()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home_path(&self, home: &str) -> PathBuf {
        self.path(&format!("homes/{home}.sqlite"))
    }

    /// Runs statements in the source.
    pub(crate) fn source(&self, sql: &str) {
        open(&self.path("source.sqlite")).execute_batch(sql).unwrap();
    }

    /// Runs statements in a home.
    pub(crate) fn in_home(&self, home: &str, sql: &str) {
        open(&self.home_path(home)).execute_batch(sql).unwrap();
    }

    /// What a query of a home gives; a row is its values with `|` between them.
    pub(crate) fn rows(&self, home: &str, sql: &str) -> Vec<String> {
        rows(&open(&self.home_path(home)), sql)
    }

    /// What a query of the control database gives.
    pub(crate) fn control(&self, sql: &str) -> Vec<String> {
        rows(&open(&self.path("control.sqlite")), sql)
    }

    pub(crate) fn config(&self, setup: &Setup) -> Config {
        Config::read(&self.path("domicile.toml"), setup.toml(), &|_| None).unwrap()
    }

    pub(crate) fn pipeline(&self, setup: &Setup) -> Pipeline {
        Pipeline::new(self.config(setup))
    }

    /// Runs once; nothing is expected to fail.
    pub(crate) fn run(&self, setup: &Setup) -> SourceReport {
        let report = self.run_pipeline(&self.pipeline(setup));
        assert!(!report.has_failed(), "{report:#?}");
        only(report)
    }

    /// Runs once, with failures in the report.
    pub(crate) fn try_run(&self, setup: &Setup) -> SourceReport {
        only(self.run_pipeline(&self.pipeline(setup)))
    }

    pub(crate) fn run_pipeline(&self, pipeline: &Pipeline) -> Report {
        run(pipeline, Arc::new(Silent)).unwrap()
    }

    pub(crate) fn check(&self, setup: &Setup) -> Result<Checked, Problems> {
        runtime().block_on(self.pipeline(setup).check())
    }

    /// All problems that a check finds, each as `setting: message / help`.
    pub(crate) fn problems(&self, setup: &Setup) -> Vec<String> {
        described(&self.check(setup).err().unwrap_or_default())
    }
}

/// Runs a pipeline on a runtime of its own.
pub(crate) fn run(pipeline: &Pipeline, observer: Arc<dyn Observer>) -> Result<Report, Error> {
    runtime().block_on(pipeline.run(observer))
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// The report of the one source.
pub(crate) fn only(mut report: Report) -> SourceReport {
    assert_eq!(report.sources.len(), 1);
    report.sources.remove(0)
}

/// A home's part of a report.
pub(crate) fn home<'a>(report: &'a SourceReport, name: &str) -> &'a HomeReport {
    report.homes.iter().find(|home| home.home == name).unwrap()
}

/// The counts of a home: read, delivered, ignored, quarantined.
pub(crate) fn counts(home: &HomeReport) -> [u64; 4] {
    [home.account.read, home.account.delivered, home.account.ignored, home.account.quarantined]
}

pub(crate) fn described(problems: &Problems) -> Vec<String> {
    let help = |problem: &domicile_pipeline::Problem| problem.help_text().unwrap_or("no help").to_owned();
    problems.iter().map(|problem| format!("{}: {problem} / {}", problem.setting(), help(problem))).collect()
}

pub(crate) fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.pragma_update(None, "synchronous", "OFF").unwrap();
    connection
}

pub(crate) fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let values = (0..columns).map(|column| Ok(shown(row.get_ref(column)?)));
        Ok(values.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
    };
    statement.query_map([], row).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::from("NULL"),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => format!("{bytes:02x?}"),
    }
}

/// A configuration: two homes and the table `orders`, until something else is said.
#[derive(Clone)]
pub(crate) struct Setup {
    homes: String,
    file: String,
    source: String,
    key: String,
    settings: String,
    batch: String,
    delivery: String,
    analysers: String,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self {
            homes: String::from("es = \"ES\"\nfr = \"FR\"\n"),
            file: String::from("source.sqlite"),
            source: String::from("table = \"orders\"\ncursor = \"id\""),
            key: String::from("country"),
            settings: String::new(),
            batch: String::new(),
            delivery: String::new(),
            analysers: String::new(),
        }
    }

    /// The lines below `[homes]`.
    pub(crate) fn homes(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.homes);
        self
    }

    /// The file that is the source.
    pub(crate) fn file(mut self, name: &str) -> Self {
        name.clone_into(&mut self.file);
        self
    }

    /// The lines that say what to read and the cursor.
    pub(crate) fn source(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.source);
        self
    }

    pub(crate) fn key(mut self, sql: &str) -> Self {
        sql.clone_into(&mut self.key);
        self
    }

    /// Another line of the source.
    pub(crate) fn setting(mut self, line: &str) -> Self {
        self.settings += &format!("{line}\n");
        self
    }

    pub(crate) fn batch_rows(mut self, rows: usize) -> Self {
        self.batch += &format!("rows = {rows}\n");
        self
    }

    pub(crate) fn batch_bytes(mut self, bytes: usize) -> Self {
        self.batch += &format!("bytes = {bytes}\n");
        self
    }

    pub(crate) fn commit_rows(mut self, rows: u64) -> Self {
        self.delivery += &format!("commit_rows = {rows}\n");
        self
    }

    /// A line below `[delivery]`.
    pub(crate) fn delivery(mut self, line: &str) -> Self {
        self.delivery += &format!("{line}\n");
        self
    }

    /// An analyser with these further lines.
    pub(crate) fn analyser(mut self, into: &str, lines: &str, sql: &str) -> Self {
        self.analysers += &format!("[[source.analyser]]\ninto = \"{into}\"\n{lines}\nsql = '''{sql}'''\n");
        self
    }

    pub(crate) fn insert(self, into: &str, sql: &str) -> Self {
        self.analyser(into, "", sql)
    }

    pub(crate) fn replace(self, into: &str, key: &str, sql: &str) -> Self {
        self.analyser(into, &format!("write = \"replace\"\nkey = \"{key}\""), sql)
    }

    pub(crate) fn merge(self, into: &str, sql: &str) -> Self {
        self.analyser(into, "write = \"merge\"", sql)
    }

    /// What stands behind the source.
    pub(crate) fn further(mut self, toml: &str) -> Self {
        self.analysers += toml;
        self
    }

    fn toml(&self) -> String {
        let Self { homes, file, source, key, settings, batch, delivery, analysers } = self;
        // A source has at least one analyser.
        let none = Setup::none().analysers;
        let analysers = if analysers.is_empty() { &none } else { analysers };
        format!(
            "control = \"sqlite:control.sqlite\"\nhome_url = \"sqlite:homes/{{home}}.sqlite\"\n[homes]\n{homes}\n\
             [batch]\n{batch}[delivery]\ncommit_seconds = 60.0\n{delivery}\n\
             [[source]]\nurl = \"sqlite:{file}\"\n{source}\nkey = '''{key}'''\n{settings}{analysers}"
        )
    }

    /// An analyser that only notes which records there were.
    pub(crate) fn none() -> Self {
        Self::new().insert("seen", "SELECT * FROM record")
    }
}
