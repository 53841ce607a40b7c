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
        self.tells_up_to(text).pop().expect("the line is the last of them")
    }

    /// Waits for a line with this text, after which it is the last of those that have come.
    #[track_caller]
    pub(crate) fn tells_up_to(&self, text: &str) -> Vec<String> {
        let (mut all, begin) = (Vec::new(), Instant::now());
        loop {
            // Other lines may come for ever.
            let left = PATIENCE.saturating_sub(begin.elapsed());
            let line = self.told.recv_timeout(left).unwrap_or_else(|_| panic!("no `{text}` in {all:#?}"));
            let is_it = line.contains(text);
            all.push(line);
            if is_it {
                return all;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The most memory that it has had, in KiB, once it has ended; looked at again and again until then.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(mut self) -> u64 {
        let (path, mut peak) = (format!("/proc/{}/status", self.child.id()), 0);
        while self.child.try_wait().unwrap().is_none() {
            let status = std::fs::read_to_string(&path).unwrap_or_default();
            let told = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
            peak = told.map_or(peak, |told| told.trim().parse().unwrap());
            std::thread::sleep(Duration::from_millis(2));
        }
        peak
    }

    /// Its exit code, and how long it took to end.
    pub(crate) fn ended(mut self) -> (Option<i32>, Duration) {
        let begin = Instant::now();
        (self.child.wait().unwrap().code(), begin.elapsed())
    }
}

/// Where a command says that it serves metrics.
pub(crate) fn address(running: &Running) -> String {
    let told = running.tells("metrics are served on http://");
    told.split_once("http://").unwrap().1.trim_end_matches("/metrics").to_owned()
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
