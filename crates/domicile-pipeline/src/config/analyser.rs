//! An analyser as configured.

use std::collections::{HashMap, HashSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{AnalyserFile, OneOrMany};
use super::findings::Findings;
use super::setting::SettingPath;
use crate::table::reserved;

/// An analyser: a query over the records of one home, and the table of the home that its rows go into.
#[derive(Clone, PartialEq, Eq)]
pub struct AnalyserConfig {
    /// Its name, one of a kind within the source.
    pub name: String,
    /// The table that its rows go into.
    pub into: String,
    /// The query; the records are its table `record`.
    pub sql: String,
    /// The columns that tell the rows apart; may be empty unless rows are replaced.
    pub key: Vec<String>,
    /// What is done with a row.
    pub write: WriteMode,
    /// Where it stands in the file.
    pub setting: SettingPath,
}

/// What is done with a row of an analyser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WriteMode {
    /// It is added.
    #[default]
    Insert,
    /// It takes the place of the row with the same key, if there is one.
    Replace,
    /// Its aggregates are merged into the row of the same group, if there is one.
    Merge,
}

impl WriteMode {
    fn name(self) -> &'static str {
        match self {
            WriteMode::Insert => "insert",
            WriteMode::Replace => "replace",
            WriteMode::Merge => "merge",
        }
    }
}

/// Leaves out the text of the query: a variable of the environment may be in it.
impl fmt::Debug for AnalyserConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("AnalyserConfig");
        fields.field("setting", &self.setting).field("write", &self.write).finish_non_exhaustive()
    }
}

/// The analysers of a source.
pub(super) fn analysers(
    files: Vec<AnalyserFile>,
    source: &SettingPath,
    findings: &mut Findings<'_>,
) -> Vec<AnalyserConfig> {
    let at = source.key("analyser");
    let configs: Vec<_> =
        files.into_iter().enumerate().map(|(index, file)| analyser(file, at.index(index), findings)).collect();
    check_names(configs.iter().flatten(), findings);
    configs.into_iter().flatten().collect()
}

fn analyser(file: AnalyserFile, setting: SettingPath, findings: &mut Findings<'_>) -> Option<AnalyserConfig> {
    if let Some(why) = file.into.as_deref().and_then(reserved) {
        let at = setting.key("into");
        let message = format!("`{}` is reserved: {why}", findings.document.shown(&at));
        findings.report(&at, message, "give the table another name");
    }
    let at = setting.key("write");
    let shown = findings.document.shown(&at);
    if findings.document.holds(&at) && !shown.contains('$') && shown != file.write.name() {
        // It was refused, and planning the query for another way of writing would only find more that is not so.
        return None;
    }
    let at = setting.key("key");
    let key = match file.key {
        None => Vec::new(),
        Some(OneOrMany::One(column)) => vec![(column, at.clone())],
        Some(OneOrMany::Many(columns)) => {
            columns.into_iter().enumerate().map(|(index, column)| (column, at.index(index))).collect()
        }
    };
    check_key(&key, findings);
    let is_absent = key.is_empty() && (findings.document.is_empty(&at) || !findings.document.holds(&at));
    if file.write == WriteMode::Replace && is_absent {
        let help = "name the columns that tell the rows apart, as in `key = [\"id\"]`";
        findings.report_missing(&setting.key("write"), "`write = \"replace\"` needs a `key`", help);
    }
    Some(AnalyserConfig {
        name: file.name.or_else(|| file.into.clone())?,
        into: file.into?,
        sql: file.sql?,
        key: key.into_iter().map(|(column, _)| column).collect(),
        write: file.write,
        setting,
    })
}

fn check_key(key: &[(String, SettingPath)], findings: &mut Findings<'_>) {
    let mut columns = HashSet::new();
    for (column, at) in key {
        if column.trim().is_empty() {
            findings.report(at, format!("`{at}` is empty"), "write the column's name, or remove it");
        } else if !columns.insert(column) {
            let message = format!("the column `{}` is in the key twice", findings.document.shown(at));
            findings.report(at, message, "remove one of the two");
        }
    }
}

fn check_names<'a>(configs: impl Iterator<Item = &'a AnalyserConfig>, findings: &mut Findings<'_>) {
    let mut first_by_name = HashMap::new();
    for config in configs {
        let first = *first_by_name.entry(&config.name).or_insert(config);
        if first.setting != config.setting {
            let document = findings.document;
            let (line, setting) = (document.line(&first.setting), named_by(config, findings));
            let message = format!("the analyser in line {line} has the name `{}` as well", document.shown(&setting));
            findings.report(&setting, message, "give one of them another `name`");
        }
    }
}

/// The setting that an analyser has its name from.
fn named_by(config: &AnalyserConfig, findings: &Findings<'_>) -> SettingPath {
    let name = config.setting.key("name");
    if findings.document.holds(&name) { name } else { config.setting.key("into") }
}
