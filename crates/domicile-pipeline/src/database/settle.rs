//! Waiting until a source is settled up to an id: until nobody is left who may have drawn a lower one.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::config::SourceConfig;
use crate::position::Position;
use crate::source::{Guarantee, GuaranteeClass, Horizon, Waits};

/// How long writers are waited for that were under way when a run began.
pub(crate) const WAIT: Duration = Duration::from_secs(10);

/// How long is waited, and how often is looked.
pub(super) struct Patience {
    wait: Duration,
    look_again: Duration,
}

impl Patience {
    pub(super) fn new(wait: Duration, look_again: Duration) -> Self {
        Self { wait, look_again }
    }
}

/// A transaction that may have written to the source.
pub(super) struct Writer {
    /// What no other transaction is called.
    pub(super) transaction: String,
    /// It may have been called something else before: it is only prepared, and no connection's any more.
    pub(super) is_renamed: bool,
    /// How people are told of it.
    pub(super) told: String,
}

/// What the names of transactions that are only prepared begin with.
const PREPARED: &str = "prepared ";

impl Writer {
    /// The name under which it is waited for.
    fn name(&self) -> String {
        if self.is_renamed { format!("{PREPARED}{}", self.transaction) } else { self.transaction.clone() }
    }
}

/// Tells which transactions may have written to the source and are not at their end.
#[async_trait]
pub(super) trait Watch: Send {
    type Error: Send;

    /// The writers now. One that was told before MUST be told until its end, under the same name or as one that is renamed.
    async fn writers(&mut self) -> Result<Vec<Writer>, Self::Error>;

    /// What is watched: the table and the cursor's columns, by which sight, and the server, which has another name when it
    /// is started anew, or is another one.
    async fn server(&mut self) -> Result<String, Self::Error>;
}

/// Waits for the writers that there are now, after `upto` was read as the highest id. It is settled when they have ended.
///
/// If they stay longer than they are waited for, it is settled as far as an earlier run waited for writers that have ended
/// meanwhile, or else as far as `reached`, which is settled anyhow. Were each run to wait for those alone that it finds,
/// writers that take turns would keep a source from ever going on.
pub(super) async fn settled<W: Watch>(
    watch: &mut W,
    patience: Patience,
    upto: Position,
    reached: &Position,
    waits: Option<&Waits>,
) -> Result<Horizon, W::Error> {
    let mut now = watch.writers().await?;
    if now.is_empty() || upto <= *reached {
        return Ok(Horizon::all(upto));
    }
    let server = watch.server().await?;
    let earlier = waits.filter(|waits| waits.server == server && waits.upto > *reached);
    // Nothing is read that is not seen, also where what was seen then is gone.
    let mut earlier = earlier.map(|waits| Waits { upto: waits.upto.clone().min(upto.clone()), ..waits.clone() });
    let writers = now.iter().map(Writer::name).collect();
    let mut left = Waits { upto, server, writers };
    let began = Instant::now();
    loop {
        keep_those_left(&mut left.writers, &now);
        earlier.iter_mut().for_each(|earlier| keep_those_left(&mut earlier.writers, &now));
        if left.writers.is_empty() {
            return Ok(Horizon::all(left.upto));
        }
        if began.elapsed() > patience.wait {
            break;
        }
        tokio::time::sleep(patience.look_again).await;
        now = watch.writers().await?;
    }
    let told = now.iter().filter(|writer| left.writers.contains(&writer.name()));
    let told: Vec<_> = told.map(|writer| writer.told.as_str()).collect();
    let (upto, waits) = match earlier {
        Some(earlier) if earlier.writers.is_empty() => (earlier.upto, left),
        Some(earlier) => (reached.clone(), earlier),
        None => (reached.clone(), left),
    };
    let waits_for = format!("nothing is read beyond {upto} before they end: {}", told.join(", "));
    Ok(Horizon { upto, waits_for: Some(waits_for), waits: Some(waits) })
}

/// Leaves those among the writers that have not ended. One that is not to be seen any more may only be prepared, under another
/// name: so all those are waited for that are prepared then. These have no other name to come, so that the wait ends though
/// others are prepared all the time.
fn keep_those_left(waited: &mut BTreeSet<String>, now: &[Writer]) {
    let now: BTreeSet<_> = now.iter().map(Writer::name).collect();
    let is_gone = waited.iter().any(|waited| !waited.starts_with(PREPARED) && !now.contains(waited));
    waited.retain(|waited| now.contains(waited));
    if is_gone {
        waited.extend(now.into_iter().filter(|name| name.starts_with(PREPARED)));
    }
}

