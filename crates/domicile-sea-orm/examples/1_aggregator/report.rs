//! What has arrived where, and the proof that it belongs there.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use domicile::{Home, Placement, RoutingKey};
use domicile_sea_orm::Homes;
use sea_orm::{DbErr, EntityTrait};
use sqlx::Sqlite;

use crate::country;
use crate::entity::{customer, daily_sales, letter, order, refund};
use crate::source::{Record, Source};

/// All that a home holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    orders: BTreeSet<(i64, String)>,
    customers: BTreeSet<(i64, String)>,
    days: BTreeMap<String, (i64, i64)>,
    refunds: BTreeSet<i64>,
    letters: BTreeSet<i64>,
}

/// Reads what each home holds.
pub(crate) async fn held(homes: &Homes<Sqlite>) -> Result<BTreeMap<Home, Contents>, Box<dyn Error>> {
    let all = homes.everywhere().ask(read).await.all()?;
    Ok(all.into_iter().map(|contents| (contents.home().clone(), contents.into_value())).collect())
}

async fn read(home: Homes<Sqlite>) -> Result<Contents, DbErr> {
    let orders = order::Entity::find().all(&home).await?;
    let customers = customer::Entity::find().all(&home).await?;
    let days = daily_sales::Entity::find().all(&home).await?;
    let refunds = refund::Entity::find().all(&home).await?;
    let letters = letter::Entity::find().all(&home).await?;
    Ok(Contents {
        orders: orders.into_iter().map(|order| (order.id, order.country)).collect(),
        customers: customers.into_iter().map(|customer| (customer.id, customer.name)).collect(),
        days: days.into_iter().map(|day| (day.day, (day.orders, day.cents))).collect(),
        refunds: refunds.into_iter().map(|refund| refund.order_id).collect(),
        letters: letters.into_iter().map(|letter| letter.order_id).collect(),
    })
}

/// Works out what each home is to hold, from the source alone: without an analyser, a context or a router.
pub(crate) async fn due(source: &Source, placement: &Placement) -> Result<BTreeMap<Home, Contents>, DbErr> {
    let mut due: BTreeMap<Home, Contents> = BTreeMap::new();
    for record in source.after(0).await? {
        let Ok(country) = country::read(&record.country) else { continue };
        let Some(placed) = placement.home_of(&RoutingKey::new(country)) else { continue };
        due.entry(placed.home().clone()).or_default().add(country, record);
    }
    Ok(due)
}

impl Contents {
    fn add(&mut self, country: &str, record: Record) {
        self.orders.insert((record.id, country.to_owned()));
        self.customers.insert((record.customer_id, record.customer));
        let (orders, cents) = self.days.entry(record.day).or_default();
        (*orders, *cents) = (*orders + 1, *cents + record.cents);
        if record.cents < 0 {
            self.refunds.insert(record.id);
            self.letters.insert(record.id);
        }
    }

    pub(crate) fn print(&self) {
        let list = |pairs: &BTreeSet<(i64, String)>| {
            let each: Vec<_> = pairs.iter().map(|(id, what)| format!("{id} {what}")).collect();
            each.join(", ")
        };
        println!("    orders: {}", list(&self.orders));
        println!("    customers: {}", list(&self.customers));
        for (day, (orders, cents)) in &self.days {
            println!("    sales of {day}: {cents} cents (number of orders: {orders})");
        }
        println!("    refunds, each with a letter: {:?}", self.refunds);
    }
}
