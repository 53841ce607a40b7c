//! What a connection to a server is, as its URL says it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use domicile_pipeline::{Config, Pipeline, Silent, SourceReport};
use domicile_testkit::Server;
use tempfile::TempDir;

use crate::fixture::{described, only, open, rows, run, runtime};

/// What a kind of server is asked about a connection, in its own SQL.
struct Kind {
    start: fn() -> Option<Server>,
    table: &'static str,
    /// The name of the program and the time that a statement may take.
    named: &'static str,
    as_told: &'static str,
    /// Where it comes from.
    from: &'static str,
    socket: &'static str,
    sleep: fn(f64) -> String,
    stopped: &'static str,
}

const POSTGRES: Kind = Kind {
    start: Server::postgres,
    table: "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, country text)",
    named: "concat(current_setting('application_name'), ' ', current_setting('statement_timeout'))",
    as_told: "nightly 7s",
    from: "coalesce(host(inet_client_addr()), 'socket')",
    socket: "socket",
    sleep: |seconds| format!("pg_sleep({seconds})::text"),
    stopped: "canceling statement due to statement timeout",
};

const MARIADB: Kind = Kind {
    start: Server::mariadb,
    table: "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, country text)",
    named: "concat((SELECT attr_value FROM performance_schema.session_connect_attrs
                    WHERE processlist_id = connection_id() AND attr_name = 'program_name'), ' ',
                   round(@@max_statement_time), 's')",
    as_told: "nightly 7s",
    from: "(SELECT substring_index(host, ':', 1) FROM information_schema.processlist WHERE id = connection_id())",
    socket: "localhost",
    sleep: |seconds| format!("concat(sleep({seconds}), '')"),
    stopped: "max_statement_time exceeded",
};

