//! The configuration: one TOML file, and all that is wrong with it at once.
//!
//! A text becomes a [`Config`] in these steps, each of which reports what it finds and goes on with the rest:
//!
//! 1. [`Document`]: the TOML is read into a tree that remembers where each setting stands;
//! 2. `value`: `${NAME}` is replaced by what the environment holds;
//! 3. `shape`: the JSON schema says which settings there are, and of what type;
//! 4. `home`, `source`, `analyser`, `limits`: what a schema cannot say;
//! 5. `distinct`: no two databases are one.
//!
//! What the environment holds never gets into a message: a value is shown as the file writes it.

mod analyser;
mod authorities;
mod column;
mod database;
mod distinct;
mod document;
mod entry;
mod environment;
mod file;
mod findings;
mod home;
mod limits;
mod metrics;
mod origin;
mod problem;
mod problems;
mod rules;
mod schedule;
mod schema;
mod secret;
mod server;
mod setting;
mod shape;
mod source;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod wording;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domicile::Placement;
use serde_json::Value;

pub use analyser::{AnalyserConfig, WriteMode};
pub use column::{ColumnType, InvalidColumnType};
pub use database::{Database, Location};
pub use document::Document;
pub(crate) use document::UNTOLD;
pub(crate) use home::CONTROL;
pub use home::HomeConfig;
pub use limits::{BatchLimits, DeliveryLimits};
pub(crate) use origin::place;
pub use problem::{Problem, Severity};
pub use problems::Problems;
pub use schedule::{InvalidSchedule, Schedule};
pub use schema::json_schema;
pub use server::{Address, Password, ServerUrl, TlsMode};
pub use setting::SettingPath;
pub use source::{From, OverlapConfig, SourceConfig};

use distinct::Use;
use file::File;
use findings::Findings;
use schedule::UTC;

/// A configuration that was checked: names are unique, databases are distinct, every routing key has one home.
#[derive(Clone)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// The control database: the quarantine of what has no home, how far that has got, and where each key was placed.
    pub control: Database,
    /// The homes, in the order of the file; at least one.
    pub homes: Vec<HomeConfig>,
    /// Which home each routing key belongs in.
    pub placement: Placement,
    /// The sources, in the order of the file; at least one.
    pub sources: Vec<SourceConfig>,
    /// When runs begin by themselves, if the file says it.
    pub schedule: Option<Schedule>,
    time_zone: String,
    /// Where the metrics of scheduled runs are served, if the file says it.
    pub metrics: Option<SocketAddr>,
    /// The size of a batch.
    pub batch: BatchLimits,
    /// How homes are delivered to.
    pub delivery: DeliveryLimits,
    /// The file, to make problems that point into it.
    pub document: Arc<Document>,
}

/// Leaves out what a variable of the environment may be in.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Config");
        fields.field("path", &self.path).field("control", &self.control).field("homes", &self.homes);
        fields.field("sources", &self.sources).field("batch", &self.batch).field("delivery", &self.delivery);
        fields.finish_non_exhaustive()
    }
}

impl Config {
    /// The time zone of schedules.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        &self.time_zone
    }

    /// The setting that names all homes.
    pub(crate) fn homes_setting(&self) -> SettingPath {
        SettingPath::root().key("homes")
    }

    /// Reads and checks a file, with the variables of the process's environment.
    ///
    /// # Errors
    ///
    /// All problems of the file; one if it cannot be read or is not UTF-8.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let (config, problems) = Self::examine(path);
        config.filter(|_| !problems.has_errors()).ok_or(problems)
    }

    /// Checks the text of a file. Its relative paths start from the folder of `path`.
    ///
    /// # Errors
    ///
    /// All problems of the text.
    pub fn read(path: &Path, text: String, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let (config, problems) = Self::sound_parts(path, text, environment);
        config.filter(|_| !problems.has_errors()).ok_or(problems)
    }

    /// What is sound in a file, for finding out what else is wrong, and all problems. A home, source or analyser that
    /// cannot be made out is missing; there is nothing at all where the file cannot be read.
    #[must_use]
    pub(crate) fn examine(path: &Path) -> (Option<Self>, Problems) {
        let text = std::fs::read(path).map_err(|error| unreadable(path, &error));
        match text.and_then(|bytes| String::from_utf8(bytes).map_err(|error| not_text(path, &error))) {
            Ok(text) => Self::sound_parts(path, text, &|name| std::env::var(name).ok()),
            Err(problems) => (None, problems),
        }
    }

    fn sound_parts(
        path: &Path,
        text: String,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> (Option<Self>, Problems) {
        let (document, problems) = Document::parse(path, text);
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut findings = Findings::new(&document, folder, problems);
        let config = file(&mut findings, environment).map(|file| checked(file, path, &document, &mut findings));
        let mut problems = findings.problems;
        problems.sort();
        (config, problems)
    }
}

/// The settings, without those that the schema refuses.
fn file(findings: &mut Findings<'_>, environment: &dyn Fn(&str) -> Option<String>) -> Option<File> {
    let mut values = value::values(findings, environment);
    shape::keep_valid(&mut values, &json_schema(), findings);
    match serde_json::from_value(Value::from(values)) {
        Ok(file) => Some(file),
        // The error is not shown, because it may quote a value that came from the environment.
        Err(_) => {
            let help = "compare it with schema/domicile.schema.json";
            findings.report(&SettingPath::root(), "the file does not have the shape of a configuration", help);
            None
        }
    }
}

fn checked(file: File, path: &Path, document: &Arc<Document>, findings: &mut Findings<'_>) -> Config {
    let root = SettingPath::root();
    let control = file.control.and_then(|url| Database::read(&url, root.key("control"), findings));
    findings.uses.extend(control.as_ref().map(Use::control));
    let homes = file.homes.map(|homes| home::homes(homes, file.home_url.as_deref(), findings));
    let sources = file.source.map(|files| source::sources(files, findings)).unwrap_or_default();
    let schedule = schedule::schedule(file.schedule.as_deref(), file.time_zone.as_deref(), findings);
    let metrics = metrics::metrics(file.metrics.as_deref(), findings);
    let delivery = limits::delivery(file.delivery, findings);

    distinct::check(findings);

    let nowhere = || Placement::builder().build().expect("no key is placed twice");
    let (homes, placement) = homes.unwrap_or_else(|| (Vec::new(), nowhere()));
    Config {
        path: path.to_owned(),
        control: control.unwrap_or_else(|| Database::missing(root.key("control"))),
        homes,
        placement,
        sources,
        schedule,
        time_zone: file.time_zone.unwrap_or_else(|| String::from(UTC)),
        metrics,
        batch: file.batch,
        delivery,
        document: document.clone(),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problems {
    let (document, _) = Document::parse(path, String::new());
    let problem = document.problem(&SettingPath::root(), format!("the configuration cannot be read: {error}"));
    problem.help("name a configuration file that exists and that this user may read").into()
}

fn not_text(path: &Path, error: &std::string::FromUtf8Error) -> Problems {
    let offset = error.utf8_error().valid_up_to();
    let (document, _) = Document::parse(path, String::from_utf8_lossy(error.as_bytes()).into_owned());
    let problem =
        document.problem_at(&SettingPath::root(), offset..offset, "the configuration is not UTF-8 from here on");
    problem.help("save the file as UTF-8").into()
}
