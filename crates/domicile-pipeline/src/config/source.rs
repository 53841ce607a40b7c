//! A source as configured.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use super::analyser::{AnalyserConfig, analysers};
use super::column::ColumnType;
use super::database::Database;
use super::distinct::Use;
use super::file::{OneOrMany, SourceFile};
use super::findings::Findings;
use super::origin::origin;
use super::setting::SettingPath;

/// A source of records.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// Its name, one of a kind: its position is kept under it.
    pub name: String,
    /// Its database.
    pub database: Database,
    /// What is read of it.
    pub from: From,
    /// The columns that only grow, the first of which comes first.
    pub cursor: Vec<String>,
    /// How far back records are read again, for those that come late.
    pub overlap: Option<OverlapConfig>,
    /// Where the records are, as every home keeps it with its position.
    pub origin: String,
    /// SQL expression over the record: its routing key.
    pub key: String,
    /// SQL predicate: records for which it holds are counted, but not analysed.
    pub ignore: Option<String>,
    /// Types of columns that the source does not say.
    pub columns: BTreeMap<String, ColumnType>,
    /// What becomes of the records; at least one.
    pub analysers: Vec<AnalyserConfig>,
    /// Where it stands in the file.
    pub setting: SettingPath,
}

/// What is read again in each run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlapConfig {
    /// How long before the position reading begins.
    pub span: Duration,
    /// The columns that tell apart records of one cursor; at least one.
    pub identity: Vec<String>,
}

/// What is read of a source.
#[derive(Clone, PartialEq, Eq)]
pub enum From {
    /// A table of this name.
    Table(String),
    /// The result of this query.
    Query(String),
}

/// Leaves out the texts: a variable of the environment may be in them.
impl fmt::Debug for SourceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("SourceConfig");
        fields.field("setting", &self.setting).field("database", &self.database).field("from", &self.from);
        fields.field("columns", &self.columns).field("analysers", &self.analysers).finish_non_exhaustive()
    }
}

/// Leaves out the text: a variable of the environment may be in it.
impl fmt::Debug for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table(_) => "Table(..)",
            Self::Query(_) => "Query(..)",
        })
    }
}

/// All sources. One that cannot be made out has its mistakes reported, and the others are checked all the same.
pub(super) fn sources(files: Vec<SourceFile>, findings: &mut Findings<'_>) -> Vec<SourceConfig> {
    let at = SettingPath::root().key("source");
    let mut first_by_name: HashMap<String, SettingPath> = HashMap::new();
    let mut sources = Vec::new();
    for (index, file) in files.into_iter().enumerate() {
        let setting = at.index(index);
        if let Some(name) = file.name.clone().or_else(|| file.table.clone()) {
            let named_by = setting.key(if file.name.is_some() { "name" } else { "table" });
            check_name(name, named_by, &mut first_by_name, findings);
        }
        sources.push(source(file, setting, findings));
    }
    sources.into_iter().flatten().collect()
}

fn check_name(
    name: String,
    setting: SettingPath,
    first_by_name: &mut HashMap<String, SettingPath>,
    findings: &mut Findings<'_>,
) {
    let first = first_by_name.entry(name).or_insert_with(|| setting.clone());
    if *first != setting {
        let document = findings.document;
        let message =
            format!("the source in line {} has the name `{}` as well", document.line(first), document.shown(&setting));
        findings.report(&setting, message, "give one of them another `name`");
    }
}

fn source(file: SourceFile, setting: SettingPath, findings: &mut Findings<'_>) -> Option<SourceConfig> {
    let database = file.url.and_then(|url| Database::read(&url, setting.key("url"), findings));
    findings.uses.extend(database.as_ref().map(Use::source));
    let name = file.name.or_else(|| file.table.clone());
    let from = from(file.table, file.query, &setting, findings);
    let cursor = cursor(file.cursor, &setting.key("cursor"), findings);
    let overlap = overlap(file.overlap, file.identity, &setting, findings);
    let columns = columns(file.columns, &setting.key("columns"), findings);
    let analysers = file.analyser.map(|files| analysers(files, &setting, findings));
    let (database, from) = (database?, from?);
    Some(SourceConfig {
        name: name?,
        origin: file.origin.unwrap_or_else(|| origin(&database, &from, findings.folder)),
        database,
        from,
        // What is missing has been reported, and nothing is made of it.
        cursor,
        overlap,
        key: file.key.unwrap_or_default(),
        ignore: file.ignore,
        columns,
        analysers: analysers.unwrap_or_default(),
        setting,
    })
}

