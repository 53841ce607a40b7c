//! Throwaway database servers: real ones, each a process of its own with a folder of its own, that can be killed, started
//! again and held.

mod account;
mod engine;
mod folder;
mod mariadb;
mod port;
mod postgres;
mod process;
mod program;
mod session;
mod template;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Seek, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use account::Account;
use engine::Engine;
use folder::Folder;
use mariadb::MariaDb;
use port::Port;
use postgres::Postgres;
use process::{Pause, Process};
pub use session::Session;

/// How long a server may take to start, also on a machine that does a lot else. One that has been killed recovers first.
const START_SECONDS: u64 = 60;
/// How often is looked whether something has come about that nobody tells.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// So much of a server's log is shown where it is of interest.
const LOG_LINES: usize = 40;

/// The user of [`Server::url`].
const USER: &str = "domicile";

/// A database server that runs. Dropping it kills it and removes its data; it also dies with the process that started it,
/// and then what it leaves is removed by the next server that anybody starts.
#[derive(Debug)]
pub struct Server {
    // The order of the fields is the order in which they go.
    paused: Option<Pause>,
    process: Option<Process>,
    engine: Box<dyn Engine>,
    account: Account,
    port: Port,
    password: String,
    /// What the program is told beside what every server for a test is.
    arguments: Vec<String>,
    folder: Folder,
}

impl Server {
    /// Starts a PostgreSQL. `None` means that it is not installed here, which is told on standard error.
    ///
    /// # Panics
    ///
    /// If it is not installed and `CI` is set, and if it does not start.
    #[must_use]
    pub fn postgres() -> Option<Self> {
        Some(Self::start(Box::new(program::or_skip(Postgres::find())?)))
    }

    /// Starts a MariaDB. `None` means that it is not installed here, which is told on standard error.
    ///
    /// # Panics
    ///
    /// If it is not installed and `CI` is set, and if it does not start.
    #[must_use]
    pub fn mariadb() -> Option<Self> {
        Some(Self::start(Box::new(program::or_skip(MariaDb::find())?)))
    }

