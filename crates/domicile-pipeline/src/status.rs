//! How homes are now: how far each has got with each source, and whether it is well. Nothing is written.
//!
//! Every database is asked by itself, and what cannot be asked is told as that: the others are told all the same.

mod end;
mod look;
mod report;

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat};
use futures::future::join_all;
use futures::{StreamExt, join, stream};

use crate::config::{Database, HomeConfig, SourceConfig};
use crate::control::{self, Kept};
use crate::database;
use crate::error::Error;
use crate::pipeline::Pipeline;
use crate::position::Position;
use crate::state::{Condition, State, whole};
use end::End;
pub(crate) use end::SETTLES;
use look::{Look, Seen, look};
pub(crate) use look::{PATIENCE, unanswered};
pub use report::{HomeState, HomeStatus, Lag, RunUnderWay, SourceStatus, Status};

/// So many databases are looked at together: most of the time is spent waiting for their answers.
pub(crate) const LOOKED_AT_AT_ONCE: usize = 32;

/// A database that is looked at. The control database has no home.
pub(crate) struct Place<'a> {
    pub(crate) home: Option<&'a str>,
    pub(crate) database: &'a Database,
}

impl Pipeline {
    /// Says how the homes are now: all of them, or those of these names, with all sources, or with those of these names.
    /// Nothing is written.
    ///
    /// What is told of a home that is not well is what the last run has noted of it: a hint, of which nothing else makes use.
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use domicile_pipeline::{Config, Pipeline};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = Config::load(Path::new("domicile.toml"))?;
    /// let status = Pipeline::new(config).status(&[], &[]).await?;
    /// for home in status.sources.iter().flat_map(|source| &source.homes) {
    ///     println!("{} is {}", home.home, home.state.name());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the configuration has no home or source of a name that is asked for. What cannot be reached is told in the result.
    pub async fn status(&self, homes: &[String], sources: &[String]) -> Result<Status, Error> {
        self.check_homes(homes)?;
        self.check_sources(sources)?;
        let places = self.watched(homes);
        let looks = stream::iter(places.iter().map(|place| look(place.database)));
        let looks = looks.buffered(LOOKED_AT_AT_ONCE).collect::<Vec<_>>();
        let (kept, looks) = join!(self.kept_in_time(), looks);
        let (kept, control_failure) = match kept {
            Ok(kept) => (kept, None),
            Err(failure) => (Kept::default(), Some(failure)),
        };
        let is_chosen = |source: &&SourceConfig| sources.is_empty() || sources.contains(&source.name);
        let chosen = self.config.sources.iter().filter(is_chosen);
        let all = join_all(chosen.map(|source| self.source_status(source, &places, &looks, &kept))).await;
        Ok(Status { at: time(control::now()), sources: all, control_failure })
    }

    /// The homes and, where nothing says which, the control database.
    pub(crate) fn watched<'a>(&'a self, names: &[String]) -> Vec<Place<'a>> {
        let is_chosen = |home: &&HomeConfig| names.is_empty() || names.iter().any(|name| *name == home.home.as_str());
        let homes = self.config.homes.iter().filter(is_chosen);
        let homes = homes.map(|home| Place { home: Some(home.home.as_str()), database: &home.database });
        let control = names.is_empty().then_some(Place { home: None, database: &self.config.control });
        homes.chain(control).collect()
    }

    pub(crate) async fn kept_in_time(&self) -> Result<Kept, String> {
        let mut control = database::control(&self.config.control);
        let kept = tokio::time::timeout(look::PATIENCE, control.read()).await;
        let kept = kept.map_err(|_| look::unanswered().to_string())?;
        kept.map_err(|failure| failure.with_help())
    }

    async fn source_status(
        &self,
        source: &SourceConfig,
        places: &[Place<'_>],
        looks: &[Look],
        kept: &Kept,
    ) -> SourceStatus {
        let seen = |look: &Look| look.as_ref().ok().map(|seen| seen.get(&source.name).cloned().unwrap_or_default());
        let positions: BTreeSet<_> = looks.iter().filter_map(seen).map(|seen| seen.position).collect();
        let waits = kept.waits.get(&source.name);
        let end = End::find(source, &self.config.document, positions, waits).await;
        let run = kept.leases.get(&source.name).and_then(|leased| {
            let holder = leased.living()?;
            // It is more than nothing, and not much.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let lease_seconds_left = leased.seconds_left.ceil() as u64;
            Some(RunUnderWay { host: holder.host, process: holder.pid, since: holder.since, lease_seconds_left })
        });
        let of_place = |(place, look): (&Place<'_>, &Look)| {
            let looked = look.as_ref().map(|seen| seen.get(&source.name).cloned().unwrap_or_default());
            let home = (source.name.clone(), place.home.unwrap_or_default().to_owned());
            let noted = kept.ends.get(&source.name);
            let found =
                Found { state: kept.states.get(&home), noted, end: end.as_ref().ok(), is_running: run.is_some() };
            match looked {
                Ok(seen) => found.status(place, seen),
                Err(failure) => found.unreachable(place, failure.with_help()),
            }
        };
        let mut homes: Vec<_> = places.iter().zip(looks).map(of_place).collect();
        let control = if places.iter().any(|place| place.home.is_none()) { homes.pop() } else { None };
        let (end, failure) = match end {
            Ok(end) => (Some(end), None),
            Err(failure) => (None, Some(failure)),
        };
        let waits_for = end.as_ref().and_then(|end| end.waits_for.clone());
        let end = end.map(|end| end.upto);
        let state = kept.states.get(&whole(&source.name));
        SourceStatus {
            source: source.name.clone(),
            state: state.map_or(Condition::Well, |state| state.condition),
            why: state.map(|state| state.why.clone()),
            since: state.map(|state| time(state.since)),
            end,
            waits_for,
            failure,
            run,
            homes,
            control,
        }
    }
}

