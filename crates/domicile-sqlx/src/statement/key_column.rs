//! Which tables have a column that holds the routing key.

use std::collections::HashMap;
use std::sync::Arc;

use domicile::Access;

use super::analysis::bare;

/// Which statements on a table must name the routing key of all that they touch. Each demands what those before it do.
///
/// A statement that need not name it and does not is routed by the context alone.
///
/// ```
/// use domicile::{Home, RoutingKey, context};
/// use domicile_sqlx::{Demand, Homes, Unreadable};
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # fn main() -> Shown {
/// let homes = Homes::<sqlx::Sqlite>::builder(routers())
///     .home(Home::new("es")?, "sqlite::memory:")
///     .key_column("orders", "country", Demand::Inserts)
///     .build()?;
/// context::with(RoutingKey::new("ES"), || {
///     assert!(homes.decide("INSERT INTO orders (amount) VALUES (3)", &Unreadable).is_err());
///     assert!(homes.decide("INSERT INTO orders (amount, country) VALUES (3, 'ES')", &Unreadable).is_ok());
///     // That is no INSERT. From `Demand::Writes` on it would be refused as well.
///     assert!(homes.decide("DELETE FROM orders WHERE amount = 3", &Unreadable).is_ok());
/// });
/// assert!(Demand::Inserts < Demand::Writes);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Demand {
    /// None: a key that is named is a witness, and one that is not is no loss.
    #[default]
    Nothing,
    /// An `INSERT`: no row comes into a home that has not said that it belongs there.
    Inserts,
    /// Whatever writes: an `UPDATE` and a `DELETE` need a predicate of the key column as well.
    Writes,
    /// Whatever reads or writes.
    Everything,
}

impl Demand {
    pub(crate) fn is_for(self, access: Access, is_insert: bool) -> bool {
        match self {
            Self::Nothing => false,
            Self::Inserts => is_insert,
            Self::Writes => access == Access::Write,
            Self::Everything => true,
        }
    }
}

/// The column of a table that holds the routing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyColumn {
    /// The column, in lower case.
    pub(crate) column: String,
    /// How messages name it, such as `orders.country`.
    pub(crate) label: Arc<str>,
    /// What the table demands.
    pub(crate) demand: Demand,
}

/// The key columns of all tables that have one.
///
/// Names are compared without regard to case, and a table is meant in every schema, whether it is declared with one or not:
/// which schema a bare name leads to is not known.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyColumns {
    tables: HashMap<String, KeyColumn>,
}

impl KeyColumns {
    pub(crate) fn insert(&mut self, table: &str, column: &str, demand: Demand) {
        let (table, column) = (table.to_lowercase(), column.to_lowercase());
        let label = format!("{table}.{column}").into();
        self.tables.insert(bare(&table).to_owned(), KeyColumn { column, label, demand });
    }

    /// The key column of a table, whose name is in lower case and may have a schema before it.
    pub(crate) fn of(&self, table: &str) -> Option<&KeyColumn> {
        self.tables.get(bare(table))
    }

    /// The bare names of all tables that have one.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::{Demand, KeyColumns};

    #[test]
    fn a_table_is_found_in_any_case_and_in_any_schema() {
        let mut columns = KeyColumns::default();
        columns.insert("Orders", "Country", Demand::Inserts);
        columns.insert("audit.log", "tenant", Demand::Nothing);
        assert_eq!(columns.of("orders").unwrap().column, "country");
        assert!(columns.of("public.orders").is_some());
        // Which schema a bare name leads to is not known, so that each of them is meant.
        assert!(columns.of("log").is_some());
        assert!(columns.of("items").is_none());
    }
}
