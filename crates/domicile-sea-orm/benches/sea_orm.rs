//! What the routed handle costs an entity of SeaORM on SQLite in memory, against the bare connection: see BENCHMARKS.md.
//!
//! ```sh
//! cargo bench -p domicile-sea-orm --bench sea_orm
//! ```

#[path = "../../domicile/benches/ratio/mod.rs"]
mod ratio;

use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domicile::{Chain, Home, Placement, PlacementRouter, RoutingKey, context};
use domicile_sea_orm::{Demand, Homes};
use entity::order;
use ratio::Ratios;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseConnection, QueryTrait, Schema};
use sqlx::Sqlite;
use tokio::runtime::Runtime;

// What the macros make of an entity must be public in its module.
#[allow(unreachable_pub)]
mod entity {
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/order.rs"));
}

/// How many orders there are to find.
const ORDERS: i64 = 1_000;

/// How long each side runs in a round: a statement of SQLite wakes its thread up, and how long that takes differs so much
/// from one time to the next that some hundred of them are needed.
const ROUND: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    // A scope is entered once, as a request enters one for all that it does.
    let _spain = context::enter(RoutingKey::new("ES"));
    // A pool asks a connection whether it is alive before it gives it away. `Homes` leaves that out for what is in memory.
    let (bare, unasked, homes) = runtime.block_on(async { (bare(true).await, bare(false).await, homes().await) });
    let mut ratios = Ratios::of_rounds(ROUND);
    for (side, connection, limit) in [
        ("on the bare connection", &bare, Some(1.02)),
        ("on one that is not asked whether it is alive", &unasked, None),
    ] {
        finds(&mut ratios, &runtime, (side, connection, limit), &homes);
        inserts(&mut ratios, &runtime, (side, connection, limit), &homes);
    }
    parts(&mut ratios, &runtime, &bare);
    ratios.finish()
}

/// What the routed handle does in addition: it decides, and takes a connection.
fn parts(ratios: &mut Ratios, runtime: &Runtime, bare: &DatabaseConnection) {
    let homes = runtime.block_on(async { routed().build().expect("its home has a database") });
    let sql = order::Entity::find_by_id(7).build(bare.get_database_backend()).sql;
    let decided = || homes.decide(&sql, &domicile_sqlx::Unreadable).expect("the context decides");
    ratios.compare(
        "to decide, of a `find_by_id` on the bare connection",
        None,
        &mut |times| (0..times).for_each(|_| drop(std::hint::black_box(decided()))),
        &mut |times| runtime.block_on(find(bare, times)),
    );
    ratios.compare(
        "to decide and take a connection, of a `find_by_id` on the bare connection",
        None,
        &mut |times| {
            runtime.block_on(async {
                for _ in 0..times {
                    drop(decided().lease().await.expect("it is in memory"));
                }
            });
        },
        &mut |times| runtime.block_on(find(bare, times)),
    );
}

async fn bare(is_asked: bool) -> DatabaseConnection {
    let options = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let pool = options.test_before_acquire(is_asked).connect("sqlite::memory:").await.expect("memory can be opened");
    let bare = DatabaseConnection::from(pool);
    fill(&bare).await;
    bare
}

fn routed() -> domicile_sea_orm::Builder<Sqlite> {
    let es = Home::new("es").expect("it is a name");
    let placement = Placement::builder().place(RoutingKey::new("ES"), es.clone(), "domicile.toml:12");
    let routers = Chain::new(PlacementRouter::new(placement.build().expect("its key has one home")));
    Homes::<Sqlite>::builder(routers).home(es, "sqlite::memory:").key_column("orders", "country", Demand::Inserts)
}

async fn homes() -> Homes<Sqlite> {
    let homes = Homes::from(routed().build().expect("its home has a database"));
    fill(&homes).await;
    homes
}

async fn fill<C: ConnectionTrait>(db: &C) {
    let create = Schema::new(db.get_database_backend()).create_table_from_entity(order::Entity);
    db.execute(&create).await.expect("the table can be made");
    let orders = (1..=ORDERS).map(order);
    order::Entity::insert_many(orders).exec(db).await.expect("orders can be inserted");
}

fn order(id: i64) -> order::ActiveModel {
    order::ActiveModel { id: Set(id), country: Set("ES".into()), amount: Set(id) }
}

async fn find<C: ConnectionTrait>(db: &C, times: u32) {
    for time in 0..i64::from(times) {
        let found = order::Entity::find_by_id(1 + time % ORDERS).one(db).await.expect("it can be read");
        assert!(found.is_some());
    }
}

async fn insert<C: ConnectionTrait>(db: &C, next: &AtomicI64, times: u32) {
    for _ in 0..times {
        let order = order(next.fetch_add(1, Ordering::Relaxed));
        order.insert(db).await.expect("its id is new");
    }
}

/// What `Homes` is compared with: how it is called, and the limit of the ratio.
type Side<'a> = (&'a str, &'a DatabaseConnection, Option<f64>);

fn finds(ratios: &mut Ratios, runtime: &Runtime, (side, bare, limit): Side<'_>, homes: &Homes<Sqlite>) {
    ratios.compare(
        &format!("`find_by_id`: through `Homes`, {side}"),
        limit,
        &mut |times| runtime.block_on(find(homes, times)),
        &mut |times| runtime.block_on(find(bare, times)),
    );
}

fn inserts(ratios: &mut Ratios, runtime: &Runtime, (side, bare, limit): Side<'_>, homes: &Homes<Sqlite>) {
    // Ids go on where the last comparison has ended.
    static NEXT: AtomicI64 = AtomicI64::new(ORDERS + 1);
    ratios.compare(
        &format!("`insert`, its key read: through `Homes`, {side}"),
        limit,
        &mut |times| runtime.block_on(insert(homes, &NEXT, times)),
        &mut |times| runtime.block_on(insert(bare, &NEXT, times)),
    );
}
