//! What is checked, operation by operation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use domicile::{Context, Home, Located, Record, ReplicaReads, RoutingKey, context};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::Violation;
use super::planted::{Checkable, Probe, count_of_row, plant};
use super::turns::interleaved;
use super::watch::count;
use crate::{Contacts, Error, Homes};

/// How many times each home is read from and written to in the part that runs interleaved.
const ROUNDS: usize = 5;

/// The names of what was reached, or why nothing was.
type Reached = Result<Vec<String>, sqlx::Error>;

/// A new record, of which its key is known.
struct Keyed<'k>(&'k RoutingKey);

impl Record for Keyed<'_> {
    fn routing_key(&self) -> Option<RoutingKey> {
        Some(self.0.clone())
    }
}

/// Homes that are being checked.
pub(super) struct Check<'c, DB: Checkable> {
    homes: &'c Homes<DB>,
    cases: &'c [(RoutingKey, Home)],
    seed: u64,
    rows: AtomicUsize,
}

impl<'c, DB: Checkable> Check<'c, DB> {
    pub(super) async fn planted(
        homes: &'c Homes<DB>,
        cases: &'c [(RoutingKey, Home)],
        seed: u64,
    ) -> Result<Self, Violation> {
        let check = Self { homes, cases, seed, rows: AtomicUsize::new(0) };
        if check.named().len() < 2 {
            return Err(Violation("at least two homes are needed to tell one from another".into()));
        }
        for home in check.named() {
            plant(homes, home).await?;
        }
        Ok(check)
    }

    fn named(&self) -> BTreeSet<&'c Home> {
        self.cases.iter().map(|(_, home)| home).collect()
    }

    /// A read, and a write of a row that there has not been before.
    fn probes(&self) -> [Probe; 2] {
        [Probe::Read, Probe::Write(self.rows.fetch_add(1, Ordering::Relaxed))]
    }

    /// Where a probe has arrived: what it has read, or where the row is that it has written.
    async fn reached(&self, probe: Probe, answer: Reached) -> Result<Reached, Violation> {
        let Probe::Write(number) = probe else { return Ok(answer) };
        if let Err(error) = answer {
            return Ok(Err(error));
        }
        let mut found = Vec::new();
        for home in self.named() {
            let count = count_of_row(self.homes, home, number).await?;
            found.extend(std::iter::repeat_n(home.to_string(), count));
        }
        Ok(Ok(found))
    }

    /// Sends a probe, which has to be refused with no home contacted.
    async fn expect_refused(
        &self,
        what: &str,
        probe: Probe,
        sent: impl Future<Output = Reached>,
    ) -> Result<(), Violation> {
        let (answer, contacted) = count(self.homes, sent).await;
        match self.reached(probe, answer).await? {
            Ok(reached) => Err(Violation(format!("{what} must be refused, and reached {}", reached.join(", ")))),
            Err(error) if !Error::of(&error).is_some_and(is_by_routing) => {
                Err(Violation(format!("{what} must be refused, and failed: {error}")))
            }
            Err(_) if contacted.is_empty() => Ok(()),
            Err(_) => Err(Violation(format!("{what} was refused, but {} heard of it", names(&contacted)))),
        }
    }

    /// In the scope of a key, the key's home is contacted and nobody else.
    pub(super) async fn alone(&self, key: &RoutingKey, home: &Home) -> Result<usize, Violation> {
        for probe in self.probes() {
            let what = format!("{} in the scope of the key {key}", probe.name());
            // What may be read from a replica is written to the primary nevertheless.
            let scope = Context::current().and(key.clone()).and(ReplicaReads::new());
            let (answer, contacted) = count(self.homes, scope.scope(DB::by_homes(self.homes, probe.sql()))).await;
            let replicas: u64 = contacted.values().map(|contacts| contacts.replicas).sum();
            let reached = self.reached(probe, answer).await?;
            let expected = BTreeMap::from([(home, 1)]);
            if reached.is_err() && !contacted.is_empty() {
                // Who was asked tells more than that there was no table.
                expect_contacts(&what, &expected, &contacted)?;
            }
            expect(&what, home, reached)?;
            expect_contacts(&what, &expected, &contacted)?;
            if matches!(probe, Probe::Write(_)) && replicas > 0 {
                return Err(Violation(format!("{what} is for the primary of {home}, and contacted a replica")));
            }
        }
        Ok(2)
    }

    /// A record of another home is neither read nor written in the scope of a key, whether it was loaded from there or has
    /// a key of that home.
    pub(super) async fn foreign(&self, key: &RoutingKey, home: &Home) -> Result<usize, Violation> {
        let (other_key, other) = self.cases.iter().find(|(_, other)| other != home).expect("there are two homes");
        let loaded = Located::new(other.clone(), ());
        let keyed = Keyed(other_key);
        let records: [(String, &dyn Record); 2] =
            [(format!("of {other}"), &loaded), (format!("with the key {other_key}"), &keyed)];
        for (whose, record) in &records {
            let its = self.homes.of(*record);
            for probe in self.probes() {
                let what = format!("{} for a record {whose} in the scope of the key {key}", probe.name());
                let sent = context::scope(key.clone(), DB::by_homes(&its, probe.sql()));
                self.expect_refused(&what, probe, sent).await?;
            }
        }
        Ok(4)
    }

    /// What says too little is refused.
    pub(super) async fn refused(&self, key: &RoutingKey) -> Result<usize, Violation> {
        for probe in self.probes() {
            let name = probe.name();
            let nothing = Context::empty().scope(DB::by_homes(self.homes, probe.sql()));
            self.expect_refused(&format!("{name} without any context"), probe, nothing).await?;

            let nowhere = RoutingKey::new("\u{1}nobody has placed this");
            let unknown = context::scope(nowhere, DB::by_homes(self.homes, probe.sql()));
            self.expect_refused(&format!("{name} with a key that nobody has placed"), probe, unknown).await?;

            let own = self.homes.clone();
            let spawned = context::scope(key.clone(), async move {
                let task = tokio::spawn(async move { DB::by_homes(&own, probe.sql()).await });
                task.await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed))
            });
            let what = format!("{name} in a task that the context was not carried to");
            self.expect_refused(&what, probe, spawned).await?;
        }
        Ok(6)
    }

    /// Keys that are in use at the same time do not disturb each other.
    pub(super) async fn in_turns(&self) -> Result<usize, Violation> {
        let all = self
            .cases
            .iter()
            .map(|(key, home)| -> BoxFuture<'_, _> { context::scope(key.clone(), self.rounds(key, home)).boxed() });
        let (ended, contacted) = count(self.homes, interleaved(self.seed, all.collect())).await;
        let rows = ended.into_iter().collect::<Result<Vec<Vec<Probe>>, _>>()?;
        for ((key, home), rows) in self.cases.iter().zip(rows) {
            for row in rows {
                expect(&self.among_others(row, key), home, self.reached(row, Ok(Vec::new())).await?)?;
            }
        }
        let mut expected = BTreeMap::new();
        for (_, home) in self.cases {
            *expected.entry(home).or_default() += 2 * ROUNDS as u64;
        }
        let what = format!("what was sent in the scopes of all keys at the same time (seed {})", self.seed);
        expect_contacts(&what, &expected, &contacted)?;
        Ok(2 * ROUNDS * self.cases.len())
    }

    /// Reads and writes in the scope of a key, and returns what was written: it is looked for when all have ended.
    async fn rounds(&self, key: &RoutingKey, home: &Home) -> Result<Vec<Probe>, Violation> {
        let mut written = Vec::new();
        for _ in 0..ROUNDS {
            for probe in self.probes() {
                tokio::task::yield_now().await;
                let answer = DB::by_homes(self.homes, probe.sql()).await;
                match (probe, answer) {
                    (Probe::Write(_), Ok(_)) => written.push(probe),
                    (_, answer) => expect(&self.among_others(probe, key), home, answer)?,
                }
            }
        }
        Ok(written)
    }

    fn among_others(&self, probe: Probe, key: &RoutingKey) -> String {
        let (name, seed) = (probe.name(), self.seed);
        format!("{name} in the scope of the key {key}, with others at the same time (seed {seed}),")
    }

    /// A transaction stays where its first statement was.
    pub(super) async fn in_a_transaction(&self) -> Result<usize, Violation> {
        let (key, home) = &self.cases[0];
        let (other, _) = self.cases.iter().find(|(_, other)| other != home).expect("there are two homes");
        for (probe, elsewhere) in self.probes().into_iter().zip(self.probes()) {
            let name = probe.name();
            let mut transaction = Context::empty().run(|| self.homes.begin())?;
            let scope = Context::current().and(key.clone()).and(ReplicaReads::new());
            let sent = scope.scope(DB::in_transaction(&mut transaction, probe.sql()));
            let (answer, contacted) = count(self.homes, sent).await;
            let what = format!("{name} in the scope of the key {other}, in a transaction of {home},");
            let sent = context::scope(other.clone(), DB::in_transaction(&mut transaction, elsewhere.sql()));
            self.expect_refused(&what, elsewhere, sent).await?;
            transaction.commit().await.map_err(Error::from_sqlx)?;
            let what = format!("{name} in the scope of the key {key}, the first of a transaction,");
            expect(&what, home, self.reached(probe, answer).await?)?;
            if contacted.values().any(|contacts| contacts.replicas > 0) {
                return Err(Violation(format!("{what} is for the primary of {home}, and contacted a replica")));
            }
        }
        Ok(4)
    }
}

