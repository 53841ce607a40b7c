//! MariaDB.

use std::io::{Read, Seek, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::account::{Account, clean};
use super::engine::{DATA, Engine};
use super::program::{Missing, find, folders};
use super::{USER, run};

/// How the data is laid out: small, and growing in small steps.
const LAYOUT: &[&str] = &[
    "--innodb-data-file-path=ibdata1:5M:autoextend",
    "--innodb-autoextend-increment=1",
    "--innodb-temp-data-file-path=ibtmp1:1M:autoextend",
    "--innodb-log-file-size=16M",
    "--aria-log-file-size=8M",
    "--innodb-buffer-pool-size=64M",
    "--innodb-buffer-pool-dump-at-shutdown=OFF",
    "--innodb-buffer-pool-load-at-startup=OFF",
    // Nothing waits for a disk, which only matters when the machine dies. Newer versions may do without the setting.
    "--loose-innodb-flush-method=nosync",
    // What is faster is forbidden in many containers.
    "--innodb-use-native-aio=OFF",
    "--character-set-server=utf8mb4",
    "--skip-name-resolve",
];

/// What a server for a test needs. A commit has been kept when it is told, without which no source is exact, and what that
/// waits for is not the disk.
const SETTINGS: &[&str] = &[
    "--bind-address=127.0.0.1",
    "--max-connections=300",
    "--innodb-flush-log-at-trx-commit=1",
    "--performance-schema=ON",
    "--performance-schema-instrument=wait/lock/metadata/sql/mdl=ON",
];

/// The user of our own client, whose connections are told from others by it.
const CLIENT: &str = "domicile-testkit";

/// An installed MariaDB.
#[derive(Debug)]
pub(super) struct MariaDb {
    server: PathBuf,
    install: PathBuf,
    client: PathBuf,
}

impl MariaDb {
    pub(super) fn find() -> Result<Self, Missing> {
        const PROGRAMS: &[&str] = &["mariadbd", "mariadb-install-db", "mariadb"];
        let folders = folders();
        let mut found = PROGRAMS.iter().filter_map(|program| find(program, &folders));
        match (found.next(), found.next(), found.next(), find("setpriv", &folders)) {
            (Some(server), Some(install), Some(client), Some(_)) => Ok(Self { server, install, client }),
            _ => {
                let packages = "mariadb-server-core, mariadb-client-core";
                Err(Missing { server: "MariaDB", programs: PROGRAMS, packages })
            }
        }
    }
}

impl Engine for MariaDb {
    fn name(&self) -> &'static str {
        "MariaDB"
    }

    fn scheme(&self) -> &'static str {
        "mysql"
    }

    fn usual_account(&self) -> &'static str {
        "mysql"
    }

    fn version(&self) -> String {
        let mut command = Command::new(&self.server);
        command.args(["--no-defaults", "--version"]);
        run(command)
    }

    fn recipe(&self) -> &'static str {
        include_str!("mariadb.rs")
    }

    fn prepare(&self, account: &Account, folder: &Path, password: &str) {
        let mut install = account.command(&self.install, folder);
        install.arg("--no-defaults").arg(datadir(folder)).args(["--skip-test-db"]).args(LAYOUT);
        run(install);

        // The users that come with the installation need no password.
        let users = format!(
            "FLUSH PRIVILEGES;
             CREATE USER '{USER}'@'%' IDENTIFIED BY '{password}', '{CLIENT}'@'%' IDENTIFIED BY '{password}';
             GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;
             GRANT ALL ON *.* TO '{CLIENT}'@'%' WITH GRANT OPTION;
             DELETE FROM mysql.global_priv WHERE User NOT IN ('{USER}', '{CLIENT}', 'mariadb.sys');
             DELETE FROM mysql.proxies_priv;\n"
        );
        let mut input = tempfile::tempfile().expect("a temporary file can be made");
        input.write_all(users.as_bytes()).and_then(|()| input.rewind()).expect("a temporary file can be written");
        let mut bootstrap = account.command(&self.server, folder);
        bootstrap.arg("--no-defaults").arg("--bootstrap").arg(datadir(folder)).args(LAYOUT).stdin(input);
        run(bootstrap);
    }

    fn server(&self, account: &Account, folder: &Path, port: u16) -> Command {
        let mut command = account.command(&self.server, folder);
        command.arg("--no-defaults").arg(datadir(folder)).args(LAYOUT).args(SETTINGS);
        command.arg(format!("--port={port}"));
        command.arg(format!("--socket={}", socket(folder).display()));
        command.arg(format!("--tmpdir={}", folder.display()));
        command
    }

    fn socket(&self, folder: &Path) -> PathBuf {
        socket(folder)
    }

    /// The server greets whoever connects. Behind the socket in its folder there is no other server; that of one that was
    /// killed stays, and refuses.
    fn is_ready(&self, folder: &Path, _: u32) -> bool {
        let greeted = UnixStream::connect(socket(folder)).and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.read_exact(&mut [0])
        });
        greeted.is_ok()
    }

    fn client(&self, port: u16, password: &str, database: &str) -> Command {
        let mut command = Command::new(&self.client);
        clean(&mut command);
        command.env("MYSQL_PWD", password);
        command.args(["--no-defaults", "--host=127.0.0.1", "--protocol=tcp", "--skip-ssl"]);
        command.arg(format!("--port={port}")).arg(format!("--user={CLIENT}")).arg(format!("--database={database}"));
        command.args(["--batch", "--raw", "--unbuffered", "--skip-column-names", "--default-character-set=utf8mb4"]);
        command
    }

    fn first_database(&self) -> &'static str {
        "mysql"
    }

    fn create_database(&self, name: &str) -> String {
        format!("CREATE DATABASE `{}`", name.replace('`', "``"))
    }

    fn count_connections(&self, database: &str) -> String {
        let database = database.replace('\\', "\\\\").replace('\'', "''");
        format!("SELECT count(*) FROM information_schema.processlist WHERE db = '{database}' AND user <> '{CLIENT}'")
    }
}

fn datadir(folder: &Path) -> String {
    format!("--datadir={}", folder.join(DATA).display())
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("socket")
}
