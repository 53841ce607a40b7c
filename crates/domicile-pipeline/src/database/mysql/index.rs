//! Whether an index finds the records that come next.

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use mysql_async::{Error, Row};

use super::connect::Session;
use super::guarantee::{CursorColumn, SourceTable};
use super::quote;
use crate::database::bounds::Bounds;
use crate::source::Unindexed;

const PRIMARY: &str = "PRIMARY";

/// A column of an index, in lower case, and whether it is in ascending order; `None` for a part of a column, and for what
/// is none.
type Indexed = Option<(String, bool)>;

/// What is needed such that records of a table are found by an index, if they are not.
pub(super) async fn unindexed(
    session: &mut Session,
    bounds: &Bounds,
    names: &[&str],
    table: &SourceTable,
) -> Result<Option<Unindexed>, Error> {
    // An index is over columns, and of no use to what is made of them.
    let is_plain = bounds.parts.iter().zip(names).all(|(part, name)| part.compared == quote(name));
    if is_plain && is_indexed(&indexes(session, table).await?, names) {
        return Ok(None);
    }
    let columns: Vec<_> = names.iter().map(|name| quote(name)).collect();
    let collation = session.kind.collation();
    let declared = |name: &&&str| table.cursor.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    let changed = names.iter().filter_map(|name| declared(&name)?.indexable(collation));
    let changed: Vec<_> = changed.map(|column| format!("MODIFY {column}")).collect();
    let table = &table.name;
    let index =
        format!("CREATE INDEX {} ON {} ({})", quote(&format!("{table}_cursor")), quote(table), columns.join(", "));
    let fix = match &changed[..] {
        [] if !is_plain => {
            format!(
                "read it by columns that are compared as they are: numbers, times, or texts of the collation {collation}"
            )
        }
        [] => index,
        _ => format!("ALTER TABLE {} {}; {index}", quote(table), changed.join(", ")),
    };
    Ok(Some(Unindexed::new(names, fix)))
}

/// The columns of each index that the server may use to sort.
async fn indexes(session: &mut Session, table: &SourceTable) -> Result<Vec<Vec<Indexed>>, Error> {
    let rows: Vec<Row> = session.conn.query(format!("SHOW INDEX FROM {}", quote(&table.name))).await?;
    let mut found: BTreeMap<String, Vec<Indexed>> = BTreeMap::new();
    for row in rows {
        let text = |name: &str| row.get_opt::<Option<String>, _>(name).and_then(Result::ok).flatten();
        // The two servers have their own word for an index that is not used.
        let is_used = text("Visible").is_none_or(|visible| visible == "YES")
            && text("Ignored").is_none_or(|ignored| ignored == "NO")
            && text("Index_type").is_some_and(|kind| kind == "BTREE");
        let column = text("Column_name").filter(|_| is_used && text("Sub_part").is_none());
        let direction = text("Collation").unwrap_or_default();
        let column = column.map(|column| (column.to_lowercase(), direction == "A"));
        found.entry(text("Key_name").unwrap_or_default()).or_default().push(column);
    }
    let primary = found.get(PRIMARY).filter(|_| table.is_innodb).cloned().unwrap_or_default();
    // InnoDB has the primary key behind the columns of every other index.
    let whole = |(name, columns): (String, Vec<Indexed>)| {
        if name == PRIMARY { columns } else { [columns, primary.clone()].concat() }
    };
    Ok(found.into_iter().map(whole).collect())
}

/// Whether one of the indexes begins with these columns, all in one direction.
fn is_indexed(indexes: &[Vec<Indexed>], names: &[&str]) -> bool {
    let begins = |ascending: bool| {
        let wanted: Vec<_> = names.iter().map(|name| Some((name.to_lowercase(), ascending))).collect();
        indexes.iter().any(|columns| columns.starts_with(&wanted))
    };
    begins(true) || begins(false)
}

impl CursorColumn {
    /// The column as it has to be declared for an index to find its values, unless it is so already.
    fn indexable(&self, collation: &str) -> Option<String> {
        let data_type = match self.declared.as_str() {
            // An index over these is over their beginnings only.
            text if text.ends_with("text") => "varchar(255)",
            bytes if bytes.ends_with("blob") => "varbinary(255)",
            declared => declared,
        };
        let is_compared_as_it_is = self.collation.is_none() || self.is_bytewise();
        if is_compared_as_it_is && data_type == self.declared {
            return None;
        }
        let collation = match self.collation {
            Some(_) => format!(" CHARACTER SET utf8mb4 COLLATE {collation}"),
            None => String::new(),
        };
        let null = if self.is_not_null { " NOT NULL" } else { "" };
        Some(format!("{} {data_type}{collation}{null}", quote(&self.name)))
    }
}
