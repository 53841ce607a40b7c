//! Throwaway servers: what they answer, what they survive, and that nothing is left of them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use domicile_testkit::Server;

/// One server of each kind that is installed, one after the other.
fn servers() -> impl Iterator<Item = Server> {
    let starts: [fn() -> Option<Server>; 2] = [Server::postgres, Server::mariadb];
    starts.into_iter().filter_map(|start| start())
}

#[test]
fn a_server_answers_in_the_database_that_was_made() {
    for server in servers() {
        server.create_database("shop");
        server.sql("shop", "CREATE TABLE orders (id INT, label VARCHAR(20))");
        server.sql("shop", "INSERT INTO orders VALUES (1, 'Düsseldorf'), (2, NULL)");
        assert_eq!("1\tDüsseldorf\n2\tNULL", server.sql("shop", "SELECT * FROM orders ORDER BY id"));
        assert_eq!("", server.sql("shop", "SELECT * FROM orders WHERE id = 3"));
    }
}

#[test]
fn sql_that_fails_fails_the_test() {
    for server in servers() {
        server.create_database("shop");
        let ran =
            std::thread::scope(|scope| scope.spawn(|| server.sql("shop", "SELECT 1; SELECT * FROM nowhere")).join());
        let told = ran.unwrap_err().downcast::<String>().unwrap();
        assert!(told.contains("SELECT 1") && told.to_lowercase().contains("exist"), "{told}");
    }
}

#[test]
fn a_session_holds_its_transaction_until_it_ends() {
    for server in servers() {
        server.create_database("shop");
        server.sql("shop", "CREATE TABLE orders (id INT)");
        let seen = || server.sql("shop", "SELECT count(*) FROM orders");
        let [mut committed, mut dropped] = [server.session("shop"), server.session("shop")];
        for (session, id) in [(&mut committed, 1), (&mut dropped, 2)] {
            assert!(session.execute(&format!("BEGIN; INSERT INTO orders VALUES ({id}); SELECT * FROM orders")));
        }
        assert_eq!("0", seen());
        assert!(committed.execute("COMMIT"));
        drop(dropped);
        assert_eq!("1", seen());
        assert!(!committed.execute("SELECT * FROM nowhere"), "it is told what the server refuses");
    }
}

#[test]
fn its_url_is_one_that_programs_understand() {
    let Some(server) = Server::postgres() else { return };
    server.create_database("shop");
    let url = server.url("shop");
    let asked = Command::new("psql").args(["-XAtc", "SELECT current_database()", &url]).output().unwrap();
    assert_eq!("shop\n", String::from_utf8_lossy(&asked.stdout));
    let (user, host) = url.split_once('@').unwrap();
    let stranger = format!("{}:guessed@{host}", user.rsplit_once(':').unwrap().0);
    let refused = Command::new("psql").args(["-XAtc", "SELECT 1", &stranger]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("password authentication failed"), "{refused:?}");
}

#[test]
fn its_data_is_for_its_user_only() {
    for server in servers() {
        let mode = fs::metadata(server.dir()).unwrap().permissions().mode();
        assert_eq!(0o700, mode & 0o777);
    }
}

#[test]
fn a_server_is_gone_when_it_is_dropped() {
    for server in servers() {
        let (folder, port, processes) = (server.dir().to_owned(), port(&server), processes(&server));
        assert!(folder.exists() && processes.iter().all(lives));
        drop(server);
        assert!(!folder.exists());
        assert!(!processes.iter().any(lives));
        TcpStream::connect(("127.0.0.1", port)).unwrap_err();
        for process in processes {
            assert_eq!(Vec::<String>::new(), memory_made_by(process));
        }
    }
}

#[test]
fn what_was_committed_survives_that_the_server_is_killed() {
    for mut server in servers() {
        server.create_database("shop");
        server.sql("shop", "CREATE TABLE orders (id INT PRIMARY KEY)");
        for id in 0..5 {
            let (url, processes) = (server.url("shop"), processes(&server));
            // The answer comes after the commit, and the server dies after the answer.
            server.sql("shop", &format!("INSERT INTO orders VALUES ({id})"));
            server.kill();
            assert!(!processes.iter().any(lives));
            TcpStream::connect(("127.0.0.1", port(&server))).unwrap_err();
            server.start_again();
            assert_eq!(url, server.url("shop"));
            assert_eq!((id + 1).to_string(), server.sql("shop", "SELECT count(*) FROM orders"));
        }
    }
}

#[test]
fn a_held_server_takes_connections_and_says_nothing_until_it_goes_on() {
    for mut server in servers() {
        let mut client = client(&server);
        wait_for("the client is connected", || server.connections("shop") == 1);
        server.pause();
        assert!(processes(&server).iter().all(|pid| state(*pid).is_none_or(|state| "TZ".contains(state))));
        TcpStream::connect(("127.0.0.1", port(&server))).unwrap();
        assert_eq!(None, client.try_wait().unwrap());
        server.resume();
        assert_eq!(1, server.connections("shop"));
        // One that is held can be killed, too.
        server.pause();
        server.kill();
        server.start_again();
        assert_eq!(0, server.connections("shop"));
        client.kill().unwrap();
        client.wait().unwrap();
    }
}

