//! When runs begin by themselves.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;

use super::findings::Findings;
use super::setting::SettingPath;

/// The time zone of a file that names none.
pub(super) const UTC: &str = "UTC";

/// The times at which runs begin: a cron expression in a time zone.
///
/// ```
/// use domicile_pipeline::Schedule;
///
/// let schedule = Schedule::new("0 6 * * MON-FRI", "Europe/Madrid")?;
/// let friday_evening = "2026-11-27T18:00:00Z".parse().unwrap();
/// assert_eq!(schedule.next_after(friday_evening), "2026-11-30T05:00:00Z".parse().ok());
/// # Ok::<(), domicile_pipeline::InvalidSchedule>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
}

/// Why a schedule cannot be made out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidSchedule {
    /// The expression is none, or never comes true.
    Cron(String),
    /// There is no time zone of this name.
    Zone,
}

impl fmt::Display for InvalidSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(why) => write!(f, "it is no cron expression: {why}"),
            Self::Zone => f.write_str("there is no time zone of this name"),
        }
    }
}

impl std::error::Error for InvalidSchedule {}

impl Schedule {
    /// The times of a cron expression of five fields, or of six, the first of which are seconds, by the clocks of a time
    /// zone such as `Europe/Madrid`. An hour that a clock leaves out when it is put forward is made up for right behind
    /// it; a time that comes twice counts once where the expression names one minute and one hour, and twice otherwise.
    ///
    /// # Errors
    ///
    /// If the expression is none or comes true at no time, or if there is no such time zone.
    pub fn new(cron: &str, zone: &str) -> Result<Self, InvalidSchedule> {
        let cron = Cron::from_str(cron).map_err(|error| InvalidSchedule::Cron(error.to_string()))?;
        let zone = Tz::from_str(zone).map_err(|_| InvalidSchedule::Zone)?;
        let schedule = Self { cron, zone };
        let comes_true = schedule.next_after(DateTime::UNIX_EPOCH).is_some();
        comes_true.then_some(schedule).ok_or_else(|| InvalidSchedule::Cron(String::from("it comes true at no time")))
    }

    /// The first time behind another one, if there is one.
    #[must_use]
    pub fn next_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = self.cron.find_next_occurrence(&time.with_timezone(&self.zone), false);
        next.ok().map(|next| next.with_timezone(&Utc))
    }

    /// How many times there are behind one and up to another, as far as somebody counts.
    #[must_use]
    pub fn count(&self, after: DateTime<Utc>, upto: DateTime<Utc>) -> usize {
        const MOST: usize = 10_000;
        let next = |time: &DateTime<Utc>| self.next_after(*time).filter(|next| *next <= upto);
        std::iter::successors(next(&after), next).take(MOST).count()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.cron.as_str(), self.zone)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({self})")
    }
}

/// The schedule of a file, if it has one.
pub(super) fn schedule(cron: Option<&str>, zone: Option<&str>, findings: &mut Findings<'_>) -> Option<Schedule> {
    let (cron_at, zone_at) = (SettingPath::root().key("schedule"), SettingPath::root().key("time_zone"));
    // The command line may have a schedule for the zone.
    let every_minute = "* * * * *";
    match Schedule::new(cron.unwrap_or(every_minute), zone.unwrap_or(UTC)) {
        Ok(schedule) => cron.map(|_| schedule),
        Err(InvalidSchedule::Cron(_)) => {
            let message = format!("`{}` is no cron expression", findings.document.shown(&cron_at));
            let help = "write minute, hour, day of the month, month and day of the week, as in `*/5 * * * *`";
            findings.report(&cron_at, message, help);
            None
        }
        Err(InvalidSchedule::Zone) => {
            let message = format!("there is no time zone `{}`", findings.document.shown(&zone_at));
            findings.report(&zone_at, message, "write it as in `Europe/Madrid`, or `UTC`");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::told;

    fn times(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::new(cron, zone).unwrap();
        let begin: DateTime<Utc> = after.parse().unwrap();
        let next = |time: &DateTime<Utc>| schedule.next_after(*time);
        std::iter::successors(next(&begin), next).take(count).map(|time| time.to_rfc3339()).collect()
    }

    #[test]
    fn times_are_those_of_the_zones_clocks() {
        let madrid = times("30 2 * * *", "Europe/Madrid", "2026-03-28T12:00:00Z", 2);
        assert_eq!(madrid, ["2026-03-29T01:00:00+00:00", "2026-03-30T00:30:00+00:00"], "2:30 is left out on the 29th");
        let twice = times("30 2 * * *", "Europe/Madrid", "2026-10-24T12:00:00Z", 2);
        assert_eq!(twice, ["2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"], "2:30 comes twice on the 25th");
        assert_eq!(times("*/10 * * * * *", "UTC", "2026-01-01T00:00:00Z", 1), ["2026-01-01T00:00:10+00:00"]);
    }

    #[test]
    fn missed_times_are_counted() {
        let schedule = Schedule::new("*/5 * * * *", "UTC").unwrap();
        let at = |time: &str| format!("2026-01-01T{time}:00Z").parse().unwrap();
        assert_eq!(schedule.count(at("10:00"), at("10:04")), 0);
        assert_eq!(schedule.count(at("10:00"), at("10:15")), 3);
    }

    #[test]
    fn what_is_no_schedule_is_told_with_its_line() {
        let of = |lines: &str| {
            told("control = \"sqlite:control.sqlite\"", &format!("control = \"sqlite:control.sqlite\"\n{lines}"))
                .join("\n")
        };
        assert_eq!(of("schedule = \"*/5 * * * *\"\ntime_zone = \"Europe/Madrid\""), "");
        assert!(of("schedule = \"daily\"").contains("`daily` is no cron expression"));
        assert!(
            of("schedule = \"0 0 30 2 *\"").contains("`0 0 30 2 *` is no cron expression"),
            "a day that never comes"
        );
        assert!(of("schedule = \"* * * * *\"\ntime_zone = \"Madrid\"").contains("there is no time zone `Madrid`"));
        assert!(of("time_zone = \"Madrid\"").contains("there is no time zone `Madrid`"));
        assert_eq!(of("time_zone = \"UTC\""), "", "the command line may have the schedule");
    }
}
