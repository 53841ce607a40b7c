//! Proving that a program's own routers, handles and services send everything home.
//!
//! Everything here is for tests, on databases that may be written to. Three tools, from the smallest:
//!
//! - [`watch`] runs anything and says which homes were contacted meanwhile, so that a test can say who was *not*.
//! - [`interleaved`] runs futures in turns, in an order that a seed decides, so that what is shared by mistake shows.
//! - [`check`] plants a row in each home that names it, and asks for it in every way that goes wrong in practice. Routers
//!   that guess, remember or overrule are caught.
//!
//! ```
//! use domicile::{Chain, Home, Placement, PlacementRouter, RoutingKey};
//! use domicile_sqlx::{Homes, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (es, fr) = (Home::new("es")?, Home::new("fr")?);
//! let placement = Placement::builder()
//!     .place(RoutingKey::new("ES"), es.clone(), "main.rs:10")
//!     .place(RoutingKey::new("FR"), fr.clone(), "main.rs:11")
//!     .build()?;
//! let homes = Homes::<sqlx::Sqlite>::builder(Chain::new(PlacementRouter::new(placement)))
//!     .home(es.clone(), "sqlite::memory:")
//!     .home(fr.clone(), "sqlite::memory:")
//!     .build()?;
//! let cases = [(RoutingKey::new("ES"), es), (RoutingKey::new("FR"), fr)];
//! let checked = conformance::check(&homes, &cases, 7).await?;
//! assert!(checked.operations > 10);
//! # Ok(())
//! # }
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use domicile::{Context, Home, Located, Role, RoutingKey, context};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{Executor, IntoArguments};

use crate::{Capability, Contacts, Error, Homes, Transaction};

/// How many times each home is asked in the part that runs interleaved.
const ROUNDS: usize = 5;

/// The table that tells the homes apart.
const TABLE: &str = "domicile_planted";

/// What [`check`] has done.
///
/// ```
/// use domicile::{Home, RoutingKey};
/// use domicile_sqlx::conformance;
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// let cases = [(RoutingKey::new("ES"), Home::new("es")?), (RoutingKey::new("FR"), Home::new("fr")?)];
/// let checked = conformance::check(&homes, &cases, 7).await?;
/// // A check that did nothing would have found nothing.
/// assert!(checked.operations > 10);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// How many operations were sent or refused as they had to be.
    pub operations: usize,
}

/// What is wrong, in words for people.
///
/// ```
/// use domicile::{Home, RoutingKey};
/// use domicile_sqlx::conformance;
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// // The routers send Portugal's records to Spain, which is not what was wanted.
/// let cases = [(RoutingKey::new("ES"), Home::new("es")?), (RoutingKey::new("PT"), Home::new("fr")?)];
/// let violation = conformance::check(&homes, &cases, 7).await.unwrap_err();
/// assert_eq!(violation.to_string(), "a read in the scope of the key PT belongs to fr, and reached es");
/// # Ok(()) }
/// ```
#[derive(thiserror::Error, Debug)]
#[error("{0}")]
pub struct Violation(String);

impl From<Error> for Violation {
    fn from(error: Error) -> Self {
        Self(format!("a home could not be prepared or asked: {error}"))
    }
}

/// Runs `work`, and returns what it returned and the homes that were contacted meanwhile, by this handle or any clone.
///
/// ```
/// use domicile::{Home, RoutingKey, context};
/// use domicile_sqlx::{Homes, conformance::watch};
///
/// /// What is to be tested.
/// async fn count(homes: &Homes<sqlx::Sqlite>) -> Result<i64, sqlx::Error> {
///     sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(homes).await
/// }
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
/// let (counted, contacted) = watch(&homes, context::scope(RoutingKey::new("ES"), count(&homes))).await;
/// assert_eq!(counted?, 2);
/// assert!(contacted.into_iter().eq([Home::new("es")?]));
///
/// let (refused, contacted) = watch(&homes, count(&homes)).await;
/// assert!(refused.is_err() && contacted.is_empty());
/// # Ok(()) }
/// ```
pub async fn watch<DB: Capability, T>(homes: &Homes<DB>, work: impl Future<Output = T>) -> (T, BTreeSet<Home>) {
    let before = homes.contacts();
    let done = work.await;
    let contacted = homes.contacts().into_iter().filter(|(home, after)| has_heard(&before, home, *after));
    (done, contacted.map(|(home, _)| home).collect())
}