macro_rules! for_servers {
    ($($test:ident)*) => {
        mod postgres { $(#[test] fn $test() { super::$test(&super::POSTGRES) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(&super::MARIADB) })* }
    };
}

for_servers! {
    it_has_a_name_and_its_statements_a_limit
    a_unix_socket_leads_to_the_server
    a_server_that_says_nothing_is_given_up
    a_silent_connection_is_kept_alive
    a_password_is_read_from_its_file_for_each_connection
}

/// A server with one order, which is synced to a file.
struct World {
    server: Server,
    folder: TempDir,
    /// What is selected of the order beside its id and its country, as `told`.
    asked: String,
}

impl World {
    fn new(kind: &Kind, asked: impl Into<String>) -> Option<Self> {
        let server = (kind.start)()?;
        server.create_database("shop");
        server.sql("shop", kind.table);
        server.sql("shop", "INSERT INTO orders (country) VALUES ('ES')");
        Some(Self { server, folder: tempfile::tempdir().unwrap(), asked: asked.into() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pipeline(&self, url: &str) -> Pipeline {
        let toml = format!(
            "control = 'sqlite:control'\nhome_url = 'sqlite:{{home}}'\nhomes = ['ES']\n[[source]]\nurl = '{url}'\nname = 'orders'\norigin = 'the shop'\n\
             query = '''SELECT id, country, {} AS told FROM orders'''\ncursor = 'id'\nkey = 'country'\n\
             [[source.analyser]]\ninto = 'made'\nsql = 'SELECT id, told FROM record'",
            self.asked
        );
        Pipeline::new(Config::read(&self.path("domicile.toml"), toml, &|_| None).unwrap())
    }

    fn problems(&self, url: &str) -> String {
        described(&runtime().block_on(self.pipeline(url).check()).err().unwrap_or_default()).join("\n")
    }

    fn run(&self, options: &str) -> SourceReport {
        self.run_at(&format!("{}?{options}", self.server.url("shop")))
    }

    fn run_at(&self, url: &str) -> SourceReport {
        only(run(&self.pipeline(url), Arc::new(Silent)).unwrap())
    }

    /// What the server said.
    fn told(&self) -> Vec<String> {
        rows(&open(&self.path("es")), "SELECT told FROM made")
    }
}

fn it_has_a_name_and_its_statements_a_limit(kind: &Kind) {
    let Some(mut world) = World::new(kind, kind.named) else { return };
    let report = world.run("application_name=nightly&statement_timeout=7");
    assert_eq!(report.failure, None);
    assert_eq!(world.told(), [kind.as_told]);

    world.server.sql("shop", "INSERT INTO orders (country) VALUES ('ES')");
    world.asked = (kind.sleep)(30.0);
    let failure = world.run("statement_timeout=1").failure.unwrap_or_default();
    assert!(failure.contains(kind.stopped), "{failure}");
    world.asked = (kind.sleep)(0.01);
    assert_eq!(world.run("statement_timeout=60").failure, None);
    assert_eq!(world.told().len(), 2);
}

fn a_unix_socket_leads_to_the_server(kind: &Kind) {
    let Some(world) = World::new(kind, kind.from) else { return };
    assert_eq!(world.run_at(&world.server.socket_url("shop")).failure, None);
    world.server.sql("shop", "INSERT INTO orders (country) VALUES ('ES')");
    assert_eq!(world.run("").failure, None);
    assert_eq!(world.told(), [kind.socket, "127.0.0.1"]);
    let nowhere = world.server.socket_url("shop").replace("?host=", "?host=/nowhere");
    let told = world.problems(&nowhere);
    assert!(told.contains("No such file"), "{told}");
}

fn a_server_that_says_nothing_is_given_up(kind: &Kind) {
    let Some(mut world) = World::new(kind, "'nothing'") else { return };
    let url = format!("{}?connect_timeout=1", world.server.url("shop"));
    world.server.pause();
    let told = world.problems(&url);
    assert!(told.contains("the server does not answer in the time of `connect_timeout`"), "{told}");
    world.server.resume();
    assert_eq!(world.problems(&url), "");
}

/// The kernel's list of connections says of each which timer it has, and when that ends: `02` is that of keep-alive.
fn a_silent_connection_is_kept_alive(kind: &Kind) {
    let Some(mut world) = World::new(kind, "'nothing'") else { return };
    let url = format!("{}?connect_timeout=60&keepalives_idle=123", world.server.url("shop"));
    let port: u16 = url.rsplit_once(':').unwrap().1.split_once('/').unwrap().0.parse().unwrap();
    // Held, it greets nobody: connections are there and nothing happens on them.
    world.server.pause();
    let control = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let timers = |own: Option<u16>| {
        let connections = fs::read_to_string("/proc/net/tcp").unwrap();
        let to_server = |line: &&str| line.split_whitespace().nth(2) == Some(&format!("0100007F:{port:04X}"));
        let is_own = |line: &&str| own.is_none_or(|own| line.contains(&format!("0100007F:{own:04X} ")));
        let timer = |line: &str| line.split_whitespace().nth(5).unwrap().to_owned();
        connections.lines().filter(to_server).filter(is_own).map(timer).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let pipeline = world.pipeline(&url);
        let check = move || described(&runtime().block_on(pipeline.check()).err().unwrap_or_default());
        let checking = scope.spawn(check);
        let kept = loop {
            let kept = timers(None).into_iter().find_map(|timer| Some(timer.strip_prefix("02:")?.to_owned()));
            if let Some(kept) = kept {
                break u64::from_str_radix(&kept, 16).unwrap();
            }
            assert!(!checking.is_finished());
            std::thread::yield_now();
        };
        assert!((12_000..=12_300).contains(&kept), "hundredths of a second: {kept}");
        let plain = timers(Some(control.local_addr().unwrap().port()));
        assert_eq!(plain, ["00:00000000"], "what nobody asks for is not there");
        world.server.resume();
        assert_eq!(checking.join().unwrap(), [] as [&str; 0]);
    });
}

fn a_password_is_read_from_its_file_for_each_connection(kind: &Kind) {
    let Some(world) = World::new(kind, "'nothing'") else { return };
    let url = world.server.url("shop");
    let (before, after) = url.split_once('@').unwrap();
    let (before, password) = before.rsplit_once(':').unwrap();
    let url = format!("{before}@{after}?password_file=password");
    let pipeline = world.pipeline(&url);
    let problems = || described(&runtime().block_on(pipeline.check()).err().unwrap_or_default()).join("\n");
    assert!(problems().contains("the password file cannot be read"), "{}", problems());
    fs::write(world.path("password"), "wrong").unwrap();
    assert!(problems().contains("cannot be opened"), "{}", problems());
    fs::write(world.path("password"), format!("{password}\n")).unwrap();
    assert_eq!(problems(), "");
}
