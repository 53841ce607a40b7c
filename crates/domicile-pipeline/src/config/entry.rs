//! The homes as the file writes them, whichever way it does.

use std::collections::HashMap;

use super::document::Document;
use super::file::{HomeFile, HomesFile, OneOrMany};
use super::findings::Findings;
use super::setting::SettingPath;

/// A home as the file writes it.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) url: Option<String>,
    /// The routing keys and where each stands.
    pub(super) keys: Vec<(String, SettingPath)>,
    pub(super) setting: SettingPath,
}

/// The homes in the order of the file.
pub(super) fn entries(file: HomesFile, document: &Document) -> Vec<Entry> {
    let at = SettingPath::root().key("homes");
    let mut entries: Vec<_> = match file {
        HomesFile::Keys(keys) => located(keys, &at).into_iter().map(Entry::of_key).collect(),
        HomesFile::Named(homes) => homes.into_iter().map(|(name, file)| Entry::named(&at, name, file)).collect(),
    };
    entries.sort_by_key(|entry| document.span(&entry.setting).start);
    entries
}

impl Entry {
    /// The home of a key of the list.
    fn of_key((key, setting): (String, SettingPath)) -> Self {
        Self { name: key.to_lowercase(), url: None, keys: vec![(key, setting.clone())], setting }
    }

    fn named(at: &SettingPath, name: String, file: HomeFile) -> Self {
        let setting = at.key(&name);
        let (url, keys) = match file {
            HomeFile::Key(key) => (None, vec![(key, setting.clone())]),
            HomeFile::Keys(keys) => (None, located(keys, &setting)),
            HomeFile::Settings(settings) => {
                let at = setting.key("keys");
                let keys = match settings.keys {
                    None => Vec::new(),
                    Some(OneOrMany::One(key)) => vec![(key, at)],
                    Some(OneOrMany::Many(keys)) => located(keys, &at),
                };
                (settings.url, keys)
            }
        };
        Self { name, url, keys, setting }
    }
}

fn located(keys: Vec<String>, at: &SettingPath) -> Vec<(String, SettingPath)> {
    keys.into_iter().enumerate().map(|(index, key)| (key, at.index(index))).collect()
}

/// Reports keys that are empty or placed twice.
pub(super) fn check_keys(entries: &[Entry], findings: &mut Findings<'_>) {
    let mut placed: HashMap<&str, &SettingPath> = HashMap::new();
    for (key, setting) in entries.iter().flat_map(|entry| &entry.keys) {
        if key.trim().is_empty() {
            findings.report(setting, "a routing key is empty", "write the key, or remove it");
        } else if let Some(first) = placed.get(key.as_str()) {
            let document = findings.document;
            let (shown, line, first_line) = (document.shown(setting), document.line(setting), document.line(first));
            let message = format!(
                "the routing key `{shown}` is placed twice: by `{first}` in line {first_line}, and in line {line}"
            );
            findings.report(setting, message, "a key has one home: remove it from one of the two");
        } else {
            placed.insert(key, setting);
        }
    }
}

/// Reports keys of a list that would give two homes one name. The names of a table cannot repeat.
pub(super) fn check_names(entries: &[Entry], findings: &mut Findings<'_>) {
    let mut named: HashMap<&str, &Entry> = HashMap::new();
    for entry in entries {
        let first = *named.entry(&entry.name).or_insert(entry);
        // A key that repeats as it is has been reported as placed twice.
        if first.keys[0].0 != entry.keys[0].0 {
            let (this, that) = (findings.document.shown(&entry.setting), findings.document.shown(&first.setting));
            let message = format!("the keys `{this}` and `{that}` would give two homes the same name");
            findings.report(&entry.setting, message, "name the homes in a `[homes]` table");
        }
    }
}
