//! Whether an index finds the records that come next.

use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::{quote, relation};
use crate::database::bounds::Bounds;
use crate::source::Unindexed;

/// What is needed such that records of a table are found by an index, if they are not. The server is asked how it would
/// sort them if it had to do without sorting: an index of another collation does not help it.
pub(super) async fn unindexed(
    client: &Client,
    bounds: &Bounds,
    names: &[&str],
    table: &str,
) -> Result<Option<Unindexed>, Error> {
    // What is set for a transaction ends with these statements, which are one.
    let sql = format!(
        "SET LOCAL enable_sort TO off; EXPLAIN (COSTS off) SELECT 1 FROM {} ORDER BY {} LIMIT 1",
        relation(table),
        bounds.order()
    );
    let told = client.simple_query(&sql).await?;
    let lines = told.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    if !lines.into_iter().any(is_sort) {
        return Ok(None);
    }
    let columns = bounds.parts.iter().zip(names).map(|(part, name)| indexed(&part.compared, &quote(name)));
    let columns = columns.collect::<Vec<_>>().join(", ");
    Ok(Some(Unindexed::new(names, format!("CREATE INDEX ON {} ({columns})", relation(table)))))
}

/// Whether a line of a plan is a node that sorts all that it gets.
fn is_sort(line: &str) -> bool {
    line.trim_start().trim_start_matches("->").trim() == "Sort"
}

/// What is compared, as an index declares it: all that is not a column stands in parentheses.
fn indexed(compared: &str, column: &str) -> String {
    const BYTEWISE: &str = " COLLATE \"C\"";
    let (value, collation) = compared.strip_suffix(BYTEWISE).map_or((compared, ""), |value| (value, BYTEWISE));
    if value == column { compared.to_owned() } else { format!("({value}){collation}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_over_what_is_compared() {
        assert_eq!(indexed("\"id\"", "\"id\""), "\"id\"");
        assert_eq!(indexed("\"code\" COLLATE \"C\"", "\"code\""), "\"code\" COLLATE \"C\"");
        assert_eq!(indexed("\"code\"::text COLLATE \"C\"", "\"code\""), "(\"code\"::text) COLLATE \"C\"");
    }

    #[test]
    fn only_what_sorts_everything_is_a_sort() {
        assert!(is_sort("  ->  Sort") && is_sort("Sort"));
        for line in ["        Sort Key: id", "  ->  Incremental Sort", "  ->  Index Scan using \"Sort\" on orders"] {
            assert!(!is_sort(line), "{line}");
        }
    }
}
