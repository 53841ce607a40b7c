//! One run at a time: who may deliver what is read from a source, and for how long.
//!
//! A run takes the lease of all its sources in the control database, before it writes for the first time, and renews it
//! until it ends. Another run that finds it taken leaves at once. A lease ends by itself, so that a run that is gone
//! stops nobody for ever; a run that was merely held up finds out by its own clock, which has gone on meanwhile, and
//! commits nothing more. That this is so is not left to clocks: whoever delivers after it has raised the epoch of the home.

mod holder;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;

use crate::config::{Config, Database};
use crate::control::{End, in_time};
use crate::database::control;
use crate::deliver::answers;
use crate::error::{Error, Failure};
use crate::fault::{self, Point};
pub(crate) use holder::Holder;
use holder::Life;

/// A lease that could not be renewed is asked for again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The lease of a source, as the control database has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leased {
    /// Each run that takes it raises it by one.
    pub(crate) number: i64,
    /// Who has it; nobody once it was given back.
    pub(crate) holder: Option<String>,
    /// Seconds until it ends, by the clock of the control database.
    pub(crate) seconds_left: f64,
}

impl Leased {
    /// Who has it, unless it has ended or that run is known to be gone.
    pub(crate) fn living(&self) -> Option<Holder> {
        let holder = Holder::from_stored(self.holder.as_deref()?);
        (self.seconds_left > 0.0 && !holder.is_gone()).then_some(holder)
    }
}

/// What a run wants of the control database: the leases of its sources, all or none.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) holder: String,
    pub(crate) seconds: f64,
    /// Each with the number of its lease when that was seen to be free, or 0 if there was none. If it has another one now,
    /// somebody has taken it since, and what this run has read of homes is old.
    pub(crate) sources: Vec<(String, i64)>,
}

/// What a run leaves early with, if another one has the lease of one of its sources.
pub(crate) fn under_way(config: &Config, leases: &BTreeMap<String, Leased>) -> Option<Error> {
    let mut known = config.sources.iter().filter_map(|source| Some((&source.name, leases.get(&source.name)?)));
    known.find_map(|(source, leased)| {
        let (holder, seconds) = (leased.living()?, leased.seconds_left.ceil());
        Some(Error::under_way(format!(
            "another run is under way, and nothing was done: {holder} has the lease of the source {source}; it ends in \
             {seconds:.0} s, unless that run goes on"
        )))
    })
}

/// Whether this run still has its lease, as far as it knows. It is asked before a transaction begins and before it commits.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    duration: Duration,
    /// Until when it is held; `None` once it is given back or lost, which is for good.
    until: Arc<Mutex<Option<Instant>>>,
    /// The control database is written to by one at a time, in the order in which they came: where it is a file, a renewal
    /// might else not come about between one transaction and the next.
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Lease {
    fn new(duration: Duration, asked_at: Instant) -> Self {
        let until = Arc::new(Mutex::new(Some(asked_at + duration)));
        Self { duration, until, writing: Arc::default() }
    }

    /// How long it lasts from one renewal to the time by which there has to be another.
    pub(crate) fn duration(&self) -> Duration {
        self.duration
    }

    /// Something is done after so long, for that something else is done in time.
    pub(crate) fn third(&self) -> Duration {
        self.duration / 3
    }

    /// Fails once it is lost.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.left().is_some() {
            return Ok(());
        }
        Err(Failure::Overtaken(format!(
            "this run was held up for longer than its lease of {} s, and another run may have moved on since, so this one stops \
             here; nothing is delivered twice",
            self.duration.as_secs_f64()
        )))
    }

    /// Waits until nobody else writes to the control database.
    pub(crate) async fn write_control(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.writing).lock_owned().await
    }

    /// How much of it is left.
    fn left(&self) -> Option<Duration> {
        self.change(|_| {})
    }

    fn lose(&self) {
        self.change(|until| *until = None);
    }

    /// What has ended does not begin again.
    fn extend(&self, asked_at: Instant) {
        self.change(|until| *until = until.map(|_| asked_at + self.duration));
    }

    fn change(&self, change: impl FnOnce(&mut Option<Instant>)) -> Option<Duration> {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = until.filter(|until| *until > Instant::now());
        change(&mut until);
        until.map(|until| until.saturating_duration_since(Instant::now()))
    }
}

/// The lease that a run has taken. It is renewed for as long as this lives; to drop it is to be gone, for other runs of this
/// machine at once and for others when it ends.
#[derive(Debug)]
pub(crate) struct Holding {
    lease: Lease,
    holder: String,
    /// Ends of sources that are to be noted.
    ends: Vec<(String, End)>,
    renewing: JoinHandle<()>,
    _life: Option<Life>,
}

impl Holding {
    /// What deliverers are given of it.
    pub(crate) fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// Notes the end of a source when the lease is given back: to write once is cheaper than twice.
    pub(crate) fn note(&mut self, source: &str, end: End) {
        self.ends.push((source.to_owned(), end));
    }

