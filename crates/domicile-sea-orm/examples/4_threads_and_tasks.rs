//! Work that moves to another task or thread: it starts with nothing in its context, and one call takes the context along.
//!
//! ```sh
//! cargo run -p domicile-sea-orm --example 4_threads_and_tasks
//! ```

use std::error::Error;
use std::thread;

use domicile::{Chain, Context, Home, Placement, PlacementRouter, RoutingKey, context};
use domicile_sea_orm::{Homes, refusal};
use futures::{Stream, TryStreamExt};
use rayon::prelude::*;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryOrder, Schema,
};
use sqlx::Sqlite;
use tokio::runtime::Handle;

mod order {
    // What the macros make of an entity must be public in its module.
    #![allow(unreachable_pub)]

    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "orders")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub note: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Opens two homes; the one of Spain has three orders, that of France has none.
async fn homes() -> Result<Homes<Sqlite>, Box<dyn Error>> {
    let (es, fr) = (Home::new("es")?, Home::new("fr")?);
    let placement = Placement::builder()
        .place(RoutingKey::new("ES"), es.clone(), "homes()")
        .place(RoutingKey::new("FR"), fr.clone(), "homes()")
        .build()?;
    let homes = Homes::<Sqlite>::builder(Chain::new(PlacementRouter::new(placement)))
        .home(es.clone(), "sqlite::memory:")
        .home(fr, "sqlite::memory:")
        .build()?;
    let homes = Homes::from(homes);
    let create = |home: Homes<Sqlite>| async move {
        home.execute(&Schema::new(home.get_database_backend()).create_table_from_entity(order::Entity)).await
    };
    homes.everywhere().ask(create).await.all()?;
    for note in ["one", "two", "three"] {
        order::ActiveModel { note: Set(note.into()), ..Default::default() }.insert(&homes.on(es.clone())).await?;
    }
    Ok(homes)
}

/// Far below, where nobody has handed a country down.
async fn count(homes: Homes<Sqlite>) -> Result<u64, DbErr> {
    order::Entity::find().count(&homes).await
}

/// Prints what came of work that was moved, without the call and with it, and holds it against what must come of it.
fn told(place: &str, without: Result<u64, DbErr>, with: Result<u64, DbErr>) -> Result<(), Box<dyn Error>> {
    let error = without.expect_err("nothing is inherited");
    let routing = refusal(&error).and_then(|refusal| refusal.routing()).ok_or("the database has failed")?;
    assert!(routing.is_no_opinion());
    println!("{place}\n    without: {routing}\n    with:    {} orders", with?);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let homes = homes().await?;
    context::scope(RoutingKey::new("ES"), async {
        assert_eq!(count(homes.clone()).await?, 3);
        tasks(&homes).await?;
        blocking(&homes).await?;
        threads(&homes)?;
        rayon(&homes)?;
        streams(&homes).await
    })
    .await?;
    assert!(context::get::<RoutingKey>().is_none());
    Ok(())
}

/// A task of tokio: `Context::current().scope(future)`.
async fn tasks(homes: &Homes<Sqlite>) -> Result<(), Box<dyn Error>> {
    let without = tokio::spawn(count(homes.clone())).await?;
    let with = tokio::spawn(Context::current().scope(count(homes.clone()))).await?;
    told("tokio::spawn", without, with)
}

/// A thread for work that blocks: `here.run(closure)`.
async fn blocking(homes: &Homes<Sqlite>) -> Result<(), Box<dyn Error>> {
    let (runtime, asked) = (Handle::current(), homes.clone());
    let without = tokio::task::spawn_blocking(move || runtime.block_on(count(asked))).await?;

    let (here, runtime, asked) = (Context::current(), Handle::current(), homes.clone());
    let with = tokio::task::spawn_blocking(move || here.run(|| runtime.block_on(count(asked)))).await?;
    told("tokio::task::spawn_blocking", without, with)
}

/// A thread: the same call.
fn threads(homes: &Homes<Sqlite>) -> Result<(), Box<dyn Error>> {
    let (here, runtime) = (Context::current(), Handle::current());
    let (without, with) = thread::scope(|threads| {
        let without = threads.spawn(|| runtime.block_on(count(homes.clone())));
        let with = threads.spawn(|| here.run(|| runtime.block_on(count(homes.clone()))));
        (without.join(), with.join())
    });
    told("std::thread", without.expect("it does not panic"), with.expect("it does not panic"))
}

/// A pool of threads: the same call, in each item.
fn rayon(homes: &Homes<Sqlite>) -> Result<(), Box<dyn Error>> {
    let (here, runtime) = (Context::current(), Handle::current());
    let ask = |_: u8| runtime.block_on(count(homes.clone()));
    let without: Result<Vec<u64>, DbErr> = (0..8).into_par_iter().map(ask).collect();
    let with: Result<Vec<u64>, DbErr> = (0..8).into_par_iter().map(|item| here.run(|| ask(item))).collect();
    let (without, with) = (without.map(|counts| counts[0]), with?);
    assert_eq!(with, [3; 8]);
    told("rayon", without, Ok(with[0]))
}

/// The pages of all orders, each of which is asked for when it is wanted.
fn pages(homes: &Homes<Sqlite>) -> impl Stream<Item = Result<Vec<order::Model>, DbErr>> + '_ {
    order::Entity::find().order_by_asc(order::Column::Id).paginate(homes, 2).into_stream()
}

/// A lazy stream that is read after the scope it was made in was left: `Context::current().scope_stream(stream)`. Without
/// it each page is asked for where the stream is read: nowhere here, and in another country's scope in that country.
async fn streams(homes: &Homes<Sqlite>) -> Result<(), Box<dyn Error>> {
    async fn read(pages: impl Stream<Item = Result<Vec<order::Model>, DbErr>>) -> Result<u64, DbErr> {
        let read = pages.try_fold(0, async |count, page: Vec<_>| Ok(count + page.len() as u64));
        // This stands for a reader that runs elsewhere and later.
        Context::empty().scope(read).await
    }
    let without = read(pages(homes)).await;
    let with = read(Context::current().scope_stream(pages(homes))).await;
    told("a stream of pages", without, with)?;

    // A handle to the home that is here and now does so, too: for whatever is asked with it.
    let here = homes.here()?;
    println!("    or by `here()`: {} orders", read(pages(&here)).await?);
    Ok(())
}
