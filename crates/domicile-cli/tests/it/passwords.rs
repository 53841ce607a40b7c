//! Passwords of servers appear nowhere: not in what any command prints, on a terminal or off it, not in the files and tables
//! that it writes, and not in the servers' logs.

use std::fs;

use domicile_testkit::{Sandbox, Server, on_a_terminal};

use crate::command::{Ran, domicile_with, wrapped};

/// A part of each password that is planted, as it is and as a URL writes it.
const PLANTED: &str = "hunter2";
const PASSWORD: &str = "hunter2-p@ss:w/rd%";
const ENCODED: &str = "hunter2-p%40ss%3Aw%2Frd%25";

/// The password stands in the source's URL, comes from the environment for the homes, and is in a file for the control
/// database.
const CONFIG: &str = r#"control = "SCHEME://jan@HOST/control?password_file=credentials"
home_url = "SCHEME://jan:${PASSWORD}@HOST/{home}"
homes = ["ES", "FR"]
[[source]]
url = "SCHEME://jan:ENCODED@HOST/source"
table = "orders"
cursor = "id"
key = "country"
[[source.analyser]]
into = "orders"
key = "id"
sql = "SELECT id, country FROM record"
"#;

struct World {
    sandbox: Sandbox,
    server: Server,
}

impl World {
    fn new(server: Option<Server>) -> Option<Self> {
        let (sandbox, server) = (Sandbox::new(), server?);
        for database in ["source", "control", "es", "fr"] {
            server.create_database(database);
        }
        let (id, user) = if server.url("").starts_with("postgres") {
            ("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "CREATE ROLE jan SUPERUSER LOGIN PASSWORD")
        } else {
            ("bigint AUTO_INCREMENT PRIMARY KEY", "GRANT ALL ON *.* TO jan IDENTIFIED BY")
        };
        server.sql("source", &format!("{user} '{PASSWORD}'; CREATE TABLE orders (id {id}, country varchar(9))"));
        server.sql("source", "INSERT INTO orders (country) VALUES ('ES'), ('FR'), ('XX'), (NULL)");
        fs::write(sandbox.path("credentials"), PASSWORD).unwrap();
        Some(Self { sandbox, server })
    }

    fn config(&self) -> String {
        let url = self.server.url("");
        let (scheme, rest) = url.split_once("://").unwrap();
        let (_, host) = rest.trim_end_matches('/').split_once('@').unwrap();
        CONFIG.replace("SCHEME", scheme).replace("HOST", host).replace("ENCODED", ENCODED)
    }

    /// Every command, in each of its forms.
    fn all(&self) -> Vec<Ran> {
        let mut all = Vec::new();
        let environment = [("PASSWORD", ENCODED), ("RUST_BACKTRACE", "full"), ("RUST_LOG", "trace")];
        for command in ["check", "explain", "run"] {
            for form in [vec![command], vec![command, "--json"]] {
                all.push(domicile_with(self.sandbox.dir(), form, &environment));
            }
            let mut terminal = vec![String::from("env"), format!("PASSWORD={ENCODED}")];
            terminal.extend(on_a_terminal("xterm"));
            all.push(wrapped(&terminal, self.sandbox.dir(), &[command]));
        }
        let loud = [("PASSWORD", ENCODED), ("RUST_LOG", "trace"), ("DOMICILE_LOG", "trace")];
        for format in ["text", "json"] {
            all.push(domicile_with(self.sandbox.dir(), ["run", "--log", format], &loud));
        }
        all
    }

    /// All that anybody can read afterwards, but for where the password was put.
    fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for (path, contents) in self.sandbox.files() {
            if !path.ends_with("credentials") && !path.ends_with("domicile.toml") {
                left.push(String::from_utf8_lossy(&contents).into_owned());
            }
        }
        left.push(fs::read_to_string(self.server.dir().join("log")).unwrap());
        left
    }

    fn kept(&self) -> String {
        let all = "SELECT reason, record FROM domicile_quarantine";
        self.server.sql("control", all)
    }
}

/// Where the password is found.
fn found(ran: &[Ran], left: &[String]) -> Vec<String> {
    let printed = ran.iter().flat_map(|ran| [&ran.stdout, &ran.stderr]);
    let lines = printed.chain(left).flat_map(|text| text.lines());
    lines.filter(|line| line.contains(PLANTED)).map(str::to_owned).collect()
}

