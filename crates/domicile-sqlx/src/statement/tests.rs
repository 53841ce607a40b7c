//! What is read of statements, each in one line.

mod aggregates;
mod depth;
mod names;
mod session;
mod unseen;

use domicile::Access;

use super::{Analysis, Demand, Dialect, KeyColumns, Keys, Term};

const DIALECTS: [Dialect; 3] = [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite];

fn key_columns() -> KeyColumns {
    let mut columns = KeyColumns::default();
    columns.insert("orders", "country", Demand::Nothing);
    columns.insert("customers", "land", Demand::Writes);
    columns
}

fn analysis(sql: &str) -> Analysis {
    Analysis::of(Dialect::Sqlite, sql, &key_columns())
}

/// `write orders(ES ?1) items`: the access, and each place of a table with the keys that it names. `?` is undecided and
/// `!` unreadable; a table without a key column has no parentheses.
fn read(sql: &str) -> String {
    read_as(Dialect::Sqlite, sql)
}

fn read_as(dialect: Dialect, sql: &str) -> String {
    let analysis = Analysis::of(dialect, sql, &key_columns());
    if let Some(refusal) = analysis.refusal {
        return format!("refused: {refusal}");
    }
    let mut words = vec![String::from(if analysis.access == Access::Read { "read" } else { "write" })];
    for touch in &analysis.touches {
        let keys = match &touch.keys {
            Keys::NotDeclared => String::new(),
            Keys::Undecided(_) => "(?)".into(),
            Keys::Unreadable(_) => "(!)".into(),
            Keys::Named(terms) => {
                let term = |term: &Term| match term {
                    Term::Literal(value) => value.clone(),
                    Term::Parameter(index) => format!("?{index}"),
                };
                format!("({})", terms.iter().map(term).collect::<Vec<_>>().join(" "))
            }
        };
        words.push(format!("{}{keys}", touch.table));
    }
    words.join(" ")
}

