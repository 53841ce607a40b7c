//! When a run ends that is not done.

use std::future::pending;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// What asks a run to end before it is done; by default nothing does.
///
/// ```
/// use domicile_pipeline::Until;
///
/// let until = Until::default();
/// // The next run is due, and is not to wait for homes that are far behind.
/// until.catch_up.cancel();
/// assert!(!until.stop.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Until {
    /// The run ends now: homes commit what they have in hand.
    pub stop: CancellationToken,
    /// The run ends once the homes that are ahead have everything: those that catch up commit what they have in hand then, and
    /// the next run goes on with them.
    pub catch_up: CancellationToken,
}

impl Until {
    /// Waits until homes are to catch up no longer, for at most so long.
    pub(super) async fn no_more_catching_up(&self, at_most: Option<Duration>) {
        tokio::select! {
            () = self.catch_up.cancelled() => {}
            () = after(at_most) => {}
        }
    }
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => pending().await,
    }
}
