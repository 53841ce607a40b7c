//! PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::{Account, clean};
use super::engine::{DATA, Engine};
use super::program::{Missing, find, find_together, folders};
use super::{USER, run};

/// What a server for a test needs. A source is exact only where a commit that is told has been kept, and in memory, where
/// most servers of tests are, keeping it costs nothing.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "fsync=on",
    "full_page_writes=off",
    "synchronous_commit=on",
    "max_connections=200",
    "max_prepared_transactions=10",
    "max_wal_size=1GB",
    "shared_buffers=32MB",
    // Files in the data's folder, where the usual ones would be left in /dev/shm by a server that is killed.
    "dynamic_shared_memory_type=mmap",
    "jit=off",
];

/// How connections of our own client are told from others.
const CLIENT: &str = "domicile-testkit";

/// An installed PostgreSQL.
#[derive(Debug)]
pub(super) struct Postgres {
    /// The folder of its programs.
    programs: PathBuf,
}

impl Postgres {
    pub(super) fn find() -> Result<Self, Missing> {
        const PROGRAMS: &[&str] = &["postgres", "initdb", "psql"];
        let folders = folders();
        let programs = find_together(PROGRAMS, &folders).filter(|_| find("setpriv", &folders).is_some());
        programs.map(|programs| Self { programs }).ok_or(Missing {
            server: "PostgreSQL",
            programs: PROGRAMS,
            packages: "postgresql",
        })
    }
}

impl Engine for Postgres {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn scheme(&self) -> &'static str {
        "postgres"
    }

    fn usual_account(&self) -> &'static str {
        "postgres"
    }

    fn version(&self) -> String {
        let mut command = Command::new(self.programs.join("postgres"));
        command.arg("--version");
        run(command)
    }

    fn recipe(&self) -> &'static str {
        include_str!("postgres.rs")
    }

    fn prepare(&self, account: &Account, folder: &Path, _: &str) {
        let mut command = account.command(&self.programs.join("initdb"), folder);
        // A password that is sent as it is stays on this machine, and is checked without the work that a client would
        // do for each connection: in a program that is not optimised, tens of milliseconds.
        command
            .arg("--pgdata")
            .arg(DATA)
            .arg(format!("--username={USER}"))
            .args(["--pwfile=password", "--auth=password"]);
        command.args(["--encoding=UTF8", "--locale=C", "--wal-segsize=1", "--no-sync"]);
        run(command);
    }

    fn server(&self, account: &Account, folder: &Path, port: u16) -> Command {
        let mut command = account.command(&self.programs.join("postgres"), folder);
        command.arg("-D").arg(folder.join(DATA));
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        command.arg("-c").arg(format!("port={port}"));
        command.arg("-c").arg(format!("unix_socket_directories={}", folder.display()));
        command
    }

    fn socket(&self, folder: &Path) -> PathBuf {
        folder.to_owned()
    }

    fn is_ready(&self, folder: &Path, pid: u32) -> bool {
        let told = fs::read_to_string(folder.join(DATA).join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = told.lines().map(str::trim).collect();
        // A killed server's file stays, and says that it is ready.
        lines.len() > 7 && lines[0] == pid.to_string() && lines[7] == "ready"
    }

    fn client(&self, port: u16, password: &str, database: &str) -> Command {
        let mut command = Command::new(self.programs.join("psql"));
        clean(&mut command);
        command.env("PGPASSWORD", password).env("PGDATABASE", database).env("PGAPPNAME", CLIENT);
        command.env("PGCLIENTENCODING", "UTF8").env("PGSSLMODE", "disable");
        command.arg("--host=127.0.0.1").arg(format!("--port={port}")).arg(format!("--username={USER}"));
        command.args(["--no-psqlrc", "--no-password", "--quiet", "--set=ON_ERROR_STOP=1"]);
        command.args(["--no-align", "--tuples-only", "--field-separator=\t", "--pset=null=NULL"]);
        command
    }

    fn first_database(&self) -> &'static str {
        "postgres"
    }

    fn create_database(&self, name: &str) -> String {
        format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\""))
    }

    fn count_connections(&self, database: &str) -> String {
        let database = database.replace('\'', "''");
        format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = '{database}' AND backend_type = 'client backend' AND application_name <> '{CLIENT}'"
        )
    }
}

/// Gives the memory back that a PostgreSQL with this folder has left when it was killed: a few bytes, of which the system
/// has some thousand times as many, and a server does not start without. `false` means that somebody still uses it.
pub(super) fn forget_memory(folder: &Path) -> bool {
    let told = fs::read_to_string(folder.join(DATA).join("postmaster.pid")).unwrap_or_default();
    let lines: Vec<&str> = told.lines().collect();
    let Some((key, id)) = lines.get(6).and_then(|line| line.trim().split_once(char::is_whitespace)) else {
        return true;
    };
    let (creator, key, id) = (lines[0].trim(), key.trim(), id.trim());
    // The number alone may be somebody else's since the machine was started anew.
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let segments = segments.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut own = segments.filter(|fields| fields.len() > 6 && fields[..2] == [key, id] && fields[4] == creator);
    match own.next().map(|fields| fields[6] == "0") {
        None => true,
        Some(false) => false,
        Some(true) => Command::new("ipcrm").args(["-m", id]).status().is_ok_and(|status| status.success()),
    }
}