fn has_heard(before: &BTreeMap<Home, Contacts>, home: &Home, after: Contacts) -> bool {
    before.get(home).copied().unwrap_or_default() != after
}

/// Runs futures in turns on one task: in each turn each of them is polled once, in an order that `seed` decides. The
/// same seed gives the same order. What they return comes in the order in which they were given.
///
/// ```
/// use std::sync::Mutex;
///
/// use domicile_sqlx::conformance::interleaved;
/// use futures::FutureExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let order = Mutex::new(Vec::new());
/// let step = |name| {
///     let order = &order;
///     async move {
///         for _ in 0..2 {
///             order.lock().unwrap().push(name);
///             tokio::task::yield_now().await;
///         }
///         name
///     }
///     .boxed()
/// };
/// assert_eq!(interleaved(7, vec![step("a"), step("b")]).await, ["a", "b"]);
/// let order = order.into_inner().unwrap();
/// assert_ne!(order[0], order[1]);
/// assert_ne!(order[2], order[3]);
/// # }
/// ```
pub async fn interleaved<T>(seed: u64, futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut random = SplitMix64(seed);
    let mut running: Vec<_> = futures.into_iter().map(|future| (Some(future), None)).collect();
    poll_fn(move |wakeup| {
        let mut order: Vec<usize> = (0..running.len()).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        for index in order {
            let (future, done) = &mut running[index];
            if let Some(polled) = future
                && let Poll::Ready(value) = pin!(polled).poll(wakeup)
            {
                (*future, *done) = (None, Some(value));
            }
        }
        if running.iter().any(|(future, _)| future.is_some()) {
            return Poll::Pending;
        }
        Poll::Ready(running.iter_mut().map(|(_, done)| done.take().expect("it has ended")).collect())
    })
    .await
}