/// An age as people say it, to its second unit.
pub(super) fn age(seconds: i64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    // The clock may have been put back.
    let mut left = u64::try_from(seconds).unwrap_or(0);
    let first = UNITS.iter().position(|(length, _)| left >= *length).unwrap_or(UNITS.len() - 1);
    let mut parts = Vec::new();
    for (length, name) in UNITS.iter().skip(first).take(2) {
        let count = left / length;
        left %= length;
        if count > 0 || parts.is_empty() {
            parts.push(format!("{count} {name}"));
        }
    }
    parts.join(" ")
}

/// What is guaranteed of a query, whose rows may come from anywhere.
pub(super) fn of_query(config: &SourceConfig) -> Guarantee {
    let cursor = config.cursor.join(", ");
    let reason = format!(
        "a query can show a record later with the same or a lower `{cursor}`, for example when a joined row comes late"
    );
    heuristic(config, &reason, "read a table")
}

/// What is guaranteed of a view, of which it is not known what it shows.
pub(super) fn of_view(config: &SourceConfig) -> Guarantee {
    let cursor = config.cursor.join(", ");
    let reason = format!("of a view it is not known who still writes records with the same or a lower `{cursor}`");
    heuristic(config, &reason, "read the table that it shows")
}

/// Something that a source is exact under, and what makes it so for good.
pub(super) struct Condition {
    pub(super) holds_while: String,
    pub(super) mend: String,
}

impl Condition {
    pub(super) fn new(holds_while: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { holds_while: holds_while.into(), mend: mend.into() }
    }

    /// The server may forget what was committed: how it may, and what keeps it from that.
    pub(super) fn no_crash(config: &SourceConfig, how: &str, mend: &str) -> Self {
        let cursor = config.cursor.join(", ");
        let holds_while = format!(
            "the server does not crash: {how}, so that a crash may take back records that were read, and give their `{cursor}` \
             to others"
        );
        Self::new(holds_while, mend)
    }
}

/// What is guaranteed of a source that is exact for a reason, under conditions.
pub(super) fn exact_while(conditions: Vec<Condition>, reason: String) -> Guarantee {
    if conditions.is_empty() {
        return Guarantee { class: GuaranteeClass::Exact, reason, raise: None };
    }
    let (held, mends): (Vec<_>, Vec<_>) = conditions.into_iter().map(|each| (each.holds_while, each.mend)).unzip();
    Guarantee {
        class: GuaranteeClass::Bounded,
        reason: format!("exact while {}", held.join("; and while ")),
        raise: Some(format!("to make it exact, {}", mends.join("; and "))),
    }
}

/// What is guaranteed where the database does not draw the cursor by itself.
pub(super) fn of_application(config: &SourceConfig, raise: &str) -> Guarantee {
    let cursor = config.cursor.join(", ");
    let reason =
        format!("whoever writes a record sets its `{cursor}`, and one can come later with the same or a lower one");
    heuristic(config, &reason, raise)
}

/// Records can come late for this reason. Those within the overlap are read.
pub(super) fn heuristic(config: &SourceConfig, reason: &str, raise: &str) -> Guarantee {
    let (reason, raise) = match &config.overlap {
        Some(overlap) => {
            let span = span_text(overlap.span);
            (format!("{reason}; it is read if it comes within {span}, and not later"), raise.to_owned())
        }
        None => (
            format!("{reason}; it would not be read"),
            format!("{raise}; or, with a timestamp as cursor, give an `overlap` within which late records are read"),
        ),
    };
    Guarantee { class: GuaranteeClass::Heuristic, reason, raise: Some(raise) }
}

