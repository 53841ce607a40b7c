//! Whether an index finds the records behind a position: a check warns where none does, and says what makes one.

use domicile_pipeline::Checked;
use domicile_testkit::Server;

use crate::cursors::{Source, World};
use crate::fixture::{described, runtime};

const TOLD: &str = "so that a batch may take as long as a look through all of them / ";

impl World {
    fn made(self, table: &str) -> Self {
        self.execute(&format!("DROP TABLE IF EXISTS events; {table}"));
        self
    }

    /// The warnings for a cursor.
    fn warnings(&self, cursor: &str) -> Vec<String> {
        let checked = runtime().block_on(self.pipeline(&format!("cursor = {cursor}"), 100).check());
        let Checked { warnings, .. } = checked.unwrap_or_else(|problems| panic!("{problems}"));
        assert!(!warnings.has_errors());
        described(&warnings)
    }

    /// The statements that a check asks for, after which it asks for nothing more.
    fn is_mended(&self, cursor: &str) -> String {
        let warnings = self.warnings(cursor);
        let [warning] = &warnings[..] else { panic!("{cursor}: {warnings:?}") };
        assert!(
            warning.starts_with("source[0].cursor: no index has the records in the order of the cursor `"),
            "{warning}"
        );
        let (_, fix) = warning.split_once(TOLD).unwrap();
        self.execute(fix);
        assert_eq!(self.warnings(cursor), [] as [&str; 0], "{fix}");
        fix.to_owned()
    }
}

#[test]
fn sqlite_is_read_by_an_index_or_that_is_told() {
    let table = "CREATE TABLE events (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE, at DATETIME, n integer);
                 CREATE INDEX other ON events (code); CREATE VIEW seen AS SELECT * FROM events";
    let world = World::new(Source::File).made(table);
    assert_eq!(world.warnings("\"id\""), [] as [&str; 0]);
    // The index is not in the order of the bytes.
    insta::assert_snapshot!(world.is_mended("\"code\""), @r#"CREATE INDEX "events_cursor" ON "events" ("code" COLLATE BINARY)"#);
    world.execute("DROP INDEX events_cursor");
    insta::assert_snapshot!(world.is_mended("\"at\""), @r#"CREATE INDEX "events_cursor" ON "events" ("at")"#);
    assert_eq!(world.warnings("[\"code\", \"id\"]").len(), 1);
    world.execute("DROP INDEX events_cursor");
    world.is_mended("[\"code\", \"id\"]");
    world.execute("DROP INDEX events_cursor");
    // What is compared of a time is not the column itself.
    world.is_mended("[\"at\", \"id\"]");
}

#[test]
fn postgres_is_read_by_an_index_or_that_is_told() {
    let Some(server) = Server::postgres() else { return };
    let table = "CREATE TABLE events (id bigint PRIMARY KEY, code varchar(20), at timestamptz, word char(9), n integer);
                 CREATE INDEX ON events (code); CREATE INDEX ON events (at) WHERE n > 0; CREATE INDEX ON events (n, at)";
    let world = World::new(Source::Server(server)).made(table);
    assert_eq!(world.warnings("\"id\""), [] as [&str; 0]);
    // The index is in the order of the database's language.
    insta::assert_snapshot!(world.is_mended("\"code\""), @r#"CREATE INDEX ON "events" ("code" COLLATE "C")"#);
    insta::assert_snapshot!(world.is_mended("[\"at\", \"id\"]"), @r#"CREATE INDEX ON "events" ("at", "id")"#);
    assert_eq!(world.warnings("\"at\""), [] as [&str; 0], "the first of two columns does as well");
    insta::assert_snapshot!(world.is_mended("\"word\""), @r#"CREATE INDEX ON "events" (("word"::text) COLLATE "C")"#);
    // As a whole, a partitioned table has an index where all its parts have one.
    let world = world.made(
        "CREATE TABLE events (at timestamp NOT NULL, n integer) PARTITION BY RANGE (at);
         CREATE TABLE early PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
         CREATE TABLE late PARTITION OF events FOR VALUES FROM ('2024-01-01') TO (MAXVALUE);
         CREATE INDEX ON early (at)",
    );
    world.is_mended("\"at\"");
    let world = world.made("CREATE VIEW events AS SELECT 1 AS n, now() AS at");
    assert_eq!(world.warnings("\"at\""), [] as [&str; 0], "nothing is known of a view");
}

#[test]
fn mariadb_is_read_by_an_index_or_that_is_told() {
    let Some(server) = Server::mariadb() else { return };
    let table =
        "CREATE TABLE events (id bigint PRIMARY KEY, code varchar(20) NOT NULL, word text, at datetime(6), n integer,
                                      flags bit(9), INDEX (code), INDEX (word(9)))";
    let world = World::new(Source::Server(server)).made(table);
    assert_eq!(world.warnings("\"id\""), [] as [&str; 0]);
    insta::assert_snapshot!(world.is_mended("\"at\""), @"CREATE INDEX `events_cursor` ON `events` (`at`)");
    assert_eq!(world.warnings("[\"at\", \"id\"]"), [] as [&str; 0], "the primary key stands behind every index");
    let Source::Server(server) = &world.source else { unreachable!() };
    world.execute(
        "INSERT INTO events (id, code, at) SELECT seq, seq, '2024-01-01' + INTERVAL seq DIV 3 SECOND FROM seq_1_to_3000;
         ANALYZE TABLE events",
    );
    let next = "at >= '2024-01-01 00:05' AND (at > '2024-01-01 00:05' OR (at = '2024-01-01 00:05' AND id > 901))";
    let plan = server.sql("source", &format!("EXPLAIN SELECT * FROM events WHERE {next} ORDER BY at, id LIMIT 9"));
    assert!(
        plan.contains("events_cursor") && !plan.contains("filesort"),
        "the server does as is taken for granted: {plan}"
    );
    assert_eq!(world.warnings("[\"id\", \"at\"]").len(), 1);
    world.execute("TRUNCATE events; DROP INDEX events_cursor ON events; CREATE INDEX hidden ON events (at) IGNORED");
    assert_eq!(world.warnings("\"at\"").len(), 1);
    // The indexes take some texts for equal that differ, or are over beginnings only.
    insta::assert_snapshot!(world.is_mended("\"code\""), @"ALTER TABLE `events` MODIFY `code` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL; CREATE INDEX `events_cursor` ON `events` (`code`)");
    world.execute("DROP INDEX events_cursor ON events");
    insta::assert_snapshot!(world.is_mended("\"word\""), @"ALTER TABLE `events` MODIFY `word` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin; CREATE INDEX `events_cursor` ON `events` (`word`)");
    assert!(world.warnings("\"flags\"")[0].ends_with("or texts of the collation utf8mb4_nopad_bin"));
}
