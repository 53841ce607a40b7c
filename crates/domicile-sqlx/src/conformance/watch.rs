//! Who was contacted.

use std::collections::{BTreeMap, BTreeSet};

use domicile::Home;

use crate::{Capability, Contacts, Homes};

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
    let (done, contacted) = count(homes, work).await;
    (done, contacted.into_keys().collect())
}

/// As [`watch`], with how many times each of them was contacted.
pub(super) async fn count<DB: Capability, T>(
    homes: &Homes<DB>,
    work: impl Future<Output = T>,
) -> (T, BTreeMap<Home, Contacts>) {
    let before = homes.contacts();
    let done = work.await;
    let contacted = homes.contacts().into_iter().filter_map(|(home, after)| {
        let before = before.get(&home).copied().unwrap_or_default();
        let meanwhile =
            Contacts { primary: after.primary - before.primary, replicas: after.replicas - before.replicas };
        (meanwhile != Contacts::default()).then_some((home, meanwhile))
    });
    (done, contacted.collect())
}
