//! Which records of a source are read next, in SQL: those behind one position and up to another, in the order of the
//! cursor.

use std::ops::Bound;

use crate::cursor::Cursor;
use crate::position::{Position, Value};
use crate::source::Horizon;

/// Records that are never read are counted up to so many: more are not needed for people to know that something is wrong.
const MOST_TOLD: i64 = 1_000;

/// The columns of a cursor, as the SQL of a database speaks of them.
pub(super) struct Bounds {
    pub(super) parts: Vec<Part>,
    pub(super) comparison: Comparison,
    /// The server's time as the first column has it, where that is a time: what is beyond it is not read yet.
    pub(super) now: Option<String>,
}

/// One column of a cursor.
pub(super) struct Part {
    /// What is compared, and ordered by.
    pub(super) compared: String,
    /// Holds for the records that are never read by it, if there can be some: those with NULL, and the like.
    pub(super) never: Option<String>,
}

/// How several columns are compared at once, such that an index over them is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `(a, b) > (1, 2)`
    Rows,
    /// `a >= 1 AND (a > 1 OR (a = 1 AND b > 2))`
    Expanded,
}

impl Bounds {
    /// What to order by.
    pub(super) fn order(&self) -> String {
        self.ordered("")
    }

    /// The query of these columns of the last record that can be read.
    pub(super) fn select_last(&self, columns: &str, relation: &str) -> String {
        let readable = self.never().map(|never| format!("NOT ({never})")).into_iter().chain(self.is_future("<="));
        let readable = readable.collect::<Vec<_>>().join(" AND ");
        let readable = if readable.is_empty() { readable } else { format!(" WHERE {readable}") };
        format!("SELECT {columns} FROM {relation}{readable} ORDER BY {} LIMIT 1", self.ordered(" DESC"))
    }

    /// The query that counts the records that are never read, up to one more than are told, if there can be some.
    pub(super) fn count_never(&self, relation: &str) -> Option<String> {
        Some(count(relation, &self.never()?))
    }

    /// The query that counts the records that are in the future, up to one more than are told, if there can be some.
    pub(super) fn count_future(&self, relation: &str) -> Option<String> {
        Some(count(relation, &self.is_future(">")?))
    }

    fn is_future(&self, operator: &str) -> Option<String> {
        self.now.as_ref().map(|now| format!("{} {operator} {now}", self.parts[0].compared))
    }

    fn ordered(&self, direction: &str) -> String {
        let parts = self.parts.iter().map(|part| format!("{}{direction}", part.compared));
        parts.collect::<Vec<_>>().join(", ")
    }

    fn never(&self) -> Option<String> {
        let never: Vec<_> = self.parts.iter().filter_map(|part| part.never.as_deref()).collect();
        (!never.is_empty()).then(|| never.join(" OR "))
    }

    /// Holds for the records between two positions. `place` writes the value of a part into the SQL.
    pub(super) fn between(
        &self,
        from: &Bound<Position>,
        upto: &Position,
        mut place: impl FnMut(usize, &Value) -> String,
    ) -> String {
        let begin = match from {
            Bound::Unbounded => None,
            Bound::Excluded(position) => Some(self.compare(">", "", &position.values(), &mut place)),
            Bound::Included(position) => Some(self.compare(">", "=", &position.values(), &mut place)),
        };
        let end = self.compare("<", "=", &upto.values(), &mut place);
        begin.map_or(end.clone(), |begin| format!("{begin} AND {end}"))
    }

    /// Compares the first of the columns with as many values.
    fn compare(
        &self,
        operator: &str,
        or_equal: &str,
        values: &[Value],
        place: &mut impl FnMut(usize, &Value) -> String,
    ) -> String {
        if values.len() == 1 || self.comparison == Comparison::Rows {
            let compared: Vec<_> = self.parts.iter().take(values.len()).map(|part| part.compared.as_str()).collect();
            let placed: Vec<_> = values.iter().enumerate().map(|(number, value)| place(number, value)).collect();
            let row = |parts: String| if values.len() == 1 { parts } else { format!("({parts})") };
            return format!("{} {operator}{or_equal} {}", row(compared.join(", ")), row(placed.join(", ")));
        }
        let first = format!("{} {operator}= {}", self.parts[0].compared, place(0, &values[0]));
        format!("{first} AND {}", self.expanded(0, operator, or_equal, values, place))
    }

