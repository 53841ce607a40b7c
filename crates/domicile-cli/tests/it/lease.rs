//! Runs that are stopped and go on, that are killed, and that come while another is under way: each with a real process and
//! real servers.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domicile_testkit::{Sandbox, Server};

use crate::command::{Ran, binary, run};

/// No state of these tests takes longer to come.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until something is the case.
#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "{what} does not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A run that is under way.
struct Running(Child);

impl Running {
    fn start(sandbox: &Sandbox) -> Self {
        let mut command = Command::new(binary());
        command.arg("run").current_dir(sandbox.dir()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Stops it by SIGSTOP, and waits until none of its threads runs.
    fn stop(&self) {
        self.signal("STOP");
        let is_stopped = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        };
        let tasks = || fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap().map_while(Result::ok);
        wait_until("the stop", || tasks().all(is_stopped));
    }

    /// Lets it go on, and waits until it ends.
    fn go_on(self) -> Output {
        self.signal("CONT");
        self.end()
    }

    fn end(self) -> Output {
        self.0.wait_with_output().unwrap()
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Asserts how a run ended, and what it complained of.
#[track_caller]
fn assert_ended(output: &Output, code: i32, complaint: &str) {
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{errors}");
    assert!(errors.contains(complaint), "{complaint:?} is not in\n{errors}");
}

/// What the tests ask of a kind of server.
struct Kind {
    start: fn() -> Option<Server>,
    /// What lets an insert of the order 7, or of another in its place, wait for a lock that the test may hold.
    gate: &'static str,
    /// Holds the lock until there is a row in the table `opened`.
    close: &'static str,
    /// How many hold it, and how many wait for it.
    held: &'static str,
    waiting: &'static str,
    /// Transactions of runs in which nothing happens.
    resting: &'static str,
    /// Makes another user who may do everything, with this password.
    another_user: &'static str,
    /// A moment that is past.
    past: &'static str,
    now: &'static str,
}

const POSTGRES: Kind = Kind {
    start: Server::postgres,
    gate: "CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF NEW.id = 7 THEN PERFORM pg_advisory_lock(7); PERFORM pg_advisory_unlock(7); END IF; RETURN NEW;
           END $$;
           CREATE TRIGGER gate BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION gate()",
    close: "SELECT pg_advisory_lock(7);
            DO $$ BEGIN WHILE NOT EXISTS (SELECT 1 FROM opened) LOOP PERFORM pg_sleep(0.005); END LOOP; END $$",
    held: "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND granted",
    waiting: "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted",
    resting: "SELECT count(*) FROM pg_stat_activity WHERE datname = 'fr' AND state = 'idle in transaction'",
    another_user: "CREATE ROLE another SUPERUSER LOGIN PASSWORD 'PASSWORD'",
    past: "clock_timestamp() - interval '1 second'",
    now: "clock_timestamp()",
};

const MARIADB: Kind = Kind {
    start: Server::mariadb,
    gate: "CREATE TRIGGER gate BEFORE INSERT ON orders FOR EACH ROW
           SET @passed = IF(NEW.id = 7, GET_LOCK('gate', 600) + RELEASE_LOCK('gate'), 0)",
    close: "DELIMITER //
            BEGIN NOT ATOMIC
                DO GET_LOCK('gate', 0); WHILE NOT EXISTS (SELECT 1 FROM opened) DO DO SLEEP(0.005); END WHILE;
            END//",
    held: "SELECT IS_USED_LOCK('gate') IS NOT NULL",
    waiting: "SELECT count(*) FROM information_schema.processlist WHERE state = 'User lock'",
    // A transaction is not told that has written nothing yet, but the connection, and that it has gone half-way.
    resting: "SELECT count(*) FROM information_schema.processlist
              WHERE db = 'fr' AND command = 'Sleep' AND (SELECT count(*) FROM orders) = 4",
    another_user: "CREATE USER another@'%' IDENTIFIED BY 'PASSWORD'; GRANT ALL ON *.* TO another@'%'",
    past: "UTC_TIMESTAMP(6) - INTERVAL 1 SECOND",
    now: "UTC_TIMESTAMP(6)",
};

/// A shop in a sandbox, whose homes and control database are on one server.
struct World {
    kind: &'static Kind,
    server: Arc<Server>,
    sandbox: Sandbox,
    closed: Option<JoinHandle<String>>,
}

impl World {
    /// Twelve orders, one after the other for each of the two homes, that are committed one by one. The first home stops at
    /// one order for as long as the gate is closed.
    fn new(kind: &'static Kind, lease_seconds: u32, stops_at: u32) -> Option<Self> {
        let (server, sandbox) = (Arc::new((kind.start)()?), Sandbox::new());
        for database in ["control", "es", "fr"] {
            server.create_database(database);
        }
        server.sql("es", "CREATE TABLE orders (id bigint NOT NULL); CREATE TABLE opened (by_test int)");
        server.sql("fr", "CREATE TABLE orders (id bigint NOT NULL)");
        server.sql("es", &kind.gate.replace("NEW.id = 7", &format!("NEW.id = {stops_at}")));
        let source = "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT, note TEXT);
                      INSERT INTO orders (country) VALUES ('ES'), ('FR'), ('ES'), ('FR'), ('ES'), ('FR'),
                                                          ('ES'), ('FR'), ('ES'), ('FR'), ('ES'), ('FR')";
        sandbox.source().execute_batch(source).unwrap();
        sandbox.write_config(&format!(
            "control = '{}'\n\
             [homes]\nes = {{ keys = ['ES'], url = '{}' }}\nfr = {{ keys = ['FR'], url = '{}' }}\n\
             [batch]\nrows = 2\n[delivery]\ncommit_rows = 1\nlease_seconds = {lease_seconds}\n\
             [[source]]\nurl = 'sqlite:source.sqlite'\ntable = 'orders'\ncursor = 'id'\nkey = 'country'\n\
             [[source.analyser]]\ninto = 'orders'\nsql = 'SELECT id FROM record'\n",
            server.url("control"),
            server.url("es"),
            server.url("fr"),
        ));
        Some(Self { kind, server, sandbox, closed: None })
    }

    /// Writes something else into the configuration.
    fn configure(&self, before: &str, after: &str) {
        let config = fs::read_to_string(self.sandbox.config_path()).unwrap();
        assert!(config.contains(before));
        self.sandbox.write_config(&config.replace(before, after));
    }

    /// Starts a run, and waits until it stands at the gate.
    fn start_to_the_gate(&mut self) -> Running {
        let (server, close) = (Arc::clone(&self.server), self.kind.close);
        self.closed = Some(std::thread::spawn(move || server.sql("es", close)));
        wait_until("the lock", || self.server.sql("es", self.kind.held) != "0");
        let running = Running::start(&self.sandbox);
        wait_until("the gate", || self.server.sql("es", self.kind.waiting) != "0");
        running
    }

    /// Waits until the other home has everything, and nothing in hand. Few batches are in memory, so that the first one
    /// has to have got half-way.
    fn await_the_other_home(&self) {
        wait_until("the orders of the other home", || self.orders("fr") == "2 4 6 8 10 12");
    }

    fn open_the_gate(&mut self) {
        self.server.sql("es", "INSERT INTO opened VALUES (1)");
        self.closed.take().expect("it is closed").join().unwrap();
        wait_until("the open gate", || self.server.sql("es", self.kind.waiting) == "0");
    }

    /// Whether the lease has ended, by the clock of the control database.
    fn lease_has_ended(&self) -> bool {
        let sql = format!("SELECT count(*) FROM domicile_lease WHERE held_until > {}", self.kind.now);
        self.server.sql("control", &sql) == "0"
    }

    /// Runs as the system's own scheduler would, until the lease of another run has ended.
    fn run_once_the_lease_has_ended(&self) -> Ran {
        loop {
            let ended = self.lease_has_ended();
            let ran = run(&self.sandbox);
            if ended || !ran.stderr.contains("another run is under way") {
                return ran;
            }
            ran.exits(4);
        }
    }

    fn orders(&self, home: &str) -> String {
        self.server.sql(home, "SELECT id FROM orders ORDER BY id").replace('\n', " ")
    }

    #[track_caller]
    fn assert_exactly_once(&self) {
        assert_eq!((&*self.orders("es"), &*self.orders("fr")), ("1 3 5 7 9 11", "2 4 6 8 10 12"));
    }
}

/// Tests for each kind of server.
macro_rules! for_each_kind {
    ($($test:ident),* $(,)?) => {
        mod postgres {
            $(#[test] fn $test() { super::$test(&super::POSTGRES) })*
        }
        mod mariadb {
            $(#[test] fn $test() { super::$test(&super::MARIADB) })*
        }
    };
}

for_each_kind!(
    a_run_stopped_in_its_first_transaction_loses_its_lease_to_the_next,
    a_run_stopped_in_a_later_transaction_loses_its_lease_to_the_next,
    the_fence_alone_stops_an_overtaken_run,
    without_the_fence_everything_comes_twice,
    a_lease_that_ended_is_lost_also_where_nobody_took_it,
    a_second_run_leaves_while_the_first_lives,
    the_run_after_a_killed_one_goes_on_at_once,
);

fn a_run_stopped_in_its_first_transaction_loses_its_lease_to_the_next(kind: &'static Kind) {
    a_stopped_run_loses_its_lease_to_the_next(kind, 1);
}

fn a_run_stopped_in_a_later_transaction_loses_its_lease_to_the_next(kind: &'static Kind) {
    a_stopped_run_loses_its_lease_to_the_next(kind, 7);
}

fn a_stopped_run_loses_its_lease_to_the_next(kind: &'static Kind, stops_at: u32) {
    let Some(mut world) = World::new(kind, 3, stops_at) else { return };
    let stopped = world.start_to_the_gate();
    stopped.stop();
    world.open_the_gate();
    world.run_once_the_lease_has_ended().exits(0);
    world.assert_exactly_once();
    assert_ended(&stopped.go_on(), 1, "held up for longer than its lease of 3 s");
    world.assert_exactly_once();
    run(&world.sandbox).exits(0).says("0 read = 0 delivered");
    world.assert_exactly_once();
}

/// A run that stands still in the middle of a COPY: the server waits for the rest of it, and tells nobody that it waits.
#[test]
fn a_run_stopped_in_a_copy_stands_in_nobodys_way() {
    let Some(mut world) = World::new(&POSTGRES, 3, 1) else { return };
    let large = "UPDATE orders SET note = hex(zeroblob(16000000)) WHERE id = 3";
    world.sandbox.source().execute_batch(large).unwrap();
    world.configure("SELECT id FROM", "SELECT id, note FROM");
    world.configure("commit_rows = 1\n", "commit_rows = 6\n");
    world.configure("rows = 2\n", "rows = 12\nbytes = 1000000000\n");
    for home in ["es", "fr"] {
        world.server.sql(home, "ALTER TABLE orders ADD note text");
    }
    let stopped = world.start_to_the_gate();
    stopped.stop();
    world.open_the_gate();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND wait_event = 'ClientRead' AND \
                 state = 'active'";
    wait_until("the server's wait for the rest", || world.server.sql("es", waits) == "1");
    world.run_once_the_lease_has_ended().exits(0);
    world.assert_exactly_once();
    assert_ended(&stopped.go_on(), 1, "held up for longer than its lease of 3 s");
    world.assert_exactly_once();
}

/// The password of a URL.
fn password_of(url: &str) -> String {
    let (user, _) = url.rsplit_once('@').unwrap();
    user.rsplit_once(':').unwrap().1.to_owned()
}

/// A run that was overtaken and knows nothing of it: its own lease is long, and its transaction is open. Only the fence in
/// the home is left.
fn overtaken_unawares(kind: &'static Kind, undo_fence: bool) -> Option<(World, Output)> {
    let mut world = World::new(kind, 3_600, 7)?;
    let stopped = world.start_to_the_gate();
    world.await_the_other_home();
    stopped.stop();
    let known = world.server.sql("es", "SELECT epoch, position FROM domicile_position");
    world.open_the_gate();
    world.server.sql("control", &format!("UPDATE domicile_lease SET held_until = {}", kind.past));
    // Sessions of the same user the next run would end.
    let password = password_of(&world.server.url(""));
    world.server.sql("es", &kind.another_user.replace("'PASSWORD'", &format!("'{password}'")));
    world.configure("://domicile:", "://another:");
    run(&world.sandbox).exits(0);
    world.assert_exactly_once();
    if undo_fence {
        let (epoch, position) = known.split_once('\t').unwrap();
        let undo = format!("UPDATE domicile_position SET epoch = {epoch}, position = '{position}'");
        world.server.sql("es", &undo);
    }
    let output = stopped.go_on();
    Some((world, output))
}

fn the_fence_alone_stops_an_overtaken_run(kind: &'static Kind) {
    let Some((world, output)) = overtaken_unawares(kind, false) else { return };
    assert_ended(&output, 1, "another run has moved on from position 6");
    world.assert_exactly_once();
}

fn without_the_fence_everything_comes_twice(kind: &'static Kind) {
    // How it ends, the fence of the control database decides, which is still there.
    let Some((world, _)) = overtaken_unawares(kind, true) else { return };
    assert_eq!(world.orders("es"), "1 3 5 7 7 9 9 11 11", "the test proves nothing");
}

fn a_lease_that_ended_is_lost_also_where_nobody_took_it(kind: &'static Kind) {
    let Some(mut world) = World::new(kind, 3, 7) else { return };
    let stopped = world.start_to_the_gate();
    stopped.stop();
    world.open_the_gate();
    wait_until("the end of the lease", || world.lease_has_ended());
    assert_ended(&stopped.go_on(), 1, "held up for longer than its lease of 3 s");
    assert_eq!(world.orders("es"), "1 3 5", "what was committed before is there, and nothing else");
    run(&world.sandbox).exits(0);
    world.assert_exactly_once();
}

fn a_second_run_leaves_while_the_first_lives(kind: &'static Kind) {
    let Some(mut world) = World::new(kind, 3, 1) else { return };
    world.configure("commit_rows = 1\n", "commit_rows = 2\ncommit_seconds = 3600\nothers_wait_seconds = 3600\n");
    let first = world.start_to_the_gate();
    // As many batches are in memory as may be, and the other home has a transaction that is not full.
    let rests = || world.server.sql("fr", world.kind.resting);
    wait_until("the transaction of the other home", || rests() == "1");
    let (begin, mut second) = (Instant::now(), 0);
    // So long that the lease is renewed meanwhile, and a transaction undone that nothing is heard of.
    while begin.elapsed() < Duration::from_secs(7) {
        run(&world.sandbox).exits(4).complains("error: another run is under way, and nothing was done: process ");
        second += 1;
    }
    assert!(second > 1);
    assert_eq!(rests(), "1", "the transaction of the other home is gone");
    let number = world.server.sql("control", "SELECT number FROM domicile_lease WHERE holder IS NOT NULL");
    assert_eq!(number, "1", "only the first has had the lease");
    world.open_the_gate();
    assert_ended(&first.end(), 0, "");
    world.assert_exactly_once();
    run(&world.sandbox).exits(0).says("0 read = 0 delivered");
}

/// Kills a run that has a long lease.
fn killed(kind: &'static Kind) -> Option<World> {
    let mut world = World::new(kind, 3_600, 7)?;
    let running = world.start_to_the_gate();
    running.kill();
    world.open_the_gate();
    Some(world)
}

fn the_run_after_a_killed_one_goes_on_at_once(kind: &'static Kind) {
    let Some(world) = killed(kind) else { return };
    run(&world.sandbox).exits(0);
    world.assert_exactly_once();
}

#[test]
fn a_run_of_another_machine_is_not_known_to_be_killed() {
    let Some(world) = killed(&POSTGRES) else { return };
    world
        .server
        .sql("control", "UPDATE domicile_lease SET holder = replace(holder, '\"machine\":\"', '\"machine\":\"not ')");
    run(&world.sandbox).exits(4).complains("has the lease of the source orders; it ends in 3");
    assert_eq!(world.orders("es"), "1 3 5");
}

/// A file of SQLite is locked by a stopped run, and nobody can undo what it has not committed.
#[test]
fn a_file_that_a_stopped_run_has_locked_is_free_once_it_goes_on() {
    const ORDERS: u64 = 100_000;
    let sandbox = Sandbox::new();
    let source = format!(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, country TEXT);
         WITH RECURSIVE number AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM number LIMIT {ORDERS})
         INSERT INTO orders SELECT n, 'ES' FROM number"
    );
    sandbox.source().execute_batch(&source).unwrap();
    sandbox.write_config(
        "control = 'sqlite:control.sqlite'\nhome_url = 'sqlite:homes/{home}.sqlite'\n[homes]\nes = 'ES'\n\
         [delivery]\ncommit_rows = 10000000\ncommit_seconds = 3600\nlease_seconds = 3\n\
         [[source]]\nurl = 'sqlite:source.sqlite'\ntable = 'orders'\ncursor = 'id'\nkey = 'country'\n\
         [[source.analyser]]\ninto = 'orders'\nsql = 'SELECT id FROM record'\n",
    );
    let orders =
        || sandbox.home("es").query_row("SELECT count(*) FROM orders", [], |row| row.get::<_, u64>(0)).unwrap();
    let stopped = Running::start(&sandbox);
    wait_until("a transaction", || sandbox.path("homes/es.sqlite-journal").exists());
    stopped.stop();
    assert!(sandbox.path("homes/es.sqlite-journal").exists(), "its transaction came to its end first");
    wait_until("the end of the lease", || {
        let ended = "SELECT held_until < strftime('%Y-%m-%d %H:%M:%f', 'now') FROM domicile_lease";
        sandbox.control().query_row(ended, [], |row| row.get(0)).unwrap()
    });
    let mut next = Running::start(&sandbox);
    let mut told = BufReader::new(next.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(told.any(|line| line.contains("database is locked")), "the next run did not wait for the file");
    assert_ended(&stopped.go_on(), 1, "held up for longer than its lease of 3 s");
    // It tries again by itself.
    told.for_each(drop);
    assert_ended(&next.end(), 0, "");
    assert_eq!(orders(), ORDERS);
}
