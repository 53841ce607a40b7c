//! Records that are large: for a batch, or for what a server of MySQL or MariaDB takes at once, its `max_allowed_packet`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domicile_pipeline::{Event, Observer, Silent};
use domicile_testkit::Server;

use crate::fixture::{counts, home, open, rows, run};
use crate::servers::{MARIADB, POSTGRES, World, pipeline, succeeded};
use crate::verify::assert_proved;

#[test]
fn a_row_that_no_statement_can_hold_is_refused_and_the_others_are_delivered() {
    let table = "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, country text, customer longtext)";
    let Some(world) = World::of(&MARIADB, table) else { return };
    let world = world.analyser("orders", "", "SELECT id, concat(customer, customer) AS customer FROM record");
    world.server.sql("source", "SET GLOBAL max_allowed_packet = 1048576");
    world.server.sql(
        "source",
        "INSERT INTO orders (country, customer) VALUES ('ES', repeat('a', 400000)), ('ES', repeat('b', 600000)),
         ('ES', repeat('c', 300000)), ('ES', repeat('d', 300000))",
    );
    assert_eq!(counts(home(&world.run(), "es")), [4, 3, 0, 1]);
    assert_eq!(
        world.rows("es", "SELECT id, length(customer) FROM orders ORDER BY id"),
        ["1|800000", "3|600000", "4|600000"]
    );
    let reason = world.rows("es", "SELECT reason FROM domicile_quarantine");
    assert!(reason[0].contains("max_allowed_packet"), "{reason:?}");
}

#[test]
fn a_record_that_no_statement_can_hold_is_known_by_its_hash_in_quarantine() {
    let Some(world) = World::new(&MARIADB) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer FROM record");
    world.server.sql("source", "SET GLOBAL max_allowed_packet = 1048576");
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.sqlite");
    open(&source)
        .execute_batch(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT, customer TEXT);
             INSERT INTO orders (country, customer) VALUES ('ES', 'Ana'), ('ES', printf('%.2000000c', 'a')), ('ES', 'Bea'),
             ('XX', printf('%.2000000c', 'b')), (printf('%.2000000c', 'X'), 'Eva'), ('XX', 'Zoé')",
        )
        .unwrap();
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", world.server.url("{home}"));
    let config = world.config(&format!("sqlite:{}", source.display()), &homes, &world.server.url("control"), "");
    let report = succeeded(run(&pipeline(config), Arc::new(Silent)).unwrap());
    assert_eq!((counts(home(&report, "es")), counts(&report.control)), ([3, 2, 0, 1], [3, 0, 0, 3]));
    assert_eq!(world.rows("es", "SELECT id, customer FROM orders ORDER BY id"), ["1|Ana", "3|Bea"]);
    let kept = |database: &str| {
        world.rows(database, "SELECT position, record, reason FROM domicile_quarantine ORDER BY position")
    };
    let record = format!("{{\"id\":2,\"country\":\"ES\",\"customer\":\"{}\"}}", "a".repeat(2_000_000));
    let told = format!("its {} bytes of JSON (SHA-256 ", record.len());
    let es = kept("es").concat();
    assert!(es.starts_with("2|null|a row of 2000") && es.contains(&told), "{es}");
    let control = kept("control");
    assert!(control[0].starts_with("4|null|") && control[0].contains("its 2000"), "{}", control[0]);
    assert!(control[1].starts_with("5|null|") && control[1].len() < 10_000, "{}", control[1].len());
    assert!(control[2].starts_with("6|{\"id\":6,"), "{}", control[2]);
}

/// Of 20 records two are larger than a packet: one by a single value, the other only by two together.
const LARGE: &str = "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, country text, customer longtext,
    note longtext CHARACTER SET latin1, raw longblob, amount decimal(12,2), at datetime(6));
    INSERT INTO orders (country, customer, note, amount, at)
        SELECT 'ES', concat('c', seq), 'ñ', seq, '2026-01-01' FROM seq_1_to_20;
    UPDATE orders SET customer = repeat('a', 3000000), raw = x'00ff' WHERE id = 7;
    UPDATE orders SET note = repeat('ñ', 300000), raw = repeat(x'ff', 600000) WHERE id = 8;
    UPDATE orders SET customer = repeat('b', 900000) WHERE id IN (6, 9);
    UPDATE orders SET country = 'XX' WHERE id = 8";

