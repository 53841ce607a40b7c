//! Names that may lead to another database, wherever they stand.

use super::{Analysis, DIALECTS, Dialect, key_columns, read_as};

fn words(dialect: Dialect, sql: &str) -> Vec<String> {
    Analysis::of(dialect, sql, &key_columns()).words
}

#[test]
fn a_name_of_a_database_is_seen_in_every_statement() {
    for sql in [
        "ALTER TABLE items RENAME TO fr.items",
        "ALTER TABLE items RENAME fr.items",
        "RENAME TABLE items TO fr.items",
        "LOCK TABLES fr.items READ",
        "CREATE VIEW v AS SELECT * FROM fr.items",
        "CREATE VIEW fr.v AS SELECT 1",
        "CREATE TABLE items LIKE fr.items",
        "CREATE TRIGGER t AFTER INSERT ON items FOR EACH ROW DELETE FROM fr.items",
        "CREATE TRIGGER t AFTER INSERT ON fr.items FOR EACH ROW SET @a = 1",
        "DROP TRIGGER fr.t",
        "CREATE EVENT fr.e ON SCHEDULE EVERY 1 HOUR DO DELETE FROM items",
        "CREATE PROCEDURE p() BEGIN DELETE FROM fr.items; END",
        "TRUNCATE fr.items",
        "ANALYZE TABLE fr.items",
        "OPTIMIZE TABLE fr . items",
        "CHECKSUM TABLE `fr` /* a comment */ . items",
        "FLUSH TABLES fr.items",
        "GRANT SELECT ON fr.* TO someone",
        "HANDLER fr.items OPEN",
        "SELECT FR.f(1)",
        "SELECT * FROM items WHERE id = fr.f(1)",
        "CALL fr.p(1)",
        "DO fr.f(1)",
        "DESCRIBE fr.items",
        "SHOW CREATE TABLE fr.items",
        "SHOW TABLES FROM fr",
        "SHOW COLUMNS FROM items IN fr",
        "SHOW INDEX FROM items FROM fr",
        "SELECT * FROM fr.2024_items",
        "SELECT * FROM fr.`items`",
        "SELECT * FROM \"fr\".items",
        "SELECT * FROM /*! fr. */ items",
        "SELECT * FROM /*M!100100 fr. */ items",
        "SELECT 'an open string FROM fr.items",
        "ALTER DATABASE fr CHARACTER SET utf8mb4",
    ] {
        assert!(words(Dialect::MySql, sql).contains(&"fr".to_owned()), "{sql}: {:?}", words(Dialect::MySql, sql));
    }
    for sql in ["SELECT 'fr.items'", "SELECT fr FROM items", "SELECT 1 -- fr.items", "SHOW TABLES"] {
        assert!(!words(Dialect::MySql, sql).contains(&"fr".to_owned()), "{sql}");
    }
    assert!(words(Dialect::MySql, "SELECT * FROM 1fr.items").contains(&"1fr".to_owned()));
}

#[test]
fn a_table_that_a_definition_names_is_one_that_it_touches() {
    for (dialect, sql, expected) in [
        (Dialect::Postgres, "ALTER TABLE items RENAME TO fr.items", "write fr.items items"),
        (Dialect::Postgres, "CREATE VIEW fr.v AS SELECT id FROM orders", "write orders(?) fr.v"),
        (Dialect::Sqlite, "CREATE VIEW v AS SELECT id FROM orders WHERE country = 'ES'", "write orders(ES) v"),
        (Dialect::Postgres, "COMMENT ON TABLE orders IS 'x'", "write orders(?)"),
        (Dialect::Postgres, "COMMENT ON COLUMN fr.orders.id IS 'x'", "write fr.orders(?)"),
        (Dialect::Postgres, "LOCK TABLE orders", "write orders(?)"),
        (Dialect::Postgres, "TRUNCATE TABLE fr.orders", "write fr.orders(?)"),
        (Dialect::Postgres, "COPY (SELECT * FROM orders) TO STDOUT", "write orders(?)"),
        (Dialect::Postgres, "DROP TRIGGER t ON orders", "write orders(?)"),
        (Dialect::Postgres, "GRANT SELECT ON orders TO someone", "write orders(?)"),
        (Dialect::Postgres, "CREATE TABLE part (id INT) INHERITS (orders)", "write orders(?) part"),
        (Dialect::MySql, "DROP INDEX by_day ON items", "write items"),
        (Dialect::Postgres, "DROP INDEX by_day", "write"),
    ] {
        let mut words: Vec<_> = read_as(dialect, sql).split(' ').map(str::to_owned).collect();
        words[1..].sort();
        let mut expected: Vec<_> = expected.split(' ').collect();
        expected[1..].sort();
        assert_eq!(words, expected, "{sql}");
    }
    let trigger = "CREATE TRIGGER t AFTER INSERT ON items BEGIN DELETE FROM orders; END";
    assert_eq!(read_as(Dialect::Sqlite, trigger), "write orders(?) items");
}

#[test]
fn a_block_of_code_that_names_a_table_with_a_key_is_refused() {
    for sql in ["DO $$ BEGIN DELETE FROM orders; END $$", "DO $body$ BEGIN DELETE FROM orders; END $body$"] {
        assert!(read_as(Dialect::Postgres, sql).starts_with("refused: "), "{sql}");
    }
    assert_eq!(read_as(Dialect::Postgres, "DO $$ BEGIN DELETE FROM items; END $$"), "write");
    let value = "INSERT INTO items (note) VALUES ($$orders$$)";
    assert_eq!(read_as(Dialect::Postgres, value), "write items");
}

#[test]
fn a_comment_that_some_servers_execute_is_refused_beside_a_table_with_a_key() {
    for sql in [
        "DELETE FROM orders WHERE country = 'ES' /*! OR id = 1 */",
        "DELETE FROM orders WHERE id = 1 /*!99999 AND country = 'ES' */",
        "DELETE FROM orders WHERE country = 'ES' /*M!100100 OR id = 1 */",
        "DELETE FROM items /*! WHERE id IN (SELECT id FROM orders) */",
    ] {
        assert!(read_as(Dialect::MySql, sql).starts_with("refused: "), "{sql}: {}", read_as(Dialect::MySql, sql));
    }
    assert_eq!(read_as(Dialect::MySql, "SELECT /*! STRAIGHT_JOIN */ * FROM items"), "read items");
    assert_eq!(read_as(Dialect::MySql, "DELETE FROM orders WHERE country = 'ES' /* a note */"), "write orders(ES)");
    // Elsewhere it is a comment like any other.
    let sql = "DELETE FROM orders WHERE country = 'ES' /*! OR id = 1 */";
    assert_eq!(read_as(Dialect::Postgres, sql), "write orders(ES)");
}

#[test]
fn a_function_is_not_a_table() {
    for dialect in DIALECTS {
        assert_eq!(read_as(dialect, "SELECT * FROM items, generate_series(1, 3)"), "read items");
        assert_eq!(read_as(dialect, "SELECT * FROM items, own.series(1) AS items2"), "read items");
        // One that is called like a table with a key is none, and is not taken for one that is read.
        assert!(read_as(dialect, "SELECT * FROM orders(1)").starts_with("refused: "));
    }
    let called = Analysis::of(Dialect::MySql, "SELECT * FROM fr.series(1)", &key_columns());
    assert!(called.qualifiers.contains_key("fr"));
}