fn overlap(
    span: Option<String>,
    identity: Option<OneOrMany>,
    setting: &SettingPath,
    findings: &mut Findings<'_>,
) -> Option<OverlapConfig> {
    let (span_at, identity_at) = (setting.key("overlap"), setting.key("identity"));
    let identity = match identity {
        None => Vec::new(),
        Some(OneOrMany::One(column)) => vec![column],
        Some(OneOrMany::Many(columns)) => columns,
    };
    let has_span = findings.document.holds(&span_at);
    match (has_span, findings.document.holds(&identity_at)) {
        (true, false) => {
            let help = "name the columns that tell records of one cursor apart, as in `identity = \"id\"`";
            findings.report_missing(setting, "an `overlap` needs an `identity`", help);
        }
        (false, true) => {
            let help = "add how far back records are read again, as in `overlap = \"10m\"`, or remove it";
            findings.report_name(&identity_at, "`identity` is of use with an `overlap` only", help);
        }
        (true, true) if identity.iter().all(|column| column.trim().is_empty()) => {
            findings.report(
                &identity_at,
                format!("`{identity_at}` is empty"),
                "name a column, as in `identity = \"id\"`",
            );
        }
        _ => {}
    }
    let text = span?;
    let Some(span) = duration(&text) else {
        let shown = findings.document.shown(&span_at);
        let message = format!("`{shown}` is not a length of time");
        findings.report(&span_at, message, "write a number with s, m, h or d behind it, as in `10m`");
        return None;
    };
    Some(OverlapConfig { span, identity })
}

/// A whole number of seconds, minutes, hours or days, more than 0 and up to a year.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = number.parse::<u64>().ok().filter(|_| is_plain)?.checked_mul(seconds)?;
    (1..=366 * 24 * 60 * 60).contains(&seconds).then(|| Duration::from_secs(seconds))
}

fn cursor(file: Option<OneOrMany>, at: &SettingPath, findings: &mut Findings<'_>) -> Vec<String> {
    let columns = match file {
        None => return Vec::new(),
        Some(OneOrMany::One(column)) => vec![column],
        Some(OneOrMany::Many(columns)) => columns,
    };
    if columns.is_empty() || columns.iter().any(|column| column.trim().is_empty()) {
        findings.report(at, format!("`{at}` is empty"), "name a column, as in `cursor = \"id\"`");
        return Vec::new();
    }
    let twice = (1..columns.len()).find(|&number| columns[..number].contains(&columns[number]));
    if let Some(number) = twice {
        let message = format!("the cursor names `{}` twice", findings.document.shown(&at.index(number)));
        findings.report(&at.index(number), message, "remove one of the two");
    }
    columns
}

fn from(
    table: Option<String>,
    query: Option<String>,
    setting: &SettingPath,
    findings: &mut Findings<'_>,
) -> Option<From> {
    let document = findings.document;
    let has = |name: &str| document.holds(&setting.key(name));
    match (has("table"), has("query")) {
        (true, true) => {
            let message = format!(
                "a source has a `table` or a `query`, not both; `table` is in line {}",
                document.line(&setting.key("table"))
            );
            findings.report_name(&setting.key("query"), message, "remove one of the two");
            return None;
        }
        (false, false) => {
            let help = "add the table to read, as in `table = \"orders\"`, or a `query`";
            findings.report_missing(setting, "missing setting `table` or `query`", help);
        }
        (false, true) if !has("name") => {
            let help = "add a name, as in `name = \"orders\"`: the position is kept under it";
            findings.report_missing(setting, "a source with a `query` needs a `name`", help);
        }
        _ => {}
    }
    table.map(From::Table).or_else(|| query.map(From::Query))
}

fn columns(
    file: BTreeMap<String, String>,
    at: &SettingPath,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, ColumnType> {
    let mut columns = BTreeMap::new();
    for (name, text) in file {
        // The text may hold a variable of the environment, so it is told by what the file shows.
        let setting = at.key(&name);
        match text.parse() {
            Ok(column) => drop(columns.insert(name, column)),
            Err(_) => {
                let shown = findings.document.shown(&setting);
                let help = shown.parse::<ColumnType>().err().map_or(String::new(), |error| error.to_string());
                findings.report(&setting, format!("`{shown}` is not the type of a column"), help);
            }
        }
    }
    columns
}
