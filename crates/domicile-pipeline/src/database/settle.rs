//! Waiting until a source is settled up to an id: until nobody is left who may have drawn a lower one.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::config::SourceConfig;
use crate::position::Position;
use crate::source::{Guarantee, GuaranteeClass, Horizon, Waits};

/// How long writers are waited for that were under way when a run began.
const WAIT: Duration = Duration::from_secs(10);

/// A transaction that may have written to the source.
pub(super) struct Writer {
    /// What no other transaction is called.
    pub(super) transaction: String,
    /// It may have been called something else before: it is only prepared, and no connection's any more.
    pub(super) is_renamed: bool,
    /// How people are told of it.
    pub(super) told: String,
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
    look_again: Duration,
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
    let writers = now.iter().map(|writer| writer.transaction.clone()).collect();
    let mut left = Waits { upto, server, writers };
    let began = Instant::now();
    loop {
        keep_those_left(&mut left.writers, &now);
        earlier.iter_mut().for_each(|earlier| keep_those_left(&mut earlier.writers, &now));
        if left.writers.is_empty() {
            return Ok(Horizon::all(left.upto));
        }
        if began.elapsed() > WAIT {
            break;
        }
        tokio::time::sleep(look_again).await;
        now = watch.writers().await?;
    }
    let told = now.iter().filter(|writer| writer.is_renamed || left.writers.contains(&writer.transaction));
    let told: Vec<_> = told.map(|writer| writer.told.as_str()).collect();
    let (upto, waits) = match earlier {
        Some(earlier) if earlier.writers.is_empty() => (earlier.upto, left),
        Some(earlier) => (reached.clone(), earlier),
        None => (reached.clone(), left),
    };
    let waits_for = format!("nothing is read beyond {upto} before they end: {}", told.join(", "));
    Ok(Horizon { upto, waits_for: Some(waits_for), waits: Some(waits) })
}

/// Leaves those among the writers that have not ended. While there is one that may have been called something else before,
/// it may be any of those that are not to be seen any more.
fn keep_those_left(waited: &mut BTreeSet<String>, now: &[Writer]) {
    if !now.iter().any(|writer| writer.is_renamed && !waited.contains(&writer.transaction)) {
        waited.retain(|waited| now.iter().any(|writer| writer.transaction == *waited));
    }
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

/// What is guaranteed where the server may forget what was committed, and how it may.
pub(super) fn of_volatile(config: &SourceConfig, how: &str, mend: &str) -> Guarantee {
    let cursor = config.cursor.join(", ");
    let reason = format!(
        "exact while the server does not crash: {how}, so that a crash may take back records that were read, and give their \
         `{cursor}` to others"
    );
    Guarantee { class: GuaranteeClass::Bounded, reason, raise: Some(mend.to_owned()) }
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
