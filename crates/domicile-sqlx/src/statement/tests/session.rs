//! What would change a connection for whoever gets it next.

use super::{Dialect, read, read_as};

#[test]
fn a_pragma_of_the_connection_is_refused_and_one_of_the_file_is_not() {
    for sql in [
        "PRAGMA query_only = ON",
        "PRAGMA query_only=1",
        "PRAGMA query_only(1)",
        "PRAGMA query_only == 1",
        "PRAGMA main.foreign_keys = OFF",
        "PRAGMA 'query_only' = 1",
        "PRAGMA \"query_only\" = 1",
        "PRAGMA [query_only] = 1",
        "pragma/**/query_only = 1",
        "SELECT 1; PRAGMA busy_timeout = 0",
        "EXPLAIN PRAGMA query_only = 1",
        "EXPLAIN QUERY PLAN PRAGMA query_only = 1",
        "PRAGMA journal_mode = OFF",
        "PRAGMA main.journal_mode(memory)",
        "PRAGMA locking_mode = EXCLUSIVE",
        "PRAGMA query_only = 1 /* no end",
    ] {
        assert!(read(sql).contains("this PRAGMA would change the connection"), "{sql}: {}", read(sql));
    }
    for sql in [
        "PRAGMA query_only",
        "PRAGMA main.foreign_keys",
        "PRAGMA table_info(orders_archive)",
        "PRAGMA user_version = 7",
        "PRAGMA main.application_id = 7",
        "PRAGMA journal_mode = WAL",
        "PRAGMA journal_mode = 'delete'",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "SELECT pragma, query FROM items",
        "UPDATE items SET pragma = 1",
    ] {
        assert!(!read(sql).starts_with("refused"), "{sql}: {}", read(sql));
    }
}

#[test]
fn what_a_function_would_leave_on_the_connection_is_refused() {
    for sql in [
        "SELECT set_config('search_path', 'fr', false)",
        "SELECT pg_catalog.set_config('search_path', 'fr', $1)",
        "SELECT * FROM set_config('search_path', 'fr', false)",
        "SELECT id FROM items WHERE set_config('search_path', 'fr', id = 1) = ''",
        "SELECT pg_advisory_lock(1)",
        "SELECT * FROM pg_advisory_lock_shared(1, 2)",
        "SELECT pg_catalog.pg_try_advisory_lock(1)",
        "SELECT PG_TRY_ADVISORY_LOCK_SHARED(1)",
        "LISTEN news",
        "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM items",
    ] {
        assert!(read_as(Dialect::Postgres, sql).starts_with("refused: "), "{sql}");
    }
    assert!(read_as(Dialect::MySql, "SELECT GET_LOCK('x', 10)").contains("its lock would stay with the connection"));
    for sql in [
        "SELECT set_config('search_path', 'fr', true)",
        "SELECT own.set_config('search_path', 'fr', false)",
        "SELECT current_setting('search_path')",
        "SELECT pg_advisory_xact_lock(1)",
        "SELECT get_lock('x', 10)",
        "SELECT pg_notify('news', 'x')",
        "NOTIFY news",
        "DECLARE c CURSOR FOR SELECT id FROM items",
    ] {
        assert!(!read_as(Dialect::Postgres, sql).starts_with("refused"), "{sql}: {}", read_as(Dialect::Postgres, sql));
    }
    assert_eq!(read_as(Dialect::MySql, "SELECT RELEASE_LOCK('x')"), "read");
}

#[test]
fn a_setting_is_sent_where_it_ends_with_the_transaction() {
    for sql in [
        "SET LOCAL statement_timeout = 100",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    ] {
        assert_eq!(read_as(Dialect::Postgres, sql), "write", "{sql}");
        // There LOCAL is the session, and TRANSACTION the next one on the connection.
        assert!(read_as(Dialect::MySql, sql).starts_with("refused: "), "{sql}");
    }
    for sql in [
        "SET statement_timeout = 100",
        "SET SESSION statement_timeout = 100",
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET TIME ZONE 'UTC'",
    ] {
        assert!(read_as(Dialect::Postgres, sql).contains("use SET LOCAL or SET TRANSACTION"), "{sql}");
    }
}
