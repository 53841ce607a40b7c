//! What a user needs to be allowed in a home or a control database, and whether it is.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::schema::{Catalogue, OWN_TABLES, make_table};
use super::{control, failure};
use crate::deliver::Delivered;
use crate::error::Failure;
use crate::table::Write;

/// What stands for the ownership of a table among the privileges.
const OWNERSHIP: &str = "OWNERSHIP";

/// Whether this user may do all that a run does. Records that are read again are not in it: few sources have those.
pub(super) async fn check_privileges(client: &Client, delivered: &Delivered) -> Result<(), Failure> {
    let names: Vec<_> = delivered.tables.iter().map(|table| table.name.as_str()).collect();
    let catalogue = Catalogue::read(client, &names).await.map_err(|error| failure(&error))?;
    let (tables, privileges): (Vec<_>, Vec<_>) = needed(delivered, &catalogue).into_iter().unzip();
    let sql = "SELECT wanted.name, wanted.privilege, c.oid IS NULL, has_schema_privilege(current_schema(), 'CREATE'),
                      CASE wanted.privilege WHEN 'OWNERSHIP' THEN pg_has_role(c.relowner, 'USAGE')
                                            WHEN 'DELETE' THEN has_table_privilege(c.oid, 'DELETE')
                                            ELSE has_any_column_privilege(c.oid, wanted.privilege) END
               FROM unnest($1, $2) WITH ORDINALITY AS wanted (name, privilege, number)
               LEFT JOIN pg_class c ON c.oid = to_regclass(quote_ident(wanted.name))
               ORDER BY wanted.number";
    let rows = client.query_typed(sql, &[(&tables, Type::TEXT_ARRAY), (&privileges, Type::TEXT_ARRAY)]).await;
    for row in rows.map_err(|error| failure(&error))? {
        let (table, privilege): (&str, &str) = (row.get(0), row.get(1));
        let (is_missing, may_create, is_granted): (bool, Option<bool>, Option<bool>) =
            (row.get(2), row.get(3), row.get(4));
        let told = match (is_missing, privilege) {
            (true, _) if may_create != Some(true) => {
                format!(
                    "there is no table `{table}`, and this user may not make one in the first schema of its search_path"
                )
            }
            (false, OWNERSHIP) if is_granted != Some(true) => {
                format!("this user does not own the table `{table}`, to which a column is to be added")
            }
            (false, _) if is_granted != Some(true) => format!("this user may not {privilege} in the table `{table}`"),
            _ => continue,
        };
        return Err(Failure::Failed(told));
    }
    Ok(())
}

/// Tables, each with a privilege.
fn needed<'a>(delivered: &'a Delivered, catalogue: &Catalogue) -> Vec<(&'a str, &'static str)> {
    const ALL: [&str; 3] = ["INSERT", "UPDATE", "SELECT"];
    let is_control = delivered.home.is_none() && !delivered.source.is_empty();
    let own = OWN_TABLES.iter().filter(|(name, _)| *name != "domicile_seen");
    let own = own.chain(control::TABLES.iter().filter(|_| is_control));
    let mut all: Vec<_> = own.flat_map(|&(name, _)| ALL.map(|privilege| (name, privilege))).collect();
    all.extend(control::TABLES.iter().filter(|_| is_control).map(|&(name, _)| (name, "DELETE")));
    for table in delivered.tables.iter() {
        let (name, existing) = (table.name.as_str(), catalogue.columns(&table.name));
        let used = if table.write == Write::Insert { &ALL[..1] } else { &ALL[..] };
        all.extend(used.iter().map(|&privilege| (name, privilege)));
        if !existing.is_empty() && make_table(table, existing).is_some() {
            all.push((name, OWNERSHIP));
        }
    }
    all
}