#[test]
fn connections_are_counted_by_database() {
    for server in servers() {
        let mut client = client(&server);
        wait_for("the client is connected", || server.connections("shop") == 1);
        assert_eq!(1, server.connections("shop"));
        server.create_database("other");
        assert_eq!(0, server.connections("other"));
        client.kill().unwrap();
        client.wait().unwrap();
        wait_for("the client is gone", || server.connections("shop") == 0);
    }
}

#[test]
fn our_own_connections_are_not_counted() {
    for server in servers() {
        server.create_database("shop");
        let (first, sleep, connected, end) = if server.url("").starts_with("postgres") {
            let connected = "SELECT pid FROM pg_stat_activity WHERE datname = 'shop'";
            ("postgres", "SELECT pg_sleep(30)", connected, "SELECT pg_terminate_backend")
        } else {
            let connected = "SELECT id FROM information_schema.processlist WHERE db = 'shop'";
            ("mysql", "SELECT sleep(30)", connected, "KILL")
        };
        std::thread::scope(|scope| {
            let own = scope.spawn(|| server.sql("shop", sleep));
            wait_for("our own client is connected", || !server.sql(first, connected).is_empty());
            assert_eq!(0, server.connections("shop"));
            server.sql(first, &format!("{end}({})", server.sql(first, connected)));
            own.join().unwrap_err();
        });
    }
}

#[test]
fn a_server_outlives_the_thread_that_started_it() {
    let started = std::thread::spawn(|| servers().collect::<Vec<_>>()).join().unwrap();
    for server in started {
        server.create_database("shop");
        assert_eq!("1", server.sql("shop", "SELECT 1"));
    }
}

#[test]
fn a_server_dies_with_the_process_that_started_it_and_the_next_one_tidies_up() {
    const HOLD: &str = "DOMICILE_TEST_HOLDS_SERVERS";
    if std::env::var_os(HOLD).is_some() {
        hold_servers();
    }
    if servers().count() == 0 {
        return;
    }
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args(["--exact", "--nocapture"]).arg(std::thread::current().name().unwrap());
    let mut test = test.env(HOLD, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let told = BufReader::new(test.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<String> = told.take_while(|line| line != "all").filter(|line| line.starts_with("server ")).collect();
    let field = |line: &String, number: usize| line.split(' ').nth(number).unwrap().to_owned();
    let processes: Vec<u32> = told
        .iter()
        .flat_map(|line| field(line, 2).split(',').map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect();
    let folders: Vec<PathBuf> = told.iter().map(|line| field(line, 1).into()).collect();
    assert!(!folders.is_empty() && processes.iter().all(lives) && folders.iter().all(|folder| folder.exists()));

    test.kill().unwrap();
    test.wait().unwrap();
    wait_for("all processes are gone", || !processes.iter().any(lives));
    drop(servers().next());
    assert!(!folders.iter().any(|folder| folder.exists()));
    for process in processes {
        assert_eq!(Vec::<String>::new(), memory_made_by(process));
    }
}

/// Starts servers, holds half of them by SIGSTOP, tells of them, and waits to be killed.
fn hold_servers() -> ! {
    let mut started: Vec<Server> = servers().chain(servers()).collect();
    let half = started.len() / 2;
    started[..half].iter_mut().for_each(Server::pause);
    for server in &started {
        let processes: Vec<String> = processes(server).iter().map(u32::to_string).collect();
        println!("\nserver {} {}", server.dir().display(), processes.join(","));
    }
    println!("all");
    std::io::stdin().lines().for_each(drop);
    unreachable!("whoever holds the other end kills this process");
}

/// A client that is connected and asks nothing until it is killed.
fn client(server: &Server) -> std::process::Child {
    server.create_database("shop");
    let url = server.url("shop");
    let mut client = if url.starts_with("postgres") {
        let mut client = Command::new("psql");
        client.arg(url).arg("-X");
        client
    } else {
        let (user, host) = url.strip_prefix("mysql://").unwrap().split_once('@').unwrap();
        let (user, password) = user.split_once(':').unwrap();
        let port = host.split([':', '/']).nth(1).unwrap();
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--host=127.0.0.1", "--skip-ssl", "--port", port, "--user", user, "shop"]);
        client.env("MYSQL_PWD", password);
        client
    };
    client.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn port(server: &Server) -> u16 {
    server.url("").split([':', '/']).nth_back(1).unwrap().parse().unwrap()
}

/// The processes of the server: its first one and those that have it as their parent.
fn processes(server: &Server) -> Vec<u32> {
    let first = server.pid();
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_child = |pid: &u32| told(*pid, "PPid:") == Some(first.to_string());
    std::iter::once(first).chain(pids.filter(is_child)).collect()
}

/// Whether a process is there and has not ended.
fn lives(pid: &u32) -> bool {
    state(*pid).is_some_and(|state| state != 'Z')
}

fn state(pid: u32) -> Option<char> {
    told(pid, "State:")?.chars().next()
}

/// What the system tells of a process.
fn told(pid: u32, what: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(status.lines().find_map(|line| line.strip_prefix(what))?.trim().to_owned())
}

/// Shared memory that the system keeps for nobody.
fn memory_made_by(pid: u32) -> Vec<String> {
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    segments.lines().filter(|line| line.split_whitespace().nth(4) == Some(&pid.to_string())).map(String::from).collect()
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
