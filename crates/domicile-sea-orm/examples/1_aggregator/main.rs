//! A job that a schedule starts: it reads orders of all countries from a remote database, mixed and dirty, and makes
//! several objects of each. Which database an object belongs to depends on the order. It is said once for each order, in
//! `aggregator.rs`; no analyser is told.
//!
//! ```sh
//! cargo run -p domicile-sea-orm --example 1_aggregator
//! ```
//!
//! Read `aggregator.rs` first, then `analysers/` and `homes.rs`.

mod aggregator;
mod analysers;
mod country;
mod entity;
mod homes;
mod quarantine;
mod report;
mod source;

use std::error::Error;
use std::str::FromStr;

use chrono::Utc;
use croner::Cron;
use domicile::context;

use crate::aggregator::Aggregator;
use crate::quarantine::Quarantine;
use crate::source::Source;

/// Every second; a real job would rather say `0 */15 * * * *`.
const SCHEDULE: &str = "* * * * * *";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (homes, router) = homes::open(folder.path()).await?;
    let source = Source::open(folder.path()).await?;
    let quarantine = Quarantine::open(folder.path()).await?;
    let mut aggregator = Aggregator::new(source.clone(), quarantine.clone());

    let schedule = Cron::from_str(SCHEDULE)?;
    for round in 1..=3 {
        match round {
            1 => source.receive(source::FIRST_ORDERS).await?,
            2 => source.receive(source::LATER_ORDERS).await?,
            _ => {
                println!("the position is lost, as if the job had crashed: all is read again, and nothing made twice");
                aggregator.forget_position();
            }
        }
        let now = Utc::now();
        let next = schedule.find_next_occurrence(&now, false)?;
        tokio::time::sleep((next - now).to_std()?).await;

        // The handle to all homes is the same for every order, so that it can be set here, where no country is known.
        let done = context::scope(homes.clone(), aggregator.round()).await?;
        println!("round {round}: {} read = {} analysed + {} kept aside", done.read, done.analysed, done.kept_aside);
    }

    let held = report::held(&homes).await?;
    for (home, contents) in &held {
        println!("{home}:");
        contents.print();
    }
    println!("kept aside:");
    for kept in quarantine.all().await? {
        println!("    order {}: {}", kept.id, kept.reason);
    }
    assert_eq!(held, report::due(&source, &router.placement()).await?);
    println!("no home has a foreign row, and none lacks one of its own");
    Ok(())
}