fn nobody_tells_a_password(server: Option<Server>) {
    let Some(world) = World::new(server) else { return };
    let good = world.config();
    let (scheme, _) = good[good.find('"').unwrap() + 1..].split_once("://").unwrap();
    let port = good.split_once(":${PASSWORD}@127.0.0.1:").unwrap().1.split_once('/').unwrap().0;
    let secret = format!("jan:{ENCODED}@127.0.0.1:{port}");
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    for (config, told) in [
        (good.clone(), "can be used"),
        (replaced(&secret, &secret.replace("hunter2", "hunter2-wrong")), "cannot be opened"),
        (replaced(&secret, &secret.replace(port, "1")), "cannot be opened"),
        (replaced(&secret, &secret.replace("127.0.0.1", "nowhere.invalid")), "cannot be opened"),
        (replaced("/source\"", "/nothing\""), "cannot be opened"),
        (replaced("/source\"", "/source?password=hunter2\""), "it has no option `password`"),
        (replaced("/source\"", "/source?sslmode=strange\""), "an `sslmode` that there is none of"),
        (replaced("/source\"", "/source?sslmode=verify-full&sslrootcert=nothing.pem\""), "cannot be opened"),
        (replaced(port, "x"), "it is not a URL"),
        (replaced(&secret, "jan:hunter2/p@ss@host"), "refused"),
        (replaced(&format!("{scheme}://{secret}"), &format!("oracle://{secret}")), "not supported"),
        (
            replaced(&format!("{scheme}://{secret}"), &format!("{scheme}+tls://{secret}")),
            "is not the URL of a database",
        ),
        (replaced(&format!("{scheme}://{secret}"), &format!("j@n:{secret}")), "is not the URL of a database"),
        (replaced("/source\"", "/source"), "domicile.toml:5"),
        (replaced("table = \"orders\"", "tabel = \"orders\""), "did you mean `table`?"),
        (replaced("cursor = \"id\"", "cursor = \"country\""), "domicile.toml:7"),
        (replaced("${PASSWORD}", "${PASSWORD}hunter2"), "cannot be used"),
        (replaced("${PASSWORD}", "${NOTHING:-hunter2}"), "cannot be used"),
        (replaced("${PASSWORD}", "${NOTHING}"), "the environment variable `NOTHING` is not set"),
        (replaced("=credentials", "=nothing"), "the password file cannot be read"),
        (replaced("/control?", "/nothing?"), "the control database"),
    ] {
        world.sandbox.write_config(&config);
        let ran = world.all();
        assert!(found(&ran, &world.left()).is_empty(), "{config}\n{:#?}", found(&ran, &world.left()));
        let printed: String = ran[..3].iter().flat_map(|ran| [&*ran.stdout, &*ran.stderr]).collect();
        assert!(printed.contains(told), "{told}: {printed}");
    }
    let kept = world.kept();
    assert!(kept.contains("XX") && !kept.contains(PLANTED), "{kept}");

    // It is looked for where it would be found: what is explained are the objects, with what the query puts in.
    world.sandbox.write_config(&replaced("id, country FROM", "id, 'hunter2' AS country FROM"));
    assert!(!found(&world.all(), &[]).is_empty());
    // And a terminal does get the line that the password stands in.
    world.sandbox.write_config(&replaced("table = \"orders\"", "tabel = \"orders\""));
    let drawn = &world.all()[2].stdout;
    assert!(drawn.contains("://jan:***") && drawn.contains(&format!("@127.0.0.1:{port}/source")), "{drawn}");
}

#[test]
fn nobody_tells_a_password_of_postgres() {
    nobody_tells_a_password(Server::postgres());
}

#[test]
fn nobody_tells_a_password_of_mariadb() {
    nobody_tells_a_password(Server::mariadb());
}

#[test]
fn a_server_that_dies_while_a_run_is_on_takes_no_password_with_it() {
    for server in [Server::postgres(), Server::mariadb()] {
        let Some(mut world) = World::new(server) else { continue };
        world.sandbox.write_config(&world.config());
        let all = vec!["('ES'), ('FR')"; 20_000].join(", ");
        world.server.sql("source", &format!("INSERT INTO orders (country) VALUES {all}"));
        let folder = world.sandbox.dir().to_owned();
        let run = std::thread::spawn(move || domicile_with(&folder, ["run"], &[("PASSWORD", ENCODED)]));
        while world.server.connections("es") == 0 && !run.is_finished() {
            std::thread::yield_now();
        }
        world.server.kill();
        let ran = run.join().unwrap();
        // Whether the source or a home is lost first, and whether that is told at its end, is a matter of the moment.
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains("FAILED") || told.contains("error"), "{ran:?}");
        assert!(found(&[ran], &world.left()).is_empty());
    }
}
