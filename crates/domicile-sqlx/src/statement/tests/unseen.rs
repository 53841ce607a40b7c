//! Rows that come into a table from where they cannot be looked at.

use super::{DIALECTS, Dialect, read, read_as};

#[test]
fn rows_that_come_in_unseen_are_refused() {
    let merge = "MERGE INTO orders o USING staged s ON o.id = s.id WHEN MATCHED THEN UPDATE SET country = s.country";
    for sql in [merge, "COPY orders FROM STDIN", "COPY orders (id, country) FROM '/tmp/orders.csv'"] {
        let read = read_as(Dialect::Postgres, sql);
        assert!(read.contains("rows come in unseen, and orders has a routing key"), "{sql}: {read}");
    }
    assert_eq!(read_as(Dialect::Postgres, "COPY items FROM STDIN"), "write items");
    assert_eq!(read_as(Dialect::Postgres, "COPY orders TO STDOUT"), "write orders(?)");
}

#[test]
fn a_table_that_is_made_of_what_is_selected_is_an_insert() {
    for dialect in DIALECTS {
        for (sql, expected) in [
            ("CREATE TABLE orders AS SELECT id, country FROM staged", "write orders(!) staged"),
            ("CREATE TABLE orders AS SELECT * FROM staged", "write orders(!) staged"),
            ("CREATE TABLE orders AS SELECT s.*, 'ES' AS country FROM staged AS s", "write orders(!) staged"),
            ("CREATE TABLE orders AS SELECT upper(x), 'ES' AS country FROM staged", "write orders(!) staged"),
            ("CREATE TABLE orders AS SELECT id, 'ES' AS country FROM staged", "write orders(ES) staged"),
            ("CREATE TABLE orders AS SELECT 'ES' AS country, country FROM staged", "write orders(!) staged"),
            ("CREATE TABLE orders AS SELECT id FROM staged", "write orders(?) staged"),
            ("CREATE TABLE orders AS SELECT 1 AS id, 'ES' AS country UNION SELECT 2, 'FR'", "write orders(!)"),
            ("CREATE TABLE items AS SELECT id FROM orders WHERE country = 'ES'", "write items orders(ES)"),
            ("CREATE TABLE items AS SELECT id FROM orders", "write items orders(?)"),
            ("SELECT id, country INTO orders FROM staged", "write staged orders(!)"),
            ("SELECT id, 'ES' AS country INTO orders FROM staged", "write staged orders(ES)"),
            ("SELECT id INTO items FROM orders WHERE country = 'ES'", "write orders(ES) items"),
        ] {
            assert_eq!(read_as(dialect, sql), expected, "{dialect:?}: {sql}");
        }
        for sql in ["CREATE TABLE orders AS TABLE staged", "INSERT INTO orders (id, country) TABLE staged"] {
            assert!(read_as(dialect, sql).starts_with("refused: "), "{dialect:?}: {sql}");
        }
    }
    let columns = "CREATE TABLE orders (id INT, country CHAR(2)) SELECT country AS id, 'ES' AS country FROM staged";
    assert_eq!(read_as(Dialect::MySql, columns), "write orders(!) staged");
    let execute = read_as(Dialect::Postgres, "CREATE TABLE orders AS EXECUTE plan");
    assert!(execute.starts_with("refused: it names the table orders"), "{execute}");
}

#[test]
fn a_replace_of_what_is_selected_is_an_insert() {
    for dialect in [Dialect::MySql, Dialect::Sqlite] {
        for (sql, expected) in [
            ("REPLACE INTO orders (id, country) SELECT id, country FROM staged", "write orders(!) staged"),
            ("REPLACE INTO orders (id, country) SELECT id, 'ES' FROM staged", "write orders(ES) staged"),
        ] {
            assert_eq!(read_as(dialect, sql), expected, "{dialect:?}: {sql}");
        }
    }
    let without_into = "REPLACE orders (id, country) SELECT id, country FROM staged";
    assert_eq!(read_as(Dialect::MySql, without_into), "write orders(!) staged");
    let sql = "INSERT OR REPLACE INTO orders (id, country) SELECT id, country FROM staged";
    assert_eq!(read_as(Dialect::Sqlite, sql), "write orders(!) staged");
    for sql in ["REPLACE INTO orders TABLE staged", "INSERT INTO orders TABLE staged"] {
        assert!(read_as(Dialect::MySql, sql).starts_with("refused: "), "{sql}");
    }
}

#[test]
fn a_table_is_not_renamed_to_one_with_a_key() {
    for (dialect, sql) in [
        (Dialect::Postgres, "ALTER TABLE staged RENAME TO orders"),
        (Dialect::Sqlite, "ALTER TABLE staged RENAME TO orders"),
        (Dialect::MySql, "ALTER TABLE staged RENAME AS orders"),
        (Dialect::MySql, "RENAME TABLE a TO b, staged TO orders"),
        (Dialect::Postgres, "ALTER TABLE orders ATTACH PARTITION staged FOR VALUES IN ('FR')"),
        (Dialect::MySql, "ALTER TABLE orders EXCHANGE PARTITION p WITH TABLE staged"),
    ] {
        assert!(read_as(dialect, sql).starts_with("refused: "), "{sql}: {}", read_as(dialect, sql));
    }
    assert_eq!(read_as(Dialect::Postgres, "ALTER TABLE staged RENAME TO items"), "write items staged");
    assert_eq!(read_as(Dialect::MySql, "RENAME TABLE staged TO items"), "write items staged");
}

#[test]
fn the_name_of_a_table_is_found_in_a_string_where_the_rest_is_not_read() {
    // SQLite takes a string for a name, and the parser does not know what comes after it.
    for sql in [
        "INSERT INTO 'orders' (id, country) VALUES (1, 'FR') ON CONFLICT (id) DO NOTHING ON CONFLICT DO NOTHING",
        "UPDATE 'orders' NOT INDEXED SET country = 'FR'",
        "DELETE FROM 'Orders' NOT INDEXED",
    ] {
        assert!(read(sql).starts_with("refused: it names the table orders"), "{sql}: {}", read(sql));
        let other = sql.replace("orders", "items").replace("Orders", "items");
        assert_eq!(read(&other), "write", "{other}");
    }
    for body in ["'{}'", "E'{}'", "U&'{}'", "$${}$$"] {
        let block = |table: &str| {
            let insert = format!("BEGIN INSERT INTO {table} VALUES (1); END");
            read_as(Dialect::Postgres, &format!("DO {}", body.replace("{}", &insert)))
        };
        assert!(block("orders").starts_with("refused: it names the table orders"), "{body}: {}", block("orders"));
        assert_eq!(block("items"), "write", "{body}");
    }
    // What is read is not looked for in strings: that is a value.
    assert_eq!(read("INSERT INTO items (id, kind) VALUES (1, 'orders')"), "write items");
}