/// Plants a row in each of the homes, and checks that each operation reaches the home of its key, and no other:
///
/// - a read in the scope of a key, which must contact that key's home alone;
/// - a read without any context, with a key that nobody has placed, and in a spawned task that the context was not
///   carried to, which must all be refused with no home contacted;
/// - a read for a record of another home than the context says, which must be refused;
/// - all keys at the same time, in turns, in an order that `seed` decides, which must not disturb each other;
/// - a transaction, in which a statement for another home must be refused.
///
/// `cases` are keys and the homes that they belong to: at least two homes. In each of them the table `domicile_planted`
/// is made, and it stays there.
///
/// # Errors
///
/// The first [`Violation`], which names the operation, its home, and what came instead.
///
/// # Panics
///
/// Outside a runtime of tokio, because it spawns a task.
///
/// ```
/// use domicile::{Home, Operation, Route, Router, RoutingKey};
/// use domicile_sqlx::{Homes, conformance};
///
/// /// Guesses that what nobody knows is Spanish.
/// struct Guesses;
///
/// impl Router for Guesses {
///     fn name(&self) -> &str {
///         "guesses"
///     }
///
///     fn route_read(&self, _: &Operation<'_>) -> Result<Option<Route>, domicile::Error> {
///         Ok(Some(Route::new(Home::new("es")?, "most are")))
///     }
///
///     fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, domicile::Error> {
///         self.route_read(operation)
///     }
/// }
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown {
/// let homes = Homes::<sqlx::Sqlite>::builder(routers().then(Guesses))
///     .home(Home::new("es")?, "sqlite::memory:")
///     .home(Home::new("fr")?, "sqlite::memory:")
///     .build()?;
/// let cases = [(RoutingKey::new("ES"), Home::new("es")?), (RoutingKey::new("FR"), Home::new("fr")?)];
/// let violation = conformance::check(&homes, &cases, 7).await.unwrap_err();
/// assert_eq!(violation.to_string(), "a read without any context must be refused, and reached es");
/// # Ok(()) }
/// ```
pub async fn check<DB: Capability>(
    homes: &Homes<DB>,
    cases: &[(RoutingKey, Home)],
    seed: u64,
) -> Result<Checked, Violation>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    for<'r> (String,): sqlx::FromRow<'r, DB::Row>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    for<'t> &'t mut Transaction<DB>: Executor<'t, Database = DB>,
{
    let named: BTreeSet<&Home> = cases.iter().map(|(_, home)| home).collect();
    if named.len() < 2 {
        return Err(Violation("at least two homes are needed to tell one from another".into()));
    }
    for home in &named {
        plant(homes, home).await?;
    }
    let mut checked = Checked::default();
    for (key, home) in cases {
        alone(homes, key, home).await?;
        foreign(homes, key, cases.iter().map(|(_, other)| other).find(|other| *other != home).expect("two homes"))
            .await?;
        checked.operations += 2;
    }
    checked.operations += refused(homes, &cases[0].0).await?;
    checked.operations += in_turns(homes, cases, seed).await?;
    checked.operations += in_a_transaction(homes, cases).await?;
    Ok(checked)
}

/// Plants the row by a connection of its own, because the routers are what is in question.
async fn plant<DB: Capability>(homes: &Homes<DB>, home: &Home) -> Result<(), Violation>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    let lease = homes.databases(home)?.pool(Role::Primary).lease().await?;
    let mut connection = lease.acquire().await?;
    // The name of a home holds no quotes.
    for sql in [
        format!("CREATE TABLE IF NOT EXISTS {TABLE} (home VARCHAR(63))"),
        format!("DELETE FROM {TABLE}"),
        format!("INSERT INTO {TABLE} VALUES ('{home}')"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await.map_err(Error::from_sqlx)?;
    }
    Ok(())
}

/// Asks for the row that names the home, wherever this leads.
async fn whose<'h, E>(executor: E) -> Result<String, sqlx::Error>
where
    E: 'h + Executor<'h>,
    <E::Database as sqlx::Database>::Arguments: IntoArguments<E::Database>,
    for<'r> (String,): sqlx::FromRow<'r, <E::Database as sqlx::Database>::Row>,
    for<'r> String: sqlx::Decode<'r, E::Database> + sqlx::Type<E::Database>,
{
    sqlx::query_scalar("SELECT home FROM domicile_planted").fetch_one(executor).await
}

fn expect(what: &str, home: &Home, told: Result<String, sqlx::Error>) -> Result<(), Violation> {
    match told {
        Ok(name) if name == home.as_str() => Ok(()),
        Ok(name) => Err(Violation(format!("{what} belongs to {home}, and reached {name}"))),
        Err(error) => Err(Violation(format!("{what} belongs to {home}, and failed: {error}"))),
    }
}

fn expect_refused(
    what: &str,
    (told, contacted): (Result<String, sqlx::Error>, BTreeSet<Home>),
) -> Result<(), Violation> {
    match told {
        Ok(name) => Err(Violation(format!("{what} must be refused, and reached {name}"))),
        Err(error) if !Error::of(&error).is_some_and(is_by_routing) => {
            Err(Violation(format!("{what} must be refused, and failed: {error}")))
        }
        Err(_) if contacted.is_empty() => Ok(()),
        Err(_) => Err(Violation(format!("{what} was refused, but {} heard of it", names(&contacted)))),
    }
}

/// Whether it was refused because of where it belongs, and not because a database is missing or down.
fn is_by_routing(error: &Error) -> bool {
    error.is_refusal() && !matches!(error, Error::NoDatabase { .. })
}

fn names(homes: &BTreeSet<Home>) -> String {
    homes.iter().map(Home::as_str).collect::<Vec<_>>().join(", ")
}

/// In the scope of a key, the key's home is contacted and nobody else.
async fn alone<DB: Capability>(homes: &Homes<DB>, key: &RoutingKey, home: &Home) -> Result<(), Violation>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    for<'r> (String,): sqlx::FromRow<'r, DB::Row>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    for<'t> &'t mut Transaction<DB>: Executor<'t, Database = DB>,
{
    let what = format!("a read in the scope of the key {key}");
    let (told, contacted) = watch(homes, context::scope(key.clone(), whose(homes))).await;
    expect(&what, home, told)?;
    if contacted.iter().ne([home]) {
        return Err(Violation(format!("{what} belongs to {home} alone, and contacted {}", names(&contacted))));
    }
    Ok(())
}

/// A record of another home is not read in the scope of a key.
async fn foreign<DB: Capability>(homes: &Homes<DB>, key: &RoutingKey, other: &Home) -> Result<(), Violation>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    for<'r> (String,): sqlx::FromRow<'r, DB::Row>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    for<'t> &'t mut Transaction<DB>: Executor<'t, Database = DB>,
{
    let record = Located::new(other.clone(), ());
    let its = homes.of(&record);
    let what = format!("a read for a record of {other} in the scope of the key {key}");
    expect_refused(&what, watch(homes, context::scope(key.clone(), whose(&its))).await)
}

/// What says too little or too much is refused.
async fn refused<DB: Capability>(homes: &Homes<DB>, key: &RoutingKey) -> Result<usize, Violation>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    for<'r> (String,): sqlx::FromRow<'r, DB::Row>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    for<'t> &'t mut Transaction<DB>: Executor<'t, Database = DB>,
{
    let nothing = Context::empty().scope(whose(homes));
    expect_refused("a read without any context", watch(homes, nothing).await)?;
    let nowhere = RoutingKey::new("\u{1}nobody has placed this");
    let unknown = context::scope(nowhere, whose(homes));
    expect_refused("a read with a key that nobody has placed", watch(homes, unknown).await)?;
    let own = homes.clone();
    let spawned = context::scope(key.clone(), async move {
        let task = tokio::spawn(async move { whose(&own).await });
        task.await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed))
    });
    expect_refused("a read in a task that the context was not carried to", watch(homes, spawned).await)?;
    Ok(3)
}