/// What is known of a home beside what it says itself.
struct Found<'a> {
    state: Option<&'a State>,
    /// Where all homes were when a run saw them at the end of the source.
    noted: Option<&'a control::End>,
    end: Option<&'a End>,
    is_running: bool,
}

impl Found<'_> {
    fn status(&self, place: &Place<'_>, seen: Seen) -> HomeStatus {
        let (state, why) = self.state_of(&seen.position);
        HomeStatus {
            home: place.home.unwrap_or("control").to_owned(),
            state,
            why,
            since: self.state.map(|state| time(state.since)),
            lag: self.lag(&seen),
            position: Some(seen.position),
            last_commit: seen.moved_at,
            quarantined: Some(seen.waiting),
        }
    }

    fn unreachable(&self, place: &Place<'_>, failure: String) -> HomeStatus {
        HomeStatus {
            home: place.home.unwrap_or("control").to_owned(),
            state: HomeState::Unreachable,
            why: Some(failure),
            since: self.state.map(|state| time(state.since)),
            position: None,
            lag: Lag::default(),
            last_commit: None,
            quarantined: None,
        }
    }

    fn state_of(&self, position: &Position) -> (HomeState, Option<String>) {
        if let Some(State { condition, why, .. }) = self.state {
            return ((*condition).into(), Some(why.clone()));
        }
        let never = *position == Position::Start;
        let Some(end) = self.end else {
            return (if never { HomeState::NeverDelivered } else { HomeState::Unknown }, None);
        };
        if !end.admits(position) {
            let why = "its position of this source was read by another cursor";
            return (HomeState::Blocked, Some(String::from(why)));
        }
        let state = match (end.rows_behind(position).0 == Some(0), self.is_running) {
            (true, _) if end.waits_for.is_some() => HomeState::Waiting,
            (true, _) => HomeState::UpToDate,
            (false, true) => HomeState::Running,
            (false, false) if never => HomeState::NeverDelivered,
            (false, false) => HomeState::Behind,
        };
        (state, None)
    }

    fn lag(&self, seen: &Seen) -> Lag {
        let Some(end) = self.end.filter(|end| end.admits(&seen.position)) else { return Lag::default() };
        let (rows, is_more) = end.rows_behind(&seen.position);
        let seconds = if rows == Some(0) {
            Some(0)
        } else {
            end.seconds_behind(&seen.position).or_else(|| self.seconds_since(seen))
        };
        Lag { rows, is_more, seconds }
    }

    /// How long ago the home was last seen to move on, or to be at the end.
    fn seconds_since(&self, seen: &Seen) -> Option<u64> {
        let at_end = self.noted.filter(|noted| Some(&noted.position) == seen.position.stored().as_ref());
        let at_end = at_end.and_then(|noted| u64::try_from(control::now() - noted.at).ok());
        seen.seconds_ago.into_iter().chain(at_end).min()
    }
}

/// A time that is given in seconds since 1970.
pub(crate) fn time(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}
