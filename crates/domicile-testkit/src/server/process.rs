//! The processes of a server, and what can be done to them all at once.

use std::convert::Infallible;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::comes_about;

/// How long the kernel may take to stop or end processes that it was told to.
const OBEY: Duration = Duration::from_secs(30);

/// A process, and those that it has started.
#[derive(Debug)]
pub(super) struct Process {
    main: Child,
    _parent: mpsc::Sender<Infallible>,
}

impl Process {
    /// Starts the command on a thread that lives as long as the process may: Linux tells a process of the death of the
    /// thread that started it, not of the program, and the caller's may be one of many that come and go.
    pub(super) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        let (tell, told) = mpsc::channel();
        let (parent, end) = mpsc::channel::<Infallible>();
        thread::spawn(move || {
            let _ = tell.send(command.spawn());
            let _ = end.recv();
        });
        let main = told.recv().expect("the thread tells what it has started").expect("the server can be started");
        Self { main, _parent: parent }
    }

    pub(super) fn pid(&self) -> u32 {
        self.main.id()
    }

    /// How the process has ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.main.try_wait().expect("one's own child can be waited for")
    }

    /// Ends all the processes, and waits until they are gone. `false` means that they do not go.
    pub(super) fn kill(mut self) -> bool {
        let all = self.stop();
        // The first would notice the death of the others, but is stopped until it dies itself.
        all.iter().rev().for_each(|pid| signal(*pid, Signal::KILL));
        let _ = self.main.wait();
        comes_about(OBEY, || all.iter().all(|pid| status(*pid).is_none_or(|status| status.state == 'Z')))
    }

    /// Stops all the processes until what is returned is dropped, or this process dies.
    pub(super) fn pause(&mut self) -> Pause {
        let all = self.stop();
        assert!(!all.is_empty(), "the server has ended by itself");
        // One that was just ending has ended.
        let stopped = comes_about(OBEY, || all.iter().all(|pid| status(*pid).is_none_or(|status| status.is_still())));
        assert!(stopped, "the processes of the server cannot be stopped");
        // Processes that nobody wakes up would be left behind by a test that is killed, and with them their memory. The
        // waker is in a group of its own because the whole group of a test is killed.
        let waker = Command::new("sh")
            .args(["-c", "read -r _; kill -CONT \"$@\"", "sh"])
            // The first goes on last, so that until then it does not clear away those that have ended.
            .args(all.iter().rev().map(u32::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        Pause { waker: waker.expect("a shell can be started") }
    }

    /// Stops the first process, which then starts no more, and those that it has started. Servers are that shallow.
    fn stop(&mut self) -> Vec<u32> {
        if self.ended().is_some() {
            // Its number may be somebody else's by now.
            return Vec::new();
        }
        let main = self.pid();
        signal(main, Signal::STOP);
        comes_about(OBEY, || status(main).is_none_or(|status| status.is_still()));
        let children = children(main);
        children.iter().for_each(|pid| signal(*pid, Signal::STOP));
        let mut all = vec![main];
        all.extend(children);
        all
    }
}

/// Processes that are stopped.
#[derive(Debug)]
pub(super) struct Pause {
    waker: Child,
}

impl Pause {
    /// Lets the processes go on.
    pub(super) fn resume(mut self) {
        let woke = self.waker.wait().expect("one's own child can be waited for");
        assert!(woke.success(), "the processes of the server have changed while they were stopped");
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        // Waiting closes the waker's input first, which is what it waits for.
        let _ = self.waker.wait();
    }
}

/// A process that has just ended by itself is no mistake: the signal has nobody to go to.
fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

struct Status {
    state: char,
    parent: u32,
}

impl Status {
    /// Whether the process does nothing: it is stopped, also by a debugger, or a zombie.
    fn is_still(&self) -> bool {
        matches!(self.state, 'T' | 't' | 'Z')
    }
}

/// What `/proc` says of a process. The name before it, in parentheses, may contain anything.
fn status(pid: u32) -> Option<Status> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    Some(Status { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
}

fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("the system tells its processes").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| status(*pid).is_some_and(|status| status.parent == parent)).collect()
}