    /// Gives it back. If that fails, it ends by itself.
    pub(crate) async fn give_back(mut self, database: &Database) {
        self.lease.lose();
        fault::at(Point::BeforeLeaseReleased);
        let (lease, ends) = (self.lease(), std::mem::take(&mut self.ends));
        let _ = in_time(Some(&lease), control(database).release(&self.holder, ends)).await;
        fault::at(Point::LeaseReleased);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.renewing.abort();
        self.lease.lose();
    }
}

/// A run that has not taken its lease yet.
pub(crate) struct Applicant {
    holder: String,
    life: Option<Life>,
    asked_at: Instant,
    duration: Duration,
}

impl Applicant {
    pub(crate) fn new(config: &Config) -> Self {
        let (holder, life) = Holder::this_run();
        Self { holder: holder.stored(), life, asked_at: Instant::now(), duration: config.delivery.lease }
    }

    /// What it asks for, where nobody else was seen to have it.
    pub(crate) fn claim(&self, config: &Config, leases: &BTreeMap<String, Leased>) -> Claim {
        let number = |source: &String| leases.get(source).map_or(0, |leased| leased.number);
        let sources = config.sources.iter().map(|source| (source.name.clone(), number(&source.name)));
        let mut sources: Vec<_> = sources.collect();
        // Whoever takes several takes them in one order.
        sources.sort();
        Claim { holder: self.holder.clone(), seconds: self.duration.as_secs_f64(), sources }
    }

    /// Whether it has what it was given. It may have waited for it so long, for another run that stands still, that little of it
    /// would be left by its own clock: then it is renewed first.
    pub(crate) async fn has_in_time(&mut self, config: &Config) -> Result<bool, Failure> {
        if self.asked_at.elapsed() < self.duration / 3 {
            return Ok(true);
        }
        self.asked_at = Instant::now();
        let mut control = control(&config.control);
        let renewing = control.renew(&self.holder, self.duration.as_secs_f64());
        let renewed = answers(config.delivery.answer, renewing).await?;
        Ok(renewed == config.sources.len())
    }

    /// Gives back what it was given too late. What is not given back ends by itself.
    pub(crate) async fn give_up(&self, config: &Config) {
        let _ = in_time(None, control(&config.control).release(&self.holder, Vec::new())).await;
    }

    /// What it has once it was given what it asked for.
    pub(crate) fn hold(self, config: &Config) -> Holding {
        let lease = Lease::new(self.duration, self.asked_at);
        let renewing = renew(config.control.clone(), self.holder.clone(), config.sources.len(), lease.clone());
        Holding { lease, holder: self.holder, ends: Vec::new(), renewing: tokio::spawn(renewing), _life: self.life }
    }
}

/// Renews a lease until it is lost, or nobody wants it any more.
async fn renew(database: Database, holder: String, sources: usize, lease: Lease) {
    let mut pause = lease.third();
    loop {
        tokio::time::sleep(pause).await;
        let Some(left) = lease.left() else { return };
        let asked_at = Instant::now();
        let renewed = tokio::time::timeout(left, async {
            let _writing = lease.write_control().await;
            fault::at(Point::BeforeLeaseRenewed);
            control(&database).renew(&holder, lease.duration.as_secs_f64()).await
        });
        pause = match renewed.await {
            Ok(Ok(renewed)) if renewed == sources => {
                fault::at(Point::LeaseRenewed);
                lease.extend(asked_at);
                lease.third()
            }
            Ok(Ok(_)) => return lease.lose(),
            // It may be there again in time.
            Ok(Err(_)) => ASK_AGAIN.min(lease.third()),
            Err(_late) => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Holder, Lease, Leased};

    #[test]
    fn a_lease_is_held_until_it_ends_and_never_again() {
        let (second, now) = (Duration::from_secs(1), Instant::now());
        let lease = Lease::new(second, now);
        assert!(lease.check().is_ok());
        lease.extend(now + second);
        assert!(lease.left().unwrap() > second);
        let late = Lease::new(second, now - 2 * second);
        assert!(late.check().unwrap_err().to_string().contains("longer than its lease of 1 s"));
        late.extend(now);
        assert!(late.check().is_err(), "what was lost came back");
    }

    #[test]
    fn what_was_given_back_is_held_nowhere() {
        let lease = Lease::new(Duration::from_secs(60), Instant::now());
        let other = lease.clone();
        lease.lose();
        other.extend(Instant::now());
        assert!(other.check().is_err());
    }

    #[test]
    fn a_lease_is_free_once_it_has_ended_or_its_holder_is_gone() {
        let (holder, life) = Holder::this_run();
        let leased = |seconds_left| Leased { number: 1, holder: Some(holder.stored()), seconds_left };
        assert!(leased(9.0).living().is_some());
        assert!(leased(-0.1).living().is_none());
        assert!(Leased { holder: None, ..leased(9.0) }.living().is_none());
        let tells_lives_apart = life.is_some();
        drop(life);
        assert_eq!(leased(9.0).living().is_none(), tells_lives_apart);
    }
}
