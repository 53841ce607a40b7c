//! Which homes a migration is for.

use std::collections::BTreeSet;
use std::sync::Arc;

use domicile::{Access, Home, Operation, RoutingKey};
use sqlx::migrate::Migration;

use crate::Error;
use crate::capability::Capability;
use crate::homes::Homes;
use crate::statement::{Analysis, Keys, Term, Touch, bare, schema};

/// What a line begins with that says something of its migration to this crate.
const LINE: &str = "-- domicile:";

/// What a migration has to do with, by whether it belongs into a home.
#[derive(Default)]
struct Parts {
    own: BTreeSet<String>,
    others: BTreeSet<String>,
}

impl Parts {
    fn add(&mut self, is_own: bool, part: String) {
        (if is_own { &mut self.own } else { &mut self.others }).insert(part);
    }
}

impl<DB: Capability> Homes<DB> {
    /// Whether a migration is for a home; or why that cannot be said.
    pub(super) fn is_for(&self, home: &Home, migration: &Migration) -> Result<bool, Error> {
        let refuse = |why: String| {
            Error::Statement(format!("migration {} ({}) {why}", migration.version, migration.description))
        };
        let sql = migration.sql.as_str();
        let analysis = self.shared.statements.analyse(sql);
        let declared = declared_tables(sql).map_err(refuse)?;
        if declared.is_empty() {
            must_be_read(&analysis).map_err(refuse)?;
        }
        let routers = &self.shared.routers;
        if declared.is_empty() && analysis.touches.is_empty() {
            return Ok(routers.allow_migrate(home, &migration.description));
        }
        let mut parts = Parts::default();
        for table in declared {
            parts.add(routers.allow_migrate(home, &table), table);
        }
        for touch in &analysis.touches {
            self.sort(home, touch, &mut parts).map_err(refuse)?;
        }
        if !parts.own.is_empty() && !parts.others.is_empty() {
            let text = |parts: BTreeSet<String>| parts.into_iter().collect::<Vec<_>>().join(", ");
            let (own, others) = (text(parts.own), text(parts.others));
            let why = format!("is for home {home} only in part: {own} belong there, and {others} do not; split it");
            return Err(refuse(why));
        }
        Ok(parts.others.is_empty())
    }

    /// Looks at one place of a migration: at the rows, where their keys are named, and at the table otherwise.
    fn sort(&self, home: &Home, touch: &Touch, parts: &mut Parts) -> Result<(), String> {
        let table = bare(&touch.table);
        let is_allowed = self.shared.routers.allow_migrate(home, table);
        let (Some(key), true) = (self.shared.statements.key_columns().of(&touch.table), is_allowed) else {
            parts.add(is_allowed, table.to_owned());
            return Ok(());
        };
        let untold = |why: &str| {
            let column = &key.column;
            Err(format!("writes rows of {table} whose routing key {column} cannot be told: {why}"))
        };
        match &touch.keys {
            Keys::Unreadable(why) if touch.access == Access::Write => untold(why),
            Keys::Undecided(why) if touch.is_insert && key.demand.is_for(touch.access, true) => untold(why),
            Keys::Named(terms) => {
                for term in terms {
                    let Term::Literal(value) = term else { return untold("it is in a parameter, which nobody binds") };
                    let value = RoutingKey::new(value.as_str());
                    let part = format!("rows of {table} with the routing key {value}");
                    let mut operation =
                        Operation::write(table).with_key(value, Arc::clone(&key.label)).on(home.clone());
                    if let Some(schema) = schema(&touch.table) {
                        operation = operation.in_schema(schema);
                    }
                    match self.shared.routers.route(&operation) {
                        Ok(_) => parts.add(true, part),
                        Err(error) if error.is_disagreement() => parts.add(false, part),
                        Err(error) => return Err(format!("has rows of {table} that cannot be routed: {error}")),
                    }
                }
                Ok(())
            }
            _ => {
                parts.add(true, table.to_owned());
                Ok(())
            }
        }
    }
}

/// What cannot be read, or would be refused as a statement, is only run where its author has said what it is for.
fn must_be_read(analysis: &Analysis) -> Result<(), String> {
    let why = match (&analysis.refusal, analysis.unread) {
        (Some(refusal), _) => refusal.as_str(),
        (None, Some(unread)) => unread,
        (None, None) => return Ok(()),
    };
    Err(format!(
        "is not run, because it cannot be told which homes it is for: {why}. If it is right, say which tables it is for, \
         by a line in it such as `{LINE} tables orders, customers`"
    ))
}

/// The tables that a migration says it is for, in lower case.
fn declared_tables(sql: &str) -> Result<BTreeSet<String>, String> {
    let mut tables = BTreeSet::new();
    for said in sql.lines().filter_map(|line| line.trim().strip_prefix(LINE)) {
        let listed = said.trim().strip_prefix("tables ").unwrap_or_default();
        let listed = listed.split(',').map(|table| table.trim().to_lowercase());
        let listed: Vec<_> = listed.filter(|table| !table.is_empty()).collect();
        if listed.is_empty() {
            return Err(format!("has a line that is not understood: `{LINE}{said}`; write `{LINE} tables orders`"));
        }
        tables.extend(listed);
    }
    Ok(tables)
}
