//! What the operating system asks for while a command runs.

use std::future::pending;
use std::time::Duration;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long a run that is asked to stop may take to commit what it has in hand.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Listens from when it is made.
pub(super) struct Signals {
    #[cfg(unix)]
    terminate: Option<Signal>,
    #[cfg(unix)]
    interrupt: Option<Signal>,
    #[cfg(unix)]
    hang_up: Option<Signal>,
}

#[cfg(unix)]
impl Signals {
    /// For a command that ends by itself: the terminal's end ends it too.
    pub(super) fn of_stopping() -> Self {
        let listen = |kind| signal(kind).ok();
        Self { terminate: listen(SignalKind::terminate()), interrupt: listen(SignalKind::interrupt()), hang_up: None }
    }

    /// For a command that goes on, and is told of its configuration by SIGHUP.
    pub(super) fn of_going_on() -> Self {
        Self { hang_up: signal(SignalKind::hangup()).ok(), ..Self::of_stopping() }
    }

    /// Ends when the command is asked to stop.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            () = next(&mut self.terminate) => {}
            () = next(&mut self.interrupt) => {}
        }
    }

    /// Ends when the command is asked to stop, with false, or to read its configuration anew, with true.
    pub(super) async fn stop_or_reload(&mut self) -> bool {
        tokio::select! {
            () = next(&mut self.terminate) => false,
            () = next(&mut self.interrupt) => false,
            () = next(&mut self.hang_up) => true,
        }
    }
}

#[cfg(unix)]
async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => pending().await,
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(super) fn of_stopping() -> Self {
        Self {}
    }

    pub(super) fn of_going_on() -> Self {
        Self {}
    }

    pub(super) async fn stop(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            pending().await
        }
    }

    pub(super) async fn stop_or_reload(&mut self) -> bool {
        self.stop().await;
        false
    }
}