fn expect(what: &str, home: &Home, reached: Reached) -> Result<(), Violation> {
    match reached {
        Ok(reached) if reached == [home.as_str()] => Ok(()),
        Ok(reached) if reached.is_empty() => Err(Violation(format!("{what} belongs to {home}, and reached nothing"))),
        Ok(reached) => Err(Violation(format!("{what} belongs to {home}, and reached {}", reached.join(", ")))),
        Err(error) => Err(Violation(format!("{what} belongs to {home}, and failed: {error}"))),
    }
}

/// Each home has to be contacted as often as is said, and no other at all.
fn expect_contacts(
    what: &str,
    expected: &BTreeMap<&Home, u64>,
    contacted: &BTreeMap<Home, Contacts>,
) -> Result<(), Violation> {
    if contacted.keys().ne(expected.keys().copied()) {
        let expected = expected.keys().map(|home| home.as_str()).collect::<Vec<_>>().join(" and ");
        let contacted = names(contacted);
        return Err(Violation(format!("{what} belongs to {expected} alone, and contacted {contacted}")));
    }
    for (home, times) in contacted {
        let (expected, times) = (expected[home], times.primary + times.replicas);
        if times != expected {
            let why = format!("{what} has to contact {home} {expected} times, and contacted it {times} times");
            return Err(Violation(why));
        }
    }
    Ok(())
}

/// Whether it was refused because of where it belongs, and not because a database is missing or down.
fn is_by_routing(error: &Error) -> bool {
    error.is_refusal() && !matches!(error, Error::NoDatabase { .. })
}

fn names(contacted: &BTreeMap<Home, Contacts>) -> String {
    contacted.keys().map(Home::as_str).collect::<Vec<_>>().join(", ")
}
