//! Where a source ends now, and how many records are between there and the positions of homes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::config::{Document, SourceConfig};
use crate::cursor::Cursor;
use crate::database;
use crate::position::{Position, Value};
use crate::source::{Counting, GuaranteeClass, Horizon, NotOpened, Waits};

/// A source that has not answered by then is told not to be reachable.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writers to it are waited for so long, and no longer, to tell what is settled.
pub(crate) const SETTLES: Duration = Duration::from_secs(1);

/// So many records are counted of each distance, and for so long.
const COUNTING: Counting = Counting { most: 1_000_000, within: Duration::from_secs(5) };

/// What a source says.
pub(super) struct End {
    pub(super) upto: Position,
    pub(super) waits_for: Option<String>,
    cursor: Cursor,
    /// By position, how many records are behind it up to the end; `None` where that was not counted to its end.
    rows: BTreeMap<Position, Option<u64>>,
}

impl End {
    /// Asks a source where it ends, for homes at these positions.
    pub(super) async fn find(
        config: &SourceConfig,
        document: &Document,
        positions: BTreeSet<Position>,
        waits: Option<&Waits>,
    ) -> Result<Self, String> {
        let found = tokio::time::timeout(PATIENCE, find(config, document, positions, waits)).await;
        found.unwrap_or_else(|_| Err(format!("it does not answer within {} s", PATIENCE.as_secs())))
    }

    /// Whether a position can be one of the source.
    pub(super) fn admits(&self, position: &Position) -> bool {
        self.cursor.admits(position)
    }

    /// How many records are behind a position, and whether there are more.
    pub(super) fn rows_behind(&self, position: &Position) -> (Option<u64>, bool) {
        if *position >= self.upto {
            return (Some(0), false);
        }
        let rows = self.rows.get(position).copied().flatten();
        (rows.map(|rows| rows.min(COUNTING.most)), rows.is_some_and(|rows| rows > COUNTING.most))
    }

    /// How much later the end is than a position, where the cursor begins with a time.
    pub(super) fn seconds_behind(&self, position: &Position) -> Option<u64> {
        let time = |position: &Position| match position.values().first() {
            Some(Value::Timestamp(microseconds)) => Some(*microseconds),
            _ => None,
        };
        let later = time(&self.upto)?.saturating_sub(time(position)?) / 1_000_000;
        Some(u64::try_from(later).unwrap_or(0))
    }
}

async fn find(
    config: &SourceConfig,
    document: &Document,
    positions: BTreeSet<Position>,
    waits: Option<&Waits>,
) -> Result<End, String> {
    let told = |NotOpened { why, .. }: NotOpened| {
        why.into_iter().map(|unopened| unopened.message).collect::<Vec<_>>().join("; ")
    };
    let mut source = database::source(config, document).await.map_err(told)?;
    let cursor = source.cursor().clone();
    source.narrow(&sorted(cursor.columns()));
    source.hurry(SETTLES);
    let positions: BTreeSet<_> = positions.into_iter().filter(|position| cursor.admits(position)).collect();
    let reached = positions.last().cloned().unwrap_or_default();
    let waits = waits.filter(|waits| cursor.admits(&waits.upto));
    let horizon = source.horizon(&reached, waits).await.map_err(|error| error.to_string())?;
    let Horizon { upto, waits_for, .. } = horizon;
    if reached > upto && source.guarantee().class != GuaranteeClass::Heuristic {
        return Err(format!("it ends at {upto}, but a home has got to {reached}; was it restored or replaced?"));
    }
    let mut behind: Vec<_> = positions.into_iter().filter(|position| *position < upto).collect();
    behind.push(upto.clone());
    let between = if behind.len() > 1 { source.count(&behind, COUNTING).await } else { Ok(Vec::new()) };
    let between = between.map_err(|error| error.to_string())?;
    let mut rows = BTreeMap::new();
    let mut sum = Some(0_u64);
    for (position, count) in behind.into_iter().zip(between).rev() {
        sum = sum.zip(count).map(|(sum, count)| sum.saturating_add(count));
        rows.insert(position, sum);
    }
    Ok(End { upto, waits_for, cursor, rows })
}

fn sorted(columns: &[usize]) -> Vec<usize> {
    let sorted: BTreeSet<_> = columns.iter().copied().collect();
    sorted.into_iter().collect()
}
