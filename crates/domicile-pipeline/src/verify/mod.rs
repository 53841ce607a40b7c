//! Proving from the data that every home holds what the sources have for it, and nothing else.
//!
//! What a home should hold is computed anew from the sources, up to where the home has got. Neither is kept in memory: the
//! keys of a table are cut into ranges, and of each range only the number of its rows and the sum of the hashes that stand
//! for them is kept. Where a range differs, its rows are read again and compared key by key.

mod accounting;
mod compare;
mod contents;
mod fresh;
mod hashes;
mod keys;
mod look;
mod made;
mod made_by;
mod quarantined;
mod ranges;
mod report;
mod subject;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use compare::Group;
pub(crate) use contents::{
    Accounted, Contents, Held, InQuarantine, KEPT_MAX, Only, ROWS_AT_ONCE, WHOLE, read_as, record_hash,
};
use fresh::{Bounds, OfSource};
use look::look_at_control;
pub(crate) use made_by::{Found, Sought, find};
pub use report::{
    Difference, DifferenceKind, Verification, Verified, VerifiedAccount, VerifiedHome, VerifiedSource, VerifiedTable,
};
use subject::Subject;

use crate::batch::BatchLimit;
use crate::config::HomeConfig;
use crate::error::Error;
use crate::pipeline::Pipeline;

/// Homes that are compared with one reading of the sources. Each keeps a connection open meanwhile.
const HOMES_AT_ONCE: usize = 32;

const BOUNDS: Bounds = Bounds { bytes: 64 * 1_024 * 1_024, rows_by_key: 200_000 };

/// So often a home is looked at that is written to whenever it is compared.
const LOOKS: usize = 3;

impl Pipeline {
    /// Compares every home with a fresh computation from the sources, up to the home's position, and checks its accounting.
    /// Writes nothing. Runs may go on meanwhile: each home is looked at as it was at one moment.
    ///
    /// It needs a Tokio runtime with time enabled, and at least eight threads for blocking work.
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use domicile_pipeline::{Config, Pipeline, Verification};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = Config::load(Path::new("domicile.toml"))?;
    /// let verified = Pipeline::new(config).verify(&Verification::default()).await?;
    /// assert!(verified.is_proved());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the configuration is wrong, or has no home or source of a name that is asked for. What cannot be reached later is
    /// told in the result.
    pub async fn verify(&self, what: &Verification) -> Result<Verified, Error> {
        self.verify_within(what, BOUNDS).await
    }

    async fn verify_within(&self, what: &Verification, bounds: Bounds) -> Result<Verified, Error> {
        self.check_homes(&what.homes)?;
        self.check_sources(&what.sources)?;
        let planned = self.plan().await?;
        let mut subject = Subject::new(planned, what).map_err(Error::usage)?;
        let control = look_at_control(&self.config.control, &subject.sources).await;
        let is_chosen =
            |home: &HomeConfig| what.homes.is_empty() || what.homes.iter().any(|name| *name == home.home.as_str());
        let chosen: Vec<_> = self.config.homes.iter().enumerate().filter(|(_, home)| is_chosen(home)).collect();
        let limit = BatchLimit { rows: self.config.batch.rows, bytes: self.config.batch.bytes };
        let (mut of_control, failure) = match control {
            Ok(of_control) => (of_control, None),
            Err(failure) => (subject.none_kept(), Some(failure.to_string())),
        };
        let mut homes = Vec::new();
        // What has no home is counted with the first of them.
        let mut counts_control = failure.is_none();
        for chosen in chosen.chunks(HOMES_AT_ONCE) {
            let mut found: BTreeMap<usize, VerifiedHome> = BTreeMap::new();
            for look in 1..=LOOKS {
                let left: Vec<_> = chosen.iter().filter(|(slot, _)| !found.contains_key(slot)).copied().collect();
                if left.is_empty() {
                    break;
                }
                let mut group = Group::new(&mut subject, limit, bounds, left.len(), of_control, counts_control);
                found.extend(group.compare(&left, look == LOOKS).await);
                of_control = group.into_control();
                counts_control = false;
            }
            homes.extend(found.into_values());
        }
        let is_cut = subject.sources.iter().any(|source| source.failure.is_some());
        let cut = is_cut.then(|| String::from("a source could not be read to its end"));
        let control = match failure.or(cut) {
            Some(failure) => VerifiedHome::failed("control", failure),
            None => report(&subject, "control", &of_control, true),
        };
        let unverified = subject.unverified.clone();
        let mut verified = Verified { sources: subject.into_sources(), homes, control, unverified };
        verified.compare_ignored(what.homes.is_empty());
        Ok(verified)
    }
}

/// What was found of the accounting of a database.
fn report(subject: &Subject, name: &str, sources: &[OfSource], is_control: bool) -> VerifiedHome {
    let account = |(source, of): (&subject::Reader, &OfSource)| of.report(&source.name, is_control);
    let accounts = subject.sources.iter().zip(sources).map(account).collect();
    VerifiedHome { home: name.to_owned(), accounts, tables: Vec::new(), failure: None }
}
