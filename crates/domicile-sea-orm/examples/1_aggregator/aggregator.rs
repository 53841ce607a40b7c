//! The aggregator: it knows the country of each order, and says it.

use domicile::{RoutingKey, context};
use domicile_sea_orm::refusal;
use sea_orm::DbErr;

use crate::analysers;
use crate::country;
use crate::quarantine::Quarantine;
use crate::source::{Record, Source};

pub(crate) struct Aggregator {
    source: Source,
    quarantine: Quarantine,
    // Up to where the source was read. The command `domicile` keeps one in each home, in the transaction that writes there.
    position: i64,
}

/// What became of the records of one round.
#[derive(Default)]
pub(crate) struct Round {
    pub(crate) read: usize,
    pub(crate) analysed: usize,
    pub(crate) kept_aside: usize,
}

/// Why a record was not analysed.
enum Failed {
    /// It is the record's own fault, and will be tomorrow.
    Record(String),
    /// It is not, so that it is tried again.
    Homes(DbErr),
}

impl Aggregator {
    pub(crate) fn new(source: Source, quarantine: Quarantine) -> Self {
        Self { source, quarantine, position: 0 }
    }

    pub(crate) fn forget_position(&mut self) {
        self.position = 0;
    }

    /// Analyses what is new in the source, a batch at most. After an error the next round begins where this one ended.
    pub(crate) async fn round(&mut self) -> Result<Round, DbErr> {
        let mut round = Round::default();
        for record in self.source.after(self.position).await? {
            round.read += 1;
            let id = record.id;
            match analyse(record).await {
                Ok(()) => round.analysed += 1,
                Err(Failed::Record(reason)) => {
                    self.quarantine.keep(id, reason).await?;
                    round.kept_aside += 1;
                }
                Err(Failed::Homes(error)) => return Err(error),
            }
            self.position = id;
        }
        Ok(round)
    }
}

async fn analyse(mut record: Record) -> Result<(), Failed> {
    let country = country::read(&record.country).map_err(Failed::Record)?;
    record.country = country.to_owned();
    // The one place where the country is set. When the future ends, however it ends, it is as if it had never been.
    let analysed = context::scope(RoutingKey::new(country), analysers::run(&record)).await;
    analysed.map_err(|error| match refusal(&error).and_then(|refusal| refusal.routing()) {
        Some(why) => Failed::Record(why.to_string()),
        None => Failed::Homes(error),
    })
}
