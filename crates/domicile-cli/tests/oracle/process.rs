//! The command as a process of its own, that can be stopped and killed.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// No state takes longer to come, and no command to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until something is the case.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "{what} does not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A command that is under way. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    output: [PathBuf; 2],
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    /// Starts the command in a folder, where it meets these faults. What it says is kept in files of that number.
    pub(crate) fn start(folder: &Path, number: usize, arguments: &[&str], faults: &str) -> Self {
        let output = ["out", "err"].map(|name| folder.join(format!("{name}.{number}")));
        let [stdout, stderr] = output.each_ref().map(|path| File::create(path).expect("the folder can be written"));
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("domicile"));
        command.args(arguments).current_dir(folder).env("FAILPOINTS", faults).env("USER", "ana");
        command.env_remove("RUST_BACKTRACE").stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        Self { child: command.spawn().expect("the command starts"), output }
    }

    /// Sends it a signal, such as `STOP`. One that has ended by itself hears nothing.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args([&format!("-{name}"), &pid]).stderr(Stdio::null()).status();
    }

    /// Whether it stands still by SIGSTOP, with all its threads.
    pub(crate) fn is_stopped(&self) -> bool {
        let is_stopped = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        };
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        tasks.is_ok_and(|tasks| tasks.map_while(Result::ok).all(is_stopped))
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("one's own child can be waited for").is_some()
    }

    /// Waits until it stands still.
    #[track_caller]
    pub(crate) fn await_stop(&mut self) {
        let begin = Instant::now();
        while !self.is_stopped() {
            assert!(!self.has_ended(), "it ended in place of standing still:\n{}", self.said());
            assert!(begin.elapsed() < PATIENCE, "it does not stand still:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it says something, or has ended.
    pub(crate) fn await_word(&mut self) {
        let begin = Instant::now();
        while self.said().is_empty() && !self.has_ended() && begin.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn said(&self) -> String {
        self.output.each_ref().map(|path| fs::read_to_string(path).unwrap_or_default()).concat()
    }

    /// Waits until it ends.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let begin = Instant::now();
        while !self.has_ended() {
            assert!(begin.elapsed() < PATIENCE, "it does not end:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
        let status = self.child.wait().expect("one's own child can be waited for");
        let [stdout, stderr] = self.output.each_ref().map(|path| fs::read_to_string(path).unwrap_or_default());
        Ended { status, stdout, stderr }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Asserts that it ended with one of these exit codes.
    #[track_caller]
    pub(crate) fn exits_with(self, codes: &[i32]) -> Self {
        let Self { status, stdout, stderr } = &self;
        assert!(status.code().is_some_and(|code| codes.contains(&code)), "{status}\n{stdout}{stderr}");
        self
    }

    /// Asserts that it died of its fault, and not otherwise.
    #[track_caller]
    pub(crate) fn died_at(self, point: &str) -> Self {
        let Self { status, stdout, stderr } = &self;
        assert_eq!(status.signal(), Some(9), "it did not die at {point}: {status}\n{stdout}{stderr}");
        assert!(stderr.contains(&format!("at the point {point}: kill")), "it did not die at {point}:\n{stderr}");
        self
    }

    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is not in\n{}{}", self.stdout, self.stderr);
        self
    }

    /// Whether a run that was done has found nothing new in any source, and all homes at the end.
    pub(crate) fn has_read_nothing(&self) -> bool {
        let mut totals = self.stdout.lines().filter(|line| line.contains(" read = ")).peekable();
        let is_behind = self.stdout.lines().any(|line| line.starts_with("BEHIND"));
        !is_behind
            && totals.peek().is_some()
            && totals.all(|line| line == "0 read = 0 delivered + 0 ignored + 0 quarantined")
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}
