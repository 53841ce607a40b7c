//! What a user needs to be allowed in a home or a control database, and whether it is.

use mysql_async::Error;
use mysql_async::prelude::Queryable;

use super::connect::Session;
use super::schema::{Existing, OWN_TABLES, existing};
use super::{control, failure, quote, said};
use crate::database::fit;
use crate::deliver::Delivered;
use crate::error::Failure;
use crate::table::Write;

/// Errors of who may not do something: in a database, with a table, with a column, and in general. What else is wrong with a
/// table is told by those who look at it.
const DENIED: [u16; 4] = [1044, 1142, 1143, 1227];

/// Whether an error says that the user may not do something.
pub(super) fn is_denied(error: &Error) -> bool {
    matches!(error, Error::Server(error) if DENIED.contains(&error.code))
}

/// Whether this user may do all that a run does. Records that are read again are not in it: few sources have those.
pub(super) async fn check_privileges(session: &mut Session, delivered: &Delivered) -> Result<(), Failure> {
    let needed = needed(session, delivered).await.map_err(|error| failure(&error))?;
    for sql in needed {
        // Preparing a statement asks for its privileges, and does nothing.
        if let Err(error) = session.conn.prep(sql).await
            && is_denied(&error)
        {
            return Err(Failure::Failed(said(&error)));
        }
    }
    for table in delivered.tables.iter() {
        let columns = existing(session, &table.name).await.map_err(|error| failure(&error))?;
        let has = |name: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let is_changed = !columns.is_empty() && !fit::added(table, has).is_empty();
        if is_changed && !may_alter(session, &table.name).await {
            let told = format!("this user may not ALTER the table `{}`, to which a column is to be added", table.name);
            return Err(Failure::Failed(told));
        }
    }
    Ok(())
}

/// Statements like those of a run.
async fn needed(session: &mut Session, delivered: &Delivered) -> Result<Vec<String>, Error> {
    let is_control = delivered.home.is_none() && !delivered.source.is_empty();
    let own = OWN_TABLES.iter().filter(|(name, _)| *name != "domicile_seen");
    let own = own.chain(control::TABLES.iter().filter(|_| is_control)).map(|(name, _)| (*name, false));
    let made = delivered.tables.iter().map(|table| (table.name.as_str(), table.write == Write::Insert));
    let mut needed = Vec::new();
    for (table, inserts_only) in own.chain(made) {
        let columns = existing(session, table).await?;
        if columns.is_empty() {
            needed.push(String::from("CREATE TABLE domicile_check (source bigint)"));
            continue;
        }
        let given = |column: &&Existing| {
            let table = delivered.tables.iter().find(|delivered| delivered.name == table);
            table.is_none_or(|table| {
                table.schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(&column.name))
            })
        };
        let columns: Vec<_> = columns.iter().filter(given).map(|column| quote(&column.name)).collect();
        let (name, all) = (quote(table), columns.join(", "));
        needed.push(format!("INSERT INTO {name} ({all}) VALUES ({})", vec!["?"; columns.len()].join(", ")));
        if !inserts_only {
            needed.push(format!("SELECT {all} FROM {name}"));
            let changed: Vec<_> = columns.iter().map(|column| format!("{column} = {column}")).collect();
            needed.push(format!("UPDATE {name} SET {}", changed.join(", ")));
        }
    }
    for (table, _) in control::TABLES.iter().filter(|_| is_control) {
        if !existing(session, table).await?.is_empty() {
            needed.push(format!("DELETE FROM {}", quote(table)));
        }
    }
    if delivered.tables.iter().any(|table| table.write != Write::Insert) {
        needed.push(String::from("CREATE TEMPORARY TABLE domicile_check (source bigint)"));
    }
    Ok(needed)
}

/// Whether this user may alter a table, as far as is known: nothing is of what a role may do.
async fn may_alter(session: &mut Session, table: &str) -> bool {
    let sql = "SELECT coalesce(CURRENT_ROLE(), 'NONE') <> 'NONE'
               OR EXISTS (SELECT 1 FROM information_schema.user_privileges WHERE privilege_type = 'ALTER')
               OR EXISTS (SELECT 1 FROM information_schema.schema_privileges
                          WHERE privilege_type = 'ALTER' AND DATABASE() LIKE table_schema)
               OR EXISTS (SELECT 1 FROM information_schema.table_privileges
                          WHERE privilege_type = 'ALTER' AND table_schema = DATABASE() AND table_name = ?)";
    let told: Result<Option<bool>, Error> = session.conn.exec_first(sql, (table,)).await;
    !matches!(told, Ok(Some(false)))
}