    /// Where a database of the server is, as programs are told it. The user may do everything.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let (scheme, password, port) = (self.engine.scheme(), &self.password, self.port.number());
        format!("{scheme}://{USER}:{password}@127.0.0.1:{port}/{database}")
    }

    /// The port of 127.0.0.1 at which it is, also after it was killed and started again.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The folder with the server's data. Nobody else has a use for it but to see that it is gone.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The number of the server's process.
    ///
    /// # Panics
    ///
    /// If the server does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server runs").pid()
    }

    /// Makes an empty database.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    pub fn create_database(&self, name: &str) {
        self.sql(self.engine.first_database(), &self.engine.create_database(name));
    }

    /// Runs SQL by the client program of the server itself. The answer has a line for each row, with tabs between the
    /// values and `NULL` for none, and no line break at its end.
    ///
    /// # Panics
    ///
    /// If the SQL fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut input = tempfile::tempfile().expect("a temporary file can be made");
        input.write_all(sql.as_bytes()).and_then(|()| input.rewind()).expect("a temporary file can be written");
        let mut client = self.engine.client(self.port.number(), &self.password, database);
        let ran = client.stdin(input).output().expect("the client program starts");
        let complaint = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{} refuses in {database:?}:\n{sql}\n{complaint}", self.engine.name());
        let mut answer = String::from_utf8(ran.stdout).expect("the client program writes UTF-8");
        answer.truncate(answer.strip_suffix('\n').map_or(answer.len(), str::len));
        answer
    }

    /// A connection that stays, for statements one after the other.
    ///
    /// # Panics
    ///
    /// If the client program cannot be started.
    #[must_use]
    pub fn session(&self, database: &str) -> Session {
        Session::start(self.engine.client(self.port.number(), &self.password, database))
    }

    /// How many connections of clients there are to a database now, without those of [`Server::sql`] and the like.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    #[must_use]
    pub fn connections(&self, database: &str) -> usize {
        let count = self.sql(self.engine.first_database(), &self.engine.count_connections(database));
        count.parse().expect("a count is a number")
    }

    /// Ends the server by SIGKILL, with all its processes at once.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn kill(&mut self) {
        let gone = self.process.take().expect("the server runs").kill();
        assert!(gone, "the processes of the server cannot be killed");
        self.paused = None;
    }

    /// Starts a server that was killed, with its data and its port.
    ///
    /// # Panics
    ///
    /// If it runs, or does not start.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        self.launch();
    }

    /// Ends the server and starts it anew, with further arguments of its program.
    ///
    /// # Panics
    ///
    /// If it does not run, or does not start.
    pub fn restart_with(&mut self, arguments: impl IntoIterator<Item = String>) {
        self.kill();
        self.arguments = arguments.into_iter().collect();
        self.launch();
    }

    /// Writes a file for the server beside its data, which its own user alone may read, and returns its path.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    #[must_use]
    pub fn write_file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir().join(name);
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("the server's folder can be written");
        self.account.give(&path);
        path
    }

    /// Where a database of the server is by its Unix socket, as programs are told it.
    #[must_use]
    pub fn socket_url(&self, database: &str) -> String {
        let (scheme, password, port) = (self.engine.scheme(), &self.password, self.port.number());
        let socket = self.engine.socket(self.dir());
        format!("{scheme}://{USER}:{password}@localhost:{port}/{database}?host={}", socket.display())
    }

    /// Holds the server by SIGSTOP, with all its processes: connections are taken by the kernel, and nothing answers.
    ///
    /// # Panics
    ///
    /// If it does not run, or is held already.
    pub fn pause(&mut self) {
        assert!(self.paused.is_none(), "the server is held already");
        self.paused = Some(self.process.as_mut().expect("the server runs").pause());
    }

    /// Lets a server go on that was held.
    ///
    /// # Panics
    ///
    /// If it is not held.
    pub fn resume(&mut self) {
        self.paused.take().expect("the server is held").resume();
    }

    fn start(engine: Box<dyn Engine>) -> Self {
        let account = Account::to_run(engine.usual_account());
        let folder = Folder::new(&account);
        let password = template::unpack(&*engine, &account, &folder);
        let (port, arguments) = (Port::free(), Vec::new());
        let mut server = Self { paused: None, process: None, engine, account, port, password, arguments, folder };
        server.launch();
        server
    }

    fn launch(&mut self) {
        let log =
            File::options().create(true).append(true).open(self.log_path()).expect("the server's log can be opened");
        let copy = log.try_clone().expect("the server's log can be opened twice");
        let mut command = self.engine.server(&self.account, self.dir(), self.port.number());
        command.args(&self.arguments).stdout(copy).stderr(log);
        self.process = Some(Process::spawn(command));
        self.await_ready();
    }

    fn await_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS);
        let pid = self.pid();
        while !self.engine.is_ready(self.folder.path(), pid) {
            let process = self.process.as_mut().expect("the server was just started");
            if let Some(status) = process.ended() {
                panic!("{} ended with {status} instead of starting:{}", self.engine.name(), self.log());
            }
            let name = self.engine.name();
            assert!(Instant::now() < deadline, "{name} did not start in {START_SECONDS} seconds:{}", self.log());
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn log_path(&self) -> PathBuf {
        self.dir().join("log")
    }

    /// The end of the log, each line on a line of its own.
    fn log(&self) -> String {
        let log = fs::read(self.log_path()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].iter().fold(String::new(), |mut text, line| {
            let _ = write!(text, "\n    {line}");
            text
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of {} ends with:{}", self.engine.name(), self.log());
        }
        if let Some(process) = self.process.take() {
            process.kill();
        }
        postgres::forget_memory(self.folder.path());
    }
}

/// Runs a program that must succeed, and returns what it wrote.
fn run(mut command: Command) -> String {
    let ran = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let output = String::from_utf8_lossy(&ran.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?} ended with {}:\n{output}{complaint}", ran.status);
    output
}

/// Waits until something is the case, and tells whether it came about in time.
fn comes_about(within: Duration, condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + within;
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    true
}
