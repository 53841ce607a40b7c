//! The homes, and which routing keys belong in each.

use std::collections::HashSet;

use domicile::{Home, Placement, RoutingKey};

use super::database::Database;
use super::distinct::Use;
use super::entry::{Entry, check_keys, check_names, entries};
use super::file::HomesFile;
use super::findings::Findings;
use super::setting::SettingPath;

/// Settings of the top of the file. A home of such a name is one of these that slipped below `[homes]`.
const TOP: [&str; 6] = [CONTROL, "home_url", "homes", "batch", "delivery", "source"];

/// What reports, logs and metrics call the control database.
pub(crate) const CONTROL: &str = "control";

/// A home as configured.
#[derive(Clone, Debug)]
pub struct HomeConfig {
    /// Its name.
    pub home: Home,
    /// Its database.
    pub database: Database,
    /// The routing keys that belong in it; it may have none.
    pub keys: Vec<RoutingKey>,
    /// Where the file names it.
    pub setting: SettingPath,
}

/// The homes in the order of the file, and the placement of all their keys.
pub(super) fn homes(
    file: HomesFile,
    home_url: Option<&str>,
    findings: &mut Findings<'_>,
) -> (Vec<HomeConfig>, Placement) {
    let is_list = matches!(file, HomesFile::Keys(_));
    let entries = entries(file, findings.document);
    check_some(findings);
    check_keys(&entries, findings);
    if is_list {
        check_names(&entries, findings);
    }
    let shared = match home_url {
        Some(home_url) => Some(home_url).filter(|home_url| is_usable(home_url, &entries, findings)),
        None => {
            check_urls(&entries, findings);
            None
        }
    };
    let homes = entries.iter().filter_map(|entry| Some((home(entry, is_list, shared, findings)?, entry)));
    let homes: Vec<_> = homes.collect();
    let placement = placement(&homes, findings);
    (homes.into_iter().map(|(home, _)| home).collect(), placement)
}

fn check_some(findings: &mut Findings<'_>) {
    let at = SettingPath::root().key("homes");
    if findings.document.is_empty(&at) {
        let help = "name at least one, as in `homes = [\"ES\", \"FR\"]`, or below `[homes]` as in `iberia = [\"ES\"]`";
        findings.report_missing(&at, "there are no homes", help);
    }
}

/// Reports homes without a URL when there is none for all.
fn check_urls(entries: &[Entry], findings: &mut Findings<'_>) {
    let (root, document) = (SettingPath::root(), findings.document);
    let has_none = |entry: &&Entry| !document.holds(&entry.setting.key("url"));
    let count = entries.iter().filter(has_none).count();
    if count > 0 && !document.holds(&root.key("home_url")) {
        let message = format!("missing setting `home_url`, which {count} of the homes need");
        let help = "add `home_url = \"sqlite:homes/{home}.sqlite\"` at the top of the file, or give each home a `url`";
        findings.report_missing(&root.key("homes"), message, help);
    }
}

/// Whether `home_url` is a URL, and another one for each home that uses it.
fn is_usable(home_url: &str, entries: &[Entry], findings: &mut Findings<'_>) -> bool {
    let at = SettingPath::root().key("home_url");
    if let Err((message, help)) = Database::of_home(home_url, "{home}", &at, findings) {
        findings.report(&at, message, help);
        return false;
    }
    let count = entries.iter().filter(|entry| !findings.document.holds(&entry.setting.key("url"))).count();
    let is_one_for_many = count > 1 && !Database::differs_by_home(home_url);
    if is_one_for_many {
        let message = format!("`home_url` names one database for {count} homes");
        let help = "put `{home}` into it, which is the home's name, as in `sqlite:homes/{home}.sqlite`";
        findings.report(&at, message, help);
    }
    !is_one_for_many
}

fn home(entry: &Entry, is_list: bool, shared: Option<&str>, findings: &mut Findings<'_>) -> Option<HomeConfig> {
    let home = name(entry, is_list, findings);
    // A home whose name is refused may have a URL that is wrong as well.
    let shown = home.as_ref().map_or("home", Home::as_str);
    let database = if let Some(url) = &entry.url {
        let at = entry.setting.key("url");
        let database = Database::of_home(url, shown, &at, findings);
        database.map_err(|(message, help)| findings.report(&at, message, help)).ok()
    } else {
        shared.and_then(|url| Database::of_home(url, shown, &SettingPath::root().key("home_url"), findings).ok())
    };
    if let (Some(home), Some(database)) = (&home, &database) {
        findings.uses.push(Use::home(home, database, &entry.setting));
    }
    let keys = entry.keys.iter().map(|(key, _)| RoutingKey::new(key.as_str())).collect();
    Some(HomeConfig { home: home?, database: database?, keys, setting: entry.setting.clone() })
}

fn name(entry: &Entry, is_list: bool, findings: &mut Findings<'_>) -> Option<Home> {
    let (name, at) = (entry.name.as_str(), &entry.setting);
    if !is_list && TOP.contains(&name) {
        let message = format!("`{name}` is below `[homes]`, where it is the name of a home");
        findings.report_name(at, message, format!("move `{name}` to the top of the file, above the first `[table]`"));
        return None;
    }
    if name == CONTROL {
        let shown = findings.document.shown(at).to_owned();
        let help = "name the homes in a `[homes]` table";
        findings.report(at, format!("the home of `{shown}` would be named as the control database is"), help);
        return None;
    }
    let home = Home::new(name).ok();
    // A key that is empty has been reported as a key.
    if home.is_none() && !(is_list && name.trim().is_empty()) {
        let rule = "1 to 63 of the characters a-z, 0-9, _ and -, starting with a letter or a digit";
        if is_list {
            let shown = findings.document.shown(at).to_owned();
            let help = format!("name the homes in a `[homes]` table; a name is {rule}");
            findings.report(at, format!("the key `{shown}`, in lower case, is not a name for a home"), help);
        } else {
            findings.report_name(at, format!("`{name}` is not a name for a home"), format!("use {rule}"));
        }
    }
    home
}

/// The placement; a key that is placed twice has been reported, and stays in its first home.
fn placement(homes: &[(HomeConfig, &Entry)], findings: &Findings<'_>) -> Placement {
    let document = findings.document;
    let mut placement = Placement::builder();
    let mut placed = HashSet::new();
    for (config, entry) in homes {
        placement = placement.home(config.home.clone());
        for (key, (_, setting)) in config.keys.iter().zip(&entry.keys) {
            if !placed.insert(key) {
                continue;
            }
            let origin = format!("{}:{}", document.name(), document.line(setting));
            placement = placement.place(key.clone(), config.home.clone(), origin);
        }
    }
    placement.build().expect("no key is placed twice")
}
