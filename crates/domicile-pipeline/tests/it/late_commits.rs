//! Transactions that commit in another order than their ids: nothing is lost and nothing comes twice, where the rule that
//! everybody writes first loses records.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domicile_pipeline::{GuaranteeClass, Silent};
use domicile_testkit::{Server, SplitMix64};

use crate::fixture::{counts, home, run, runtime};
use crate::servers::{Client, Kind, MARIADB, POSTGRES, World, pipeline, succeeded};

const WRITERS: u64 = 12;
const DURATION: Duration = Duration::from_secs(20);
/// A transaction is held open for up to so long between two of its statements.
const HOLD_MILLISECONDS_MAX: u64 = 120;

#[test]
fn nothing_is_lost_while_many_write_to_postgres() {
    nothing_is_lost_while_many_write(&POSTGRES, None, GuaranteeClass::Exact);
}

#[test]
fn nothing_is_lost_while_many_write_to_mariadb() {
    nothing_is_lost_while_many_write(&MARIADB, None, GuaranteeClass::Exact);
}

/// A user who sees no metadata locks goes by the transactions that InnoDB shows.
#[test]
fn nothing_is_lost_while_many_write_to_mariadb_whose_locks_are_not_seen() {
    let user =
        "CREATE USER plain IDENTIFIED BY 'secret'; GRANT SELECT ON source.* TO plain; GRANT PROCESS ON *.* TO plain";
    nothing_is_lost_while_many_write(&MARIADB, Some(user), GuaranteeClass::Bounded);
}

/// Writes transactions that touch another table first, undo parts of themselves, and end, or not, at random.
async fn write(url: String, writer: u64, until: Instant) {
    let mut random = SplitMix64::seeded(writer);
    let mut client = Client::connect(&url).await;
    while Instant::now() < until {
        client.execute("BEGIN").await;
        if random.below(2) == 0 {
            client.execute(&format!("UPDATE counters SET n = n + 1 WHERE id = {writer}")).await;
        }
        for part in 0..=random.below(3) {
            let country = if random.below(3) == 0 { "FR" } else { "ES" };
            let amount = random.below(10_000);
            let undone = random.below(4) == 0;
            client.execute(&format!("SAVEPOINT part_{part}")).await;
            let values = format!("('{country}', '{writer}', {amount}.25), ('{country}', '{writer}', -{part})");
            client.execute(&format!("INSERT INTO orders (country, customer, amount) VALUES {values}")).await;
            tokio::time::sleep(Duration::from_millis(random.below(HOLD_MILLISECONDS_MAX))).await;
            if undone {
                client.execute(&format!("ROLLBACK TO SAVEPOINT part_{part}")).await;
            }
        }
        client.execute(if random.below(10) == 0 { "ROLLBACK" } else { "COMMIT" }).await;
    }
    client.disconnect().await;
}