#[test]
fn an_insert_names_the_keys_of_all_its_rows() {
    for (sql, expected) in [
        ("INSERT INTO orders (id, country) VALUES (1, 'ES')", "write orders(ES)"),
        (r#"INSERT INTO "orders" ("id", "country") VALUES (?, ?), (?, ?)"#, "write orders(?1 ?3)"),
        ("INSERT INTO orders (country, id) VALUES ($2, $1)", "write orders(?1)"),
        ("INSERT INTO orders (country, id) VALUES ('ES', 1), ('ES', 2), ('PT', 3)", "write orders(ES PT)"),
        ("INSERT INTO main.Orders (id, COUNTRY) VALUES (1, 'ES') RETURNING id", "write main.orders(ES)"),
        ("REPLACE INTO orders (id, country) VALUES (1, 'ES')", "write orders(ES)"),
        ("INSERT INTO orders (id, country) VALUES (1, CAST('ES' AS TEXT))", "write orders(ES)"),
        ("INSERT INTO orders (id, country) VALUES (1, upper('es'))", "write orders(?)"),
        ("INSERT INTO orders (id, country) VALUES (1, CAST('ESX' AS CHAR(2)))", "write orders(?)"),
        ("INSERT INTO orders (id, country) VALUES (1, CAST('07' AS INTEGER))", "write orders(?)"),
        ("INSERT INTO orders (id, country) VALUES (1, 07)", "write orders(?)"),
        ("INSERT INTO orders (id, country) VALUES (1, CAST('07' AS oid))", "write orders(?)"),
        ("INSERT INTO orders (id, country) VALUES (1, CAST(? AS land))", "write orders(?0)"),
        ("INSERT INTO orders (country, id, country) VALUES ('ES', 1, 'FR')", "write orders(?)"),
        ("INSERT INTO orders (id, country) VALUES (1, X'34')", "write orders(?)"),
        ("INSERT INTO orders (id, country) VALUES (1, 'ES'), (2, NULL)", "write orders(?)"),
        ("INSERT INTO orders VALUES (1, 'ES')", "write orders(?)"),
        ("INSERT INTO orders (id) VALUES (1)", "write orders(?)"),
        ("INSERT INTO orders DEFAULT VALUES", "write orders(?)"),
        ("INSERT INTO items (id, country) VALUES (1, 'ES')", "write items"),
    ] {
        assert_eq!(read(sql), expected, "{sql}");
    }
    assert_eq!(read_as(Dialect::MySql, "INSERT INTO orders SET id = 1, country = 'ES'"), "write orders(ES)");
}

#[test]
fn an_insert_of_what_is_selected_is_read_where_it_can_be_decided() {
    for (sql, expected) in [
        ("INSERT INTO orders (id, country) SELECT id, 'ES' FROM staged", "write orders(ES) staged"),
        ("INSERT INTO orders (id, country) SELECT id, ? FROM staged", "write orders(?0) staged"),
        ("INSERT INTO orders (id, country) SELECT id, country FROM staged", "write orders(!) staged"),
        ("INSERT INTO orders (id, country) SELECT s.*, 'ES' FROM staged s", "write orders(!) staged"),
        ("INSERT INTO orders (id, country) SELECT 1, 'ES' UNION SELECT 2, 'FR'", "write orders(!)"),
        ("INSERT INTO orders (id) SELECT id FROM staged", "write orders(?) staged"),
        ("INSERT INTO items (id) SELECT id FROM orders WHERE country = 'ES'", "write items orders(ES)"),
    ] {
        assert_eq!(read(sql), expected, "{sql}");
    }
}

#[test]
fn a_predicate_names_the_keys_that_every_row_must_have() {
    for (predicate, expected) in [
        ("country = 'ES'", "ES"),
        ("'ES' = country", "ES"),
        ("o.country = ?", "?0"),
        ("id = ? AND (o.country = ? OR country = 'PT')", "?1 PT"),
        ("country IN ('ES', ?)", "ES ?0"),
        ("country IN ('ES', 'PT') AND country = 'ES'", "ES"),
        ("country = 'ES' AND NOT id = 3", "ES"),
        ("tenant = 7 AND country = 7", "7"),
        ("country = -7", "-7"),
        ("country = TRUE", "true"),
        ("country IN (FALSE, 'ES')", "false ES"),
        // What follows may be true of rows of any key.
        ("country = 'ES' OR id = 1", "?"),
        ("NOT country = 'ES'", "?"),
        ("country <> 'ES'", "?"),
        ("country NOT IN ('ES')", "?"),
        ("country LIKE 'E%'", "?"),
        ("upper(country) = 'ES'", "?"),
        ("country = other", "?"),
        ("x.country = 'ES'", "?"),
        ("country IS NULL", "?"),
        ("country IN (SELECT country FROM allowed)", "?"),
        ("id = 1", "?"),
    ] {
        for (verb, access) in [("SELECT *", "read"), ("DELETE", "write")] {
            let sql = format!("{verb} FROM orders AS o WHERE {predicate}");
            let read = read(&sql);
            assert!(read.starts_with(&format!("{access} orders({expected})")), "{sql}: {read}");
        }
        let sql = format!("UPDATE orders AS o SET amount = 1 WHERE {predicate}");
        assert!(read(&sql).starts_with(&format!("write orders({expected})")), "{sql}: {}", read(&sql));
    }
    assert_eq!(read("SELECT * FROM orders"), "read orders(?)");
}

#[test]
fn a_column_that_is_called_like_the_key_is_not_the_key() {
    for dialect in DIALECTS {
        for sql in [
            "SELECT * FROM orders AS o(id, country) WHERE country = 'ES'",
            "SELECT * FROM orders o (id, country) WHERE o.country = 'ES'",
            "SELECT * FROM orders AS o(id) WHERE country = 'ES'",
            "SELECT * FROM (orders CROSS JOIN items) AS j(id, country) WHERE country = 'ES'",
            "SELECT * FROM ((orders CROSS JOIN items)) AS j(id, country) WHERE country = 'ES'",
        ] {
            assert!(read_as(dialect, sql).starts_with("read orders(?)"), "{sql}: {}", read_as(dialect, sql));
        }
        for sql in [
            "SELECT * FROM orders AS o WHERE country = 'ES'",
            "SELECT * FROM (orders CROSS JOIN items) WHERE country = 'ES'",
            "SELECT * FROM orders CROSS JOIN items AS i(id, land) WHERE orders.country = 'ES'",
        ] {
            assert!(read_as(dialect, sql).starts_with("read orders(ES)"), "{sql}: {}", read_as(dialect, sql));
        }
    }
    let update = "UPDATE orders AS o(id, country) SET amount = 1 WHERE country = 'ES'";
    assert_eq!(read_as(Dialect::Postgres, update), "write orders(?)");
    // Of a common table they say nothing about the table that it reads.
    let common = "WITH c(id, country) AS (SELECT country, id FROM orders) SELECT * FROM c WHERE country = 'ES'";
    assert_eq!(read(common), "read orders(?)");
}

#[test]
fn parameters_are_counted_as_they_are_written() {
    assert_eq!(
        read("UPDATE orders SET a = ?, b = ? WHERE id IN (SELECT ? FROM items WHERE x = ?) AND country = ? LIMIT ?"),
        "write orders(?4) items"
    );
    // The number of what has none depends on those that have one.
    assert_eq!(read("DELETE FROM orders WHERE id = ?2 AND country = ?"), "write orders(?)");
    assert_eq!(read("DELETE FROM orders WHERE id = ?2 AND country = ?1"), "write orders(?0)");
    let sql = "SELECT ? AS a, o.* FROM orders o\n  WHERE -- a comment with ? in it\n  o.id = ? AND o.country = ?";
    assert_eq!(read(sql), "read orders(?2)");
    assert_eq!(
        read_as(Dialect::Postgres, "SELECT '?' FROM orders WHERE country = $2::text AND id = $1"),
        "read orders(?1)"
    );
}

#[test]
fn a_comment_ends_where_the_database_says() {
    let nested = "DELETE FROM orders WHERE country = 'ES' /* /* */ OR id = 1 -- */ */";
    for dialect in [Dialect::MySql, Dialect::Sqlite] {
        assert_eq!(read_as(dialect, nested), "write orders(?)", "{dialect:?}");
    }
    let postgres = "DELETE FROM orders WHERE country = 'ES' /* /* */ OR id = 1 */";
    assert_eq!(read_as(Dialect::Postgres, postgres), "write orders(ES)");
    assert_eq!(read_as(Dialect::MySql, "DELETE FROM orders WHERE country = 'ES' # OR id = 1"), "write orders(ES)");
    // Without a space that is no comment there.
    assert_eq!(read_as(Dialect::MySql, "DELETE FROM orders WHERE id = 1 --1\n OR country = 'ES'"), "write orders(?)");
}

#[test]
fn a_schema_before_a_column_tells_tables_of_one_name_apart() {
    let both = "SELECT * FROM a.orders, b.orders WHERE a.orders.country = 'ES'";
    assert_eq!(read_as(Dialect::Postgres, both), "read a.orders(ES) b.orders(?)");
    assert_eq!(
        read_as(Dialect::Postgres, "SELECT * FROM orders WHERE public.orders.country = 'ES'"),
        "read orders(ES)"
    );
}

#[test]
fn every_place_of_a_table_counts() {
    for (sql, expected) in [
        (
            "SELECT * FROM orders o JOIN customers c ON c.id = o.customer AND c.land = 'ES' WHERE o.country = 'ES'",
            "read orders(ES) customers(ES)",
        ),
        // An outer join demands nothing of the rows that it does not find.
        (
            "SELECT * FROM orders o LEFT JOIN customers c ON c.land = 'ES' WHERE o.country = 'ES'",
            "read orders(ES) customers(?)",
        ),
        ("SELECT * FROM items WHERE id IN (SELECT item FROM orders WHERE country = 'ES')", "read items orders(ES)"),
        ("SELECT * FROM (SELECT * FROM orders WHERE country = 'ES') x", "read orders(ES)"),
        ("SELECT * FROM orders WHERE country = 'ES' UNION SELECT * FROM orders", "read orders(ES) orders(?)"),
        ("WITH mine AS (SELECT * FROM orders WHERE country = ?) SELECT * FROM mine", "read orders(?0)"),
        (
            "WITH old AS (SELECT 1 AS id) DELETE FROM orders WHERE country = 'ES' AND id IN (SELECT id FROM old)",
            "write orders(ES)",
        ),
        ("SELECT 1", "read"),
        ("CREATE TABLE items (id INTEGER)", "write items"),
        ("DROP TABLE orders", "write orders(?)"),
        ("ALTER TABLE orders ADD COLUMN note TEXT", "write orders(?)"),
        ("CREATE INDEX by_day ON orders (day)", "write orders(?)"),
        ("SELECT * FROM orders WHERE country = 'ES'; DELETE FROM items", "write orders(ES) items"),
    ] {
        assert_eq!(read(sql), expected, "{sql}");
    }
    let writing = "WITH gone AS (DELETE FROM orders WHERE country = 'ES' RETURNING *) SELECT * FROM gone";
    assert_eq!(read_as(Dialect::Postgres, writing), "write orders(ES)");
    assert_eq!(read_as(Dialect::Postgres, "TRUNCATE orders"), "write orders(?)");
    // A common table of the name of a declared one may hide it or read it: both are taken for it.
    let hidden = "WITH orders AS (SELECT * FROM orders WHERE country = 'ES') SELECT * FROM orders";
    assert_eq!(read(hidden), "read orders(ES) orders(?)");
}

#[test]
fn a_key_is_not_updated_in_place() {
    let refused = [
        "UPDATE orders SET country = 'FR' WHERE id = 1",
        "UPDATE orders SET country = 'FR' WHERE country = 'ES'",
        "UPDATE orders SET (id, country) = (1, 'ES')",
        "INSERT INTO orders (id, country) VALUES (1, 'ES') ON CONFLICT (id) DO UPDATE SET country = excluded.country",
    ];
    // Of two assignments the last one counts.
    assert!(
        read("UPDATE orders SET country = 'ES', country = 'FR' WHERE country = 'ES'").contains("not updated in place")
    );
    for sql in refused {
        assert!(read(sql).contains("orders.country is the routing key, which is not updated in place"), "{sql}");
    }
    let duplicate =
        "INSERT INTO orders (id, country) VALUES (1, 'ES') ON DUPLICATE KEY UPDATE country = VALUES(country)";
    assert!(read_as(Dialect::MySql, duplicate).contains("not updated in place"));
    for (sql, expected) in [
        ("UPDATE orders SET country = 'ES', amount = 2 WHERE country = 'ES'", "write orders(ES)"),
        ("UPDATE items SET country = 'FR'", "write items"),
        (
            "INSERT INTO orders (id, country) VALUES (1, 'ES') ON CONFLICT (id) DO UPDATE SET amount = excluded.amount",
            "write orders(ES)",
        ),
        ("INSERT INTO orders (id, country) VALUES (1, 'ES') ON CONFLICT DO NOTHING", "write orders(ES)"),
    ] {
        assert_eq!(read(sql), expected, "{sql}");
    }
}

#[test]
fn what_leads_elsewhere_or_ends_a_transaction_is_refused() {
    for sql in ["BEGIN", "COMMIT", "ROLLBACK", "SELECT 1; COMMIT"] {
        assert!(read(sql).contains("transactions are not written in SQL"), "{sql}: {}", read(sql));
    }
    assert!(read("ATTACH DATABASE 'fr.sqlite' AS fr").contains("to another database"));
    assert!(read_as(Dialect::MySql, "USE fr").contains("to another database"));
    assert_eq!(analysis("SELECT * FROM fr.orders, es.items").qualifiers.into_keys().collect::<Vec<_>>(), ["es", "fr"]);
}

#[test]
fn what_cannot_be_read_is_refused_where_it_names_a_table_with_a_key() {
    assert_eq!(read("FROBNICATE items"), "write");
    let opaque = [
        (Dialect::Sqlite, "FROBNICATE orders"),
        (Dialect::Postgres, "FROBNICATE items; CALL move(orders)"),
        (Dialect::Postgres, "INSERT INTO orders (id, country) OVERRIDING SYSTEM VALUE VALUES (1, 'ES')"),
        // The parser takes these keywords for the name of the table.
        (Dialect::Postgres, "UPDATE ONLY orders SET country = 'FR' WHERE id = 1"),
        (Dialect::Postgres, "DELETE FROM ONLY orders WHERE id = 1"),
        (Dialect::Postgres, "SELECT * FROM ONLY orders"),
        (Dialect::MySql, "UPDATE IGNORE orders SET country = 'FR'"),
        (Dialect::MySql, "UPDATE LOW_PRIORITY orders SET country = 'FR'"),
        (Dialect::MySql, "UPDATE orders SET x = 1 /*M!100100 , country = 'FR' */"),
        (Dialect::Sqlite, "SELECT 1 UNION TABLE items"),
        (Dialect::MySql, "INSERT INTO staged TABLE fr.items"),
        (Dialect::MySql, "SELECT * FROM `fr.items`"),
        // The parser takes the name of a column for the end of the text.
        (Dialect::Postgres, "SELECT 1 END; COMMIT"),
        (Dialect::Postgres, "SELECT 1 END; DELETE FROM orders"),
    ];
    for (dialect, sql) in opaque {
        assert!(read_as(dialect, sql).starts_with("refused: "), "{sql}: {}", read_as(dialect, sql));
    }
    assert_eq!(read_as(Dialect::Postgres, "CALL move(items)"), "write");
    assert_eq!(read("SELECT day, count(*) AS orders FROM items GROUP BY day"), "read items");
    let refunds = "CREATE TABLE refunds (id INTEGER, FOREIGN KEY (id) REFERENCES orders (id))";
    assert_eq!(read(refunds), "write refunds");
    assert_eq!(read_as(Dialect::Postgres, r#"SELECT * FROM "only""#), "read only");
}

#[test]
fn what_begins_a_transaction_or_changes_a_connection_is_refused_also_where_it_is_not_read() {
    for sql in [
        "ATTACH 'fr.sqlite' AS fr KEY 'k'",
        "XA START 'x'",
        "FROBNICATE items; START TRANSACTION WITH CONSISTENT SNAPSHOT",
        "SAVEPOINT a",
        "SET search_path TO fr",
        "DROP SCHEMA fr",
        "DROP DATABASE fr",
    ] {
        assert!(read_as(Dialect::Postgres, sql).starts_with("refused: "), "{sql}");
    }
    assert!(read_as(Dialect::MySql, "SET autocommit = 0").starts_with("refused: "));
    assert_eq!(read_as(Dialect::Postgres, "SET LOCAL statement_timeout = 100"), "write");
}

#[test]
fn a_common_table_hides_no_table_that_is_written_to_or_read_within_it() {
    let within = "WITH log AS (SELECT * FROM log WHERE id > 1) SELECT * FROM log";
    assert_eq!(read(within), "read log log");
    assert_eq!(read("WITH log AS (SELECT 1 AS id) INSERT INTO log SELECT * FROM log"), "write log");
    assert_eq!(read("WITH log AS (SELECT 1 AS id) SELECT * FROM log"), "read");
    // It is known within its own query only.
    let beyond = "SELECT * FROM (WITH log AS (SELECT 1 AS id) SELECT * FROM log) AS x, log";
    assert_eq!(read(beyond), "read log log");
    assert_eq!(read("SELECT * FROM (WITH log AS (SELECT 1 AS id) SELECT * FROM log) AS x"), "read");
    assert_eq!(read("WITH log AS (SELECT 1) SELECT * FROM log, (SELECT * FROM log) AS x"), "read");
    assert_eq!(read("WITH log AS (SELECT 1 AS id) SELECT * FROM log; SELECT * FROM log"), "read log log");
}

#[test]
fn a_read_that_locks_needs_the_primary() {
    let postgres = |sql| Analysis::of(Dialect::Postgres, sql, &key_columns());
    assert!(postgres("SELECT * FROM orders FOR UPDATE").locks);
    assert!(!postgres("SELECT * FROM orders").locks);
}
