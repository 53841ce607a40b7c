//! A command that is under way.

#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use domicile_testkit::Sandbox;

use crate::command::binary;

/// No state of these tests takes longer to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A command under way, with what it tells.
pub(crate) struct Running {
    child: Child,
    told: Receiver<String>,
}

impl Running {
    pub(crate) fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        Self::start_into(sandbox, arguments, Stdio::null())
    }

    /// The same, with its results.
    pub(crate) fn start_into(sandbox: &Sandbox, arguments: &[&str], results: Stdio) -> Self {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(sandbox.dir()).stdout(results).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (lines, told) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        Self { child, told }
    }

    /// Waits for a line with this text.
    #[track_caller]
    pub(crate) fn tells(&self, text: &str) -> String {
        let mut all = Vec::new();
        loop {
            let line = self.told.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no `{text}` in {all:#?}"));
            if line.contains(text) {
                return line;
            }
            all.push(line);
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Its exit code, and how long it took to end.
    pub(crate) fn ended(mut self) -> (Option<i32>, Duration) {
        let begin = Instant::now();
        (self.child.wait().unwrap().code(), begin.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