/// Reads what lies behind the highest id that it has seen, again and again: the plain rule.
async fn read_behind_the_highest(url: String, ended: Arc<AtomicBool>) -> BTreeSet<i64> {
    let mut client = Client::connect(&url).await;
    let (mut seen, mut highest) = (BTreeSet::new(), 0);
    loop {
        let is_last = ended.load(Ordering::Acquire);
        let ids = client.integers(&format!("SELECT id FROM orders WHERE id > {highest} ORDER BY id")).await;
        highest = ids.last().copied().unwrap_or(highest);
        seen.extend(ids);
        if is_last {
            client.disconnect().await;
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

/// `user` makes the user `plain`, where it is not the usual one who reads the source.
fn nothing_is_lost_while_many_write(kind: &Kind, user: Option<&str>, class: GuaranteeClass) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id, country, customer, amount FROM record").analyser(
        "totals",
        "write = \"merge\"",
        "SELECT customer, count(*) AS orders, sum(amount) AS amount, min(id) AS first, max(id) AS last
         FROM record GROUP BY customer",
    );
    let counters: Vec<_> = (0..WRITERS).map(|writer| format!("({writer}, 0)")).collect();
    let counters = format!("INSERT INTO counters VALUES {}", counters.join(", "));
    world.server.sql("source", &format!("CREATE TABLE counters (id int PRIMARY KEY, n int); {counters}"));
    let url = world.server.url("source");
    let mut source = url.clone();
    if let Some(user) = user {
        world.server.sql("source", user);
        source = format!("mariadb://plain:secret@{}", url.split_once('@').unwrap().1);
    }
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", world.server.url("{home}"));
    let pipeline = pipeline(world.config(&source, &homes, &world.server.url("control"), "rows = 3"));
    let run = || succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
    let (others, ended) = (runtime(), Arc::new(AtomicBool::new(false)));
    let until = Instant::now() + DURATION;
    let writers: Vec<_> = (0..WRITERS).map(|writer| others.spawn(write(url.clone(), writer, until))).collect();
    let plain = others.spawn(read_behind_the_highest(url, Arc::clone(&ended)));
    let mut runs = 0;
    while writers.iter().any(|writer| !writer.is_finished()) {
        assert_eq!(run().guarantee.class, class);
        runs += 1;
    }
    for writer in writers {
        others.block_on(writer).unwrap();
    }
    ended.store(true, Ordering::Release);
    let plain = others.block_on(plain).unwrap();
    run();
    assert!(runs > 5, "it runs while they write");
    let committed = world.rows("source", "SELECT id FROM orders ORDER BY id");
    let lost = committed.len() - plain.len();
    eprintln!("{} records in {runs} runs; the plain rule loses {lost}", committed.len());
    assert!(committed.len() > 500 && lost > 0, "with nothing lost by the plain rule this proves nothing");
    let all = "SELECT id, country, customer, amount FROM orders";
    let totals = "SELECT customer, count(*), sum(amount), min(id), max(id) FROM orders";
    for (name, country) in [("es", "ES"), ("fr", "FR")] {
        let expected = world.rows("source", &format!("{all} WHERE country = '{country}' ORDER BY id"));
        assert_eq!(world.rows(name, &format!("{all} ORDER BY id")), expected);
        let expected = format!("{totals} WHERE country = '{country}' GROUP BY customer ORDER BY customer");
        let found = "SELECT customer, orders, amount, first, last FROM totals ORDER BY customer";
        assert_eq!(world.rows(name, found), world.rows("source", &expected));
    }
}

#[test]
fn a_writer_that_stays_is_named_with_how_long_it_has_been_open() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.order(&["'ES', 'Ana', 1.00"]);
    world.run();
    let outside = runtime();
    let mut late = outside.block_on(Client::connect(&world.server.url("source")));
    outside.block_on(late.execute("BEGIN; INSERT INTO orders (country) VALUES ('ES')"));
    let pid = outside.block_on(late.integers("SELECT pg_backend_pid()::bigint"))[0];
    world.server.sql("source", POSTGRES.aside.unwrap().set);
    world.order(&["'ES', 'Bea', 1.00"]);
    let report = world.run();
    assert_eq!(counts(home(&report, "es")), [0; 4]);
    let told = report.waits_for.unwrap();
    let told = told.strip_prefix("nothing is read beyond 1 before they end: ").expect(&told);
    for who in
        [format!("the writer with the pid {pid}"), "the prepared transaction late (pg_prepared_xacts)".to_owned()]
    {
        let (_, age) = told.split_once(&format!("{who}, open for ")).expect(told);
        let (seconds, _) = age.split_once(" s").expect(told);
        assert!(seconds.parse::<u64>().unwrap() >= 9, "{told}");
    }
    outside.block_on(late.execute("COMMIT"));
    world.server.sql("source", POSTGRES.aside.unwrap().commit);
    assert_eq!(counts(home(&world.run(), "es")), [3, 3, 0, 0]);
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "2", "3", "4"]);
}

#[test]
fn a_transaction_that_is_prepared_while_it_is_waited_for_is_waited_for_still() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    let outside = runtime();
    let mut late = outside.block_on(Client::connect(&world.server.url("source")));
    outside.block_on(late.execute("BEGIN; INSERT INTO orders (country) VALUES ('ES')"));
    world.order(&["'ES', 'Bea', 1.00"]);
    let looks = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'domicile' AND query LIKE '%pg_locks%'";
    std::thread::scope(|scope| {
        let run = scope.spawn(|| world.run());
        // Within a transaction it would always be told the same.
        while world.rows("source", looks) == ["0"] && !run.is_finished() {}
        outside.block_on(late.execute("PREPARE TRANSACTION 'late'"));
        let report = run.join().unwrap();
        assert_eq!(counts(home(&report, "es")), [0; 4], "{report:?}");
        assert!(report.waits_for.is_some_and(|told| told.contains("the prepared transaction late")));
    });
    world.server.sql("source", POSTGRES.aside.unwrap().commit);
    assert_eq!(counts(home(&world.run(), "es")), [2, 2, 0, 0]);
}

