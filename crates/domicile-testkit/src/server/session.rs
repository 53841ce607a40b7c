//! A client that stays connected, so that it can hold a transaction open.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// No statement of a session takes longer.
const ANSWER: Duration = Duration::from_secs(60);

/// A connection to a server, by its own client program. Dropping it ends it, and the server undoes what it has not committed.
#[derive(Debug)]
pub struct Session {
    client: Child,
    input: ChildStdin,
    answers: Receiver<String>,
    executed: usize,
}

impl Session {
    pub(super) fn start(mut client: Command) -> Self {
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut client = client.spawn().expect("the client program starts");
        let (input, output) = (client.stdin.take().expect("it is piped"), client.stdout.take().expect("it is piped"));
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.try_for_each(|line| sender.send(line))
        });
        Self { client, input, answers, executed: 0 }
    }

    /// Executes statements, and waits until that is done: `false` if the server refuses one, or is gone; the session is of no
    /// use then.
    ///
    /// # Panics
    ///
    /// If no answer comes.
    #[must_use]
    pub fn execute(&mut self, sql: &str) -> bool {
        self.executed += 1;
        let done = format!("done {}", self.executed);
        if writeln!(self.input, "{sql};\nSELECT '{done}';").and_then(|()| self.input.flush()).is_err() {
            return false;
        }
        loop {
            match self.answers.recv_timeout(ANSWER) {
                Ok(answer) if answer == done => return true,
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return false,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("no answer comes to {sql}"),
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