/// A span as the configuration writes it.
fn span_text(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(24 * 60 * 60, 'd'), (60 * 60, 'h'), (60, 'm'), (1, 's')];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)).unwrap_or((1, 's'));
    format!("{}{name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writers by their age, each called by its first letter, as they are from one look to the next; the last look stays.
    struct Looks(Vec<Vec<(char, i64)>>);

    #[async_trait]
    impl Watch for Looks {
        type Error = ();

        async fn writers(&mut self) -> Result<Vec<Writer>, ()> {
            let now = if self.0.len() > 1 { self.0.remove(0) } else { self.0[0].clone() };
            let writer = |(name, seconds)| Writer {
                transaction: String::from(name),
                is_renamed: false,
                told: format!("{name} for {}", age(seconds)),
            };
            Ok(now.into_iter().map(writer).collect())
        }

        async fn server(&mut self) -> Result<String, ()> {
            Ok(String::from("server"))
        }
    }

    /// Up to where a source with records up to 9 is settled, of which 3 are known, and who is waited for.
    fn horizon(looks: Vec<Vec<(char, i64)>>, waits: Option<&Waits>) -> Horizon {
        let patience = Patience { wait: Duration::from_millis(30), look_again: Duration::from_millis(1) };
        let (mut looks, reached) = (Looks(looks), Position::At(3));
        let settled = settled(&mut looks, patience, Position::At(9), &reached, waits);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(settled).unwrap()
    }

    #[test]
    fn nothing_is_read_before_all_have_ended_who_were_there_first() {
        assert_eq!(horizon(vec![vec![]], None).upto, Position::At(9));
        let one_after_the_other =
            vec![vec![('a', 1), ('b', 3_600)], vec![('b', 3_600)], vec![('c', 0)], vec![('c', 0)]];
        let settled = horizon(one_after_the_other, None);
        assert_eq!((settled.upto, settled.waits_for), (Position::At(9), None), "who came later draws higher ids");
    }

    #[test]
    fn who_stays_for_an_hour_is_told_as_old_as_at_the_last_look() {
        let stays = horizon(vec![vec![('a', 3_599), ('b', 0)], vec![('a', 3_600), ('c', 7_200)]], None);
        assert_eq!(stays.upto, Position::At(3), "what was settled is settled");
        assert_eq!(stays.waits_for.unwrap(), "nothing is read beyond 3 before they end: a for 1 h");
        // In the next run there is another, who has nothing to do with what the first one waited for.
        let waits = Waits { upto: Position::At(7), ..stays.waits.unwrap() };
        let next = horizon(vec![vec![('d', 90_000)]], Some(&waits));
        assert_eq!(next.upto, Position::At(7));
        assert_eq!(next.waits_for.unwrap(), "nothing is read beyond 7 before they end: d for 1 d 1 h");
    }

    #[test]
    fn who_may_have_had_another_name_is_taken_for_any_that_is_gone() {
        let writer = |name: &str, is_renamed| Writer { transaction: name.into(), is_renamed, told: name.into() };
        let left = |now: &[Writer]| {
            let mut waited = BTreeSet::from(["a", "prepared x"].map(String::from));
            keep_those_left(&mut waited, now);
            waited.into_iter().collect::<Vec<_>>().join(", ")
        };
        assert_eq!(left(&[writer("b", false)]), "", "who came later was none of them");
        assert_eq!(left(&[writer("y", true), writer("z", true)]), "prepared y, prepared z", "one of them may be a");
        assert_eq!(left(&[writer("x", true)]), "prepared x", "this one is known");
        assert_eq!(left(&[writer("a", false), writer("y", true)]), "a", "x has ended, and y was none of them");
    }

    #[test]
    fn others_that_are_prepared_all_the_time_delay_and_do_not_stop_it() {
        let writer = |name: &str| Writer { transaction: name.into(), is_renamed: true, told: name.into() };
        let mut waited = BTreeSet::from([String::from("a")]);
        let now = [["p", "q"], ["q", "r"], ["r", "s"], ["s", "t"]];
        let left: Vec<_> = now
            .iter()
            .map(|now| {
                keep_those_left(&mut waited, &now.map(writer));
                waited.len()
            })
            .collect();
        assert_eq!(left, [2, 1, 0, 0], "p and q are waited for, and nobody who came later");
    }

    #[test]
    fn an_age_is_told_to_its_second_unit() {
        for (seconds, told) in [
            (-5, "0 s"),
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min 59 s"),
            (3_600, "1 h"),
            (3_659, "1 h"),
            (3_725, "1 h 2 min"),
            (86_399, "23 h 59 min"),
            (90_000, "1 d 1 h"),
            (864_000, "10 d"),
        ] {
            assert_eq!(age(seconds), told, "{seconds}");
        }
    }
}