/// Keys that are in use at the same time do not disturb each other.
async fn in_turns<DB: Capability>(
    homes: &Homes<DB>,
    cases: &[(RoutingKey, Home)],
    seed: u64,
) -> Result<usize, Violation>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    for<'r> (String,): sqlx::FromRow<'r, DB::Row>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    for<'t> &'t mut Transaction<DB>: Executor<'t, Database = DB>,
{
    let all = cases.iter().map(|(key, home)| {
        let rounds = async move {
            for _ in 0..ROUNDS {
                tokio::task::yield_now().await;
                let what = format!("a read in the scope of the key {key}, with others at the same time (seed {seed}),");
                expect(&what, home, whose(homes).await)?;
            }
            Ok(())
        };
        context::scope(key.clone(), rounds).boxed()
    });
    let ended: Vec<Result<(), Violation>> = interleaved(seed, all.collect()).await;
    ended.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(ROUNDS * cases.len())
}

/// A transaction stays where its first statement was.
async fn in_a_transaction<DB: Capability>(homes: &Homes<DB>, cases: &[(RoutingKey, Home)]) -> Result<usize, Violation>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    for<'r> (String,): sqlx::FromRow<'r, DB::Row>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    for<'t> &'t mut Transaction<DB>: Executor<'t, Database = DB>,
{
    let (first, home) = &cases[0];
    let (other, _) = cases.iter().find(|(_, other)| other != home).expect("there are two homes");
    let mut transaction = Context::empty().run(|| homes.begin())?;
    let told = context::scope(first.clone(), whose(&mut transaction)).await;
    expect(&format!("the first statement of a transaction, in the scope of the key {first},"), home, told)?;
    let elsewhere = watch(homes, context::scope(other.clone(), whose(&mut transaction))).await;
    expect_refused(&format!("a statement in the scope of the key {other}, in a transaction of {home},"), elsewhere)?;
    Ok(2)
}

/// Sebastiano Vigna's generator, <https://prng.di.unimi.it/splitmix64.c>: enough to shuffle a few futures.
struct SplitMix64(u64);

impl SplitMix64 {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
