//! Databases that are looked at: whether each is the one that it is taken for.

use std::collections::HashMap;

use super::CONTROL;
use super::found::{Found, Of};
use crate::config::{Config, Database, SettingPath};
use crate::control::quoted;
use crate::database::is_one_server;
use crate::deliver::{Opened, Owner};
use crate::error::Failure;
use crate::plan::Writing;

/// The homes and, at the end, the control database.
pub(super) fn databases(config: &Config) -> impl Iterator<Item = Who<'_>> {
    let homes = config.homes.iter().enumerate().map(|(slot, home)| Who {
        slot,
        name: format!("home {}", home.home),
        home: Some(home.home.to_string()),
        database: &home.database,
    });
    let slot = config.homes.len();
    homes.chain([Who { slot, name: String::from(CONTROL), home: None, database: &config.control }])
}

/// A database that is looked at.
pub(super) struct Who<'a> {
    pub(super) slot: usize,
    /// Such as `home es`.
    pub(super) name: String,
    /// Its home, if it is one.
    home: Option<String>,
    database: &'a Database,
}

impl<'a> Who<'a> {
    /// What says that the database is not the one that it is taken for, or is used by somebody else.
    pub(super) fn check_owners(
        &self,
        found: &mut Found,
        config: &Config,
        writing: &Writing,
        control: Control<'_>,
        opened: &Opened,
    ) {
        // A source may have its name from the environment.
        let mut names = ["name", "table"].into_iter().map(|name| writing.setting.key(name));
        let name = names.find(|name| config.document.conceals(name));
        let at = (self.database.setting.clone(), name.clone());
        let told = |home: &Option<String>| {
            home.as_ref().map_or_else(|| String::from("a control database"), |home| format!("the home `{home}`"))
        };
        if opened.marker.is_some() && opened.marker != self.home {
            let message = format!("its table domicile_home says that it is {}", told(&opened.marker));
            found.add(self, Of::Home, at, message, String::from("give each home its own database"));
            return;
        }
        let is_ours = |owner: &Owner| control.id.is_some() && owner.control.as_deref() == control.id;
        let other = opened.owners.iter().find(|(_, owner)| is_ours(owner) && owner.home != self.home);
        if let Some((source, owner)) = other {
            let message = format!("it has a position of the source `{source}` as {}", told(&owner.home));
            let home = self.home.as_deref().map_or_else(|| String::from("NULL"), quoted);
            let was = owner
                .home
                .as_deref()
                .map_or_else(|| String::from("home IS NULL"), |home| format!("home = {}", quoted(home)));
            let fix = format!(
                "give each home its own database; if it only has another name now, say so in it: UPDATE domicile_position \
                 SET home = {home} WHERE {was}"
            );
            found.add(self, Of::Home, at, message, fix);
            return;
        }
        let Some((_, owner)) = opened.owners.iter().find(|(source, _)| *source == writing.name) else { return };
        let source = quoted(&writing.name);
        if control.is_known && owner.control.as_deref().is_some_and(|kept| control.id != Some(kept)) {
            let message = format!(
                "it has a position of a source {source} that was read with another control database, and would be \
                 taken to know this source's records"
            );
            let fix = format!(
                "give the source another `name`; or, if its control database was lost, let this one take the position \
                 over, in each of these databases: UPDATE domicile_position SET control = NULL WHERE source = {source}"
            );
            found.add(self, Of::Source, (SettingPath::root().key("control"), name), message, fix);
        } else if owner.origin.as_ref() != Some(&writing.origin) {
            let (at, message, fix) = moved_source(config, writing, owner.origin.as_deref().unwrap_or_default());
            found.add(self, Of::Source, (at, None), message, fix);
        }
    }

    /// A position of another cursor says nothing of this one.
    pub(super) fn check_cursor(&self, found: &mut Found, writing: &Writing, opened: &Opened) {
        let cursor = &writing.cursor;
        if cursor.columns().is_empty() || cursor.admits(&opened.position) {
            return;
        }
        let at = writing.setting.key("cursor");
        let message = format!("its position of this source was read by another cursor than {}", cursor.named());
        let fix = "put the cursor back, or give the source another `name`, under which it is read from the start";
        found.add(self, Of::Source, (at.clone(), Some(at)), message, String::from(fix));
    }

    /// Two names of one database, which the configuration alone does not tell. `known` has those that were looked at before,
    /// this one perhaps among them.
    pub(super) async fn check_identity(
        &self,
        found: &mut Found,
        known: &mut Known,
        opened: &Opened,
    ) -> Result<(), Failure> {
        let Some(identity) = &opened.identity else { return Ok(()) };
        let alike = known.0.entry(identity.clone()).or_default();
        alike.retain(|(slot, ..)| *slot != self.slot);
        for (slot, first, database) in alike.iter() {
            if is_one_server(database, self.database).await? {
                let at = (self.database.setting.clone(), None);
                let fix = "give each home its own database";
                let message = |other: &str| format!("it is the same database as that of {other}");
                found.add(self, Of::Home, at, message(first), String::from(fix));
                // Nobody knows which of the two it is.
                found.block(*slot, message(&self.name), String::from(fix));
                return Ok(());
            }
        }
        alike.push((self.slot, self.name.clone(), self.database.clone()));
        Ok(())
    }
}

/// Databases that were looked at, with their numbers and names, by what they say of themselves.
#[derive(Default)]
pub(crate) struct Known(HashMap<String, Vec<(usize, String, Database)>>);

/// What is told of a position that was read from somewhere else.
fn moved_source(config: &Config, writing: &Writing, kept: &str) -> (SettingPath, String, String) {
    let at = writing.setting.key("url");
    // What stands in the file as a variable of the environment is not told.
    let conceals = ["url", "table", "origin"].iter().any(|name| config.document.conceals(&writing.setting.key(*name)));
    let (was, given) = match conceals {
        true => (String::from("elsewhere"), String::from("what stands in the column `origin` of domicile_position")),
        false => (format!("from `{kept}` and not from `{}`", writing.origin), format!("`origin = \"{kept}\"`")),
    };
    let message = format!("its position of this source was read {was}, and says nothing of what is read here");
    let fix = format!(
        "give the source another `name`, under which it is read from the start; or, if these are the same records at \
         another place, say so by {given}"
    );
    (at, message, fix)
}

/// The control database, as far as it is known.
#[derive(Clone, Copy)]
pub(super) struct Control<'a> {
    pub(super) is_known: bool,
    pub(super) id: Option<&'a str>,
}