#[test]
fn a_record_that_is_larger_than_a_packet_goes_to_quarantine_and_reading_goes_on() {
    let Some(world) = World::of(&MARIADB, LARGE) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer, note, amount FROM record");
    let world = world.analyser("raws", "", "SELECT id, raw, at FROM record WHERE raw IS NOT NULL");
    world.server.sql("source", "SET GLOBAL max_allowed_packet = 1048576");
    let folder = tempfile::tempdir().unwrap();
    let sqlite = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", sqlite("{home}"));
    let query = "table = \"orders\"";
    for (number, (batch, from)) in
        [("", query), ("rows = 3", query), ("", "name = \"orders\"\nquery = \"SELECT * FROM orders\"")]
            .iter()
            .enumerate()
    {
        let homes = homes.replace("{home}", &format!("{{home}}{number}"));
        let config = world.config(&world.server.url("source"), &homes, &sqlite(&format!("control{number}")), batch);
        let pipeline = pipeline(config.replace(query, from));
        let report = succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
        assert_eq!((counts(home(&report, "es")), counts(&report.control)), ([19, 18, 0, 1], [1, 0, 0, 1]));
        assert_proved(&pipeline);
        let of = |name: &str, sql: &str| rows(&open(&folder.path().join(format!("{name}{number}"))), sql);
        let kept = "SELECT count(*), sum(id), sum(length(customer)), group_concat(DISTINCT note) FROM orders";
        assert_eq!(of("es", kept), [format!("18|{}|{}|ñ", 210 - 15, 1_800_000 + 5 * 2 + 11 * 3)]);
        let reason = "not read, because the record is larger than the max_allowed_packet of the source's server, which is 1048576";
        let quarantined = "SELECT position, cause, reason, record FROM domicile_quarantine";
        let record = "{\"id\":7,\"country\":\"ES\",\"customer\":{\"bytes\":3000000},\"note\":\"ñ\",\"raw\":\"0x00ff\",\
                      \"amount\":\"7.00\",\"at\":\"2026-01-01T00:00:00\"}";
        assert_eq!(of("es", quarantined), [format!("7|bad_value|`customer`: its 3000000 bytes are {reason}|{record}")]);
        let control = of("control", quarantined).concat();
        let both = format!("8|bad_value|`note`: its 600000 bytes are {reason}; `raw`: its 600000 bytes are {reason}|");
        assert!(control.starts_with(&both), "{control}");
    }
}

/// Counts who is connected to the source whenever a batch was read.
struct Connected {
    server: Arc<Server>,
    most: AtomicUsize,
    batches: AtomicUsize,
}

impl Observer for Connected {
    fn observe(&self, event: &Event<'_>) {
        if let Event::BatchRead(_) = event {
            let sql = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = 'source' AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
            let connected = tokio::task::block_in_place(|| self.server.sql("source", sql));
            self.most.fetch_max(connected.trim().parse().unwrap(), Ordering::Relaxed);
            self.batches.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What the server would send besides is nobody's: each batch has asked for as many records as ever.
#[test]
fn what_a_batch_has_no_room_for_is_not_waited_for_by_connections_of_postgres() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer FROM record");
    world.server.sql("source", "ALTER TABLE orders ALTER customer TYPE text, ALTER customer SET STORAGE EXTERNAL");
    let orders = "INSERT INTO orders (country, customer) SELECT 'ES', repeat('x', 200000) FROM generate_series(1, 300)";
    world.server.sql("source", orders);
    let url = |database| world.server.url(database);
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", url("{home}"));
    let pipeline = pipeline(world.config(&url("source"), &homes, &url("control"), "bytes = 1000000"));
    let (most, batches) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let observer = Arc::new(Connected { server: Arc::new(world.server), most, batches });
    let report = succeeded(run(&pipeline, Arc::<Connected>::clone(&observer)).unwrap());
    assert_eq!(counts(home(&report, "es")), [300, 300, 0, 0]);
    let (most, batches) = (observer.most.load(Ordering::Relaxed), observer.batches.load(Ordering::Relaxed));
    assert!(batches > 50 && most <= 2, "{batches} batches and {most} connections");
}
