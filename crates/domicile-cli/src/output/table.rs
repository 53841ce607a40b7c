//! A table in plain text: the first column to the left, numbers to the right.

use super::{is_written, plain};

/// Prints rows under a head; every row has as many cells as the head.
pub(crate) fn print(head: &[&str], rows: &[Vec<String>]) {
    is_written(&text(head, rows));
}

/// The same as text; nothing where there are no rows.
pub(crate) fn text(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<_>> = rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let head: Vec<_> = head.iter().map(ToString::to_string).collect();
    let row = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    [&head].into_iter().chain(&rows).map(row).collect()
}