#[test]
fn writers_of_a_partition_are_waited_for_also_where_it_is_new() {
    let table = "CREATE TABLE orders (id bigserial, country text) PARTITION BY LIST (country);
                 CREATE TABLE spain PARTITION OF orders FOR VALUES IN ('ES');
                 CREATE TABLE others PARTITION OF orders DEFAULT PARTITION BY RANGE (id);
                 CREATE TABLE low PARTITION OF others FOR VALUES FROM (0) TO (1000)";
    let Some(world) = World::of(&POSTGRES, table) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.server.sql("source", "INSERT INTO orders (country) VALUES ('ES'), ('FR')");
    let report = world.run();
    assert_eq!(report.guarantee.class, GuaranteeClass::Exact, "{}", report.guarantee);
    assert_eq!(report.total().read, 2);
    let outside = runtime();
    for (partition, country) in [("spain", "ES"), ("low", "FR")] {
        let mut late = outside.block_on(Client::connect(&world.server.url("source")));
        let insert = format!("INSERT INTO {partition} (id, country) VALUES (nextval('orders_id_seq'), '{country}')");
        outside.block_on(late.execute(&format!("BEGIN; {insert}")));
        world.server.sql("source", "INSERT INTO orders (country) VALUES ('ES')");
        let report = world.run();
        assert_eq!(report.total().read, 0, "{partition}");
        assert!(report.waits_for.is_some(), "{partition}");
        outside.block_on(late.execute("COMMIT"));
        assert_eq!(world.run().total().read, 2, "{partition}");
    }
}

#[test]
fn a_sequence_with_a_cache_is_bounded_and_nothing_of_one_session_is_lost() {
    let id = "bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 10) PRIMARY KEY";
    let Some(world) = World::of(&POSTGRES, &format!("CREATE TABLE orders (id {id}, country text)")) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    let outside = runtime();
    let mut session = outside.block_on(Client::connect(&world.server.url("source")));
    for id in 1..=3 {
        outside.block_on(session.execute("INSERT INTO orders (country) VALUES ('ES')"));
        let report = world.run();
        assert_eq!((report.guarantee.class, report.total().read), (GuaranteeClass::Bounded, 1), "{id}");
        assert!(report.guarantee.reason.contains("gives each session 10 at once"), "{}", report.guarantee);
        assert!(report.guarantee.raise.unwrap().contains("CACHE 1"));
    }
    // What it is downgraded for: another session has higher ids than those that the first has kept.
    world.server.sql("source", "INSERT INTO orders (country) VALUES ('ES')");
    assert_eq!(world.run().total().read, 1);
    outside.block_on(session.execute("INSERT INTO orders (country) VALUES ('ES')"));
    assert_eq!(world.run().total().read, 0, "lost, as it is said");
    world.server.sql("source", "ALTER TABLE orders ALTER id SET CACHE 1");
    assert_eq!(world.run().guarantee.class, GuaranteeClass::Exact);
}

#[test]
fn a_standby_is_read_and_says_that_it_does_not_know_the_writers() {
    let Some(mut server) = Server::postgres() else { return };
    server.create_database("source");
    server.sql("source", "CREATE TABLE orders (id bigserial PRIMARY KEY, country text)");
    server.sql("source", "INSERT INTO orders (country) VALUES ('ES'), ('ES'); CHECKPOINT");
    server.kill();
    drop(server.write_file("data/standby.signal", ""));
    server.start_again();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let config = format!(
        "control = \"{}\"\nhomes = {{ es = {{ keys = [\"ES\"], url = \"{}\" }} }}\n[[source]]\nurl = \"{}\"\n\
         table = \"orders\"\ncursor = \"id\"\nkey = \"country\"\n[[source.analyser]]\ninto = \"orders\"\n\
         sql = \"SELECT id FROM record\"\n",
        file("control.sqlite"),
        file("es.sqlite"),
        server.url("source")
    );
    let report = succeeded(run(&pipeline(config), Arc::new(Silent)).unwrap());
    assert_eq!(report.guarantee.class, GuaranteeClass::Heuristic);
    assert!(report.guarantee.reason.contains("a standby does not know"), "{}", report.guarantee);
    assert_eq!(report.guarantee.raise.as_deref().map(|raise| raise.starts_with("read the primary")), Some(true));
    assert_eq!(counts(home(&report, "es")), [2, 2, 0, 0]);
    let position = home(&report, "es").position.as_ref().map(ToString::to_string);
    assert_eq!(position.as_deref(), Some("2"), "what the sequence says there is ahead of what was drawn");
}