    fn expanded(
        &self,
        number: usize,
        operator: &str,
        or_equal: &str,
        values: &[Value],
        place: &mut impl FnMut(usize, &Value) -> String,
    ) -> String {
        let (compared, value) = (&self.parts[number].compared, &values[number]);
        if number + 1 == values.len() {
            return format!("{compared} {operator}{or_equal} {}", place(number, value));
        }
        let beyond = format!("{compared} {operator} {}", place(number, value));
        let equal = format!("{compared} = {}", place(number, value));
        let rest = self.expanded(number + 1, operator, or_equal, values, place);
        format!("({beyond} OR ({equal} AND {rest}))")
    }
}

/// Counts the records for which something holds, up to one more than are told.
fn count(relation: &str, condition: &str) -> String {
    count_upto(relation, condition, MOST_TOLD.unsigned_abs())
}

/// Counts the records for which something holds, up to one more than `most`.
pub(super) fn count_upto(relation: &str, condition: &str, most: u64) -> String {
    let limit = most.saturating_add(1);
    format!("SELECT count(*) FROM (SELECT 1 AS one FROM {relation} WHERE {condition} LIMIT {limit}) AS counted")
}

/// So many, as people are told.
fn counted(count: i64) -> String {
    if count > MOST_TOLD { format!("more than {MOST_TOLD}") } else { count.to_string() }
}

/// Says so, where a source has records that are in the future: one of them alone would be taken for its end.
pub(super) fn told_of_future(mut horizon: Horizon, future: i64) -> Horizon {
    if future > 0 {
        let records = if future == 1 { "1 record is".to_owned() } else { format!("{} records are", counted(future)) };
        let told = format!("{records} in the future, by the server's clock, and not read before it gets there");
        horizon.waits_for = Some(horizon.waits_for.map_or(told.clone(), |waits_for| format!("{waits_for}; {told}")));
    }
    horizon
}

/// A source with records that would never be read is refused.
pub(super) fn check_all_are_read(never: i64, cursor: &Cursor) -> Result<(), String> {
    if never == 0 {
        return Ok(());
    }
    let count = counted(never);
    let cursor = cursor.named();
    Err(format!(
        "{count} records have NULL, or what cannot be compared, in the cursor `{cursor}`, and would never be read; \
         mend them, or leave them out with a `query`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(comparison: Comparison, from: &Bound<Position>) -> String {
        let part = |compared: &str| Part { compared: compared.to_owned(), never: None };
        let bounds = Bounds { parts: ["a", "b", "c"].map(part).into(), comparison, now: None };
        let upto = Position::of([7, 8, 9].map(Value::Integer).to_vec());
        bounds.between(from, &upto, |_, value| value.to_string())
    }

    #[test]
    fn rows_are_compared_as_rows_where_an_index_serves_that() {
        let behind = Position::of([1, 2, 3].map(Value::Integer).to_vec()).behind();
        assert_eq!(between(Comparison::Rows, &Bound::Unbounded), "(a, b, c) <= (7, 8, 9)");
        assert_eq!(between(Comparison::Rows, &behind), "(a, b, c) > (1, 2, 3) AND (a, b, c) <= (7, 8, 9)");
        let first = Bound::Included(Position::At(1));
        assert_eq!(between(Comparison::Rows, &first), "a >= 1 AND (a, b, c) <= (7, 8, 9)");
    }

    #[test]
    fn rows_are_compared_column_by_column_elsewhere() {
        let behind = Position::of([1, 2, 3].map(Value::Integer).to_vec()).behind();
        assert_eq!(
            between(Comparison::Expanded, &behind),
            "a >= 1 AND (a > 1 OR (a = 1 AND (b > 2 OR (b = 2 AND c > 3)))) AND \
             a <= 7 AND (a < 7 OR (a = 7 AND (b < 8 OR (b = 8 AND c <= 9))))"
        );
    }
}
