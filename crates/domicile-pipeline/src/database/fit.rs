//! Whether a table that is there takes the objects of analysers, as far as that is alike in all databases.

use datafusion::arrow::datatypes::DataType;

use super::Quote;
use crate::extension::shown;
use crate::table::{Merge, Table, Write};

/// What does not fit, and what mends it.
pub(super) type Found = (String, String);

/// A column of a table that is there already.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    /// Its type, as it was declared.
    pub(super) declared: &'a str,
    pub(super) not_null: bool,
    /// It gets a value where none is given.
    pub(super) is_filled: bool,
    pub(super) is_generated: bool,
}

/// A column of the analyser that the table has not, unless it is added.
pub(super) fn no_column(table: &Table, number: usize, quote: Quote, declaration: &str) -> Option<Found> {
    let name = table.schema.field(number).name();
    let mut message = format!("the table `{}` has no column `{name}`", table.name);
    if table.adds_columns && table.write.merge(number).is_some() {
        message += ", and is not given one: it would leave out the records that were read before";
    }
    (!table.adds(number)).then(|| (message, add_column(table, number, quote, declaration)))
}

/// The statement that adds a column of the analyser.
pub(super) fn add_column(table: &Table, number: usize, quote: Quote, declaration: &str) -> String {
    let name = table.schema.field(number).name();
    format!("ALTER TABLE {} ADD COLUMN {} {declaration}", quote(&table.name), quote(name))
}

/// The numbers of the columns that a table is given, as it has none of these names.
pub(super) fn added(table: &Table, has: impl Fn(&str) -> bool) -> Vec<usize> {
    let fields = table.schema.fields().iter().enumerate();
    let missing = fields.filter(|(number, field)| table.adds(*number) && !has(field.name()));
    missing.map(|(number, _)| number).collect()
}

/// What stops a column from taking the analyser's values. `is_kept` says whether it keeps each value of their type as it
/// is, and `declaration` what would.
pub(super) fn column_misfit(
    table: &Table,
    number: usize,
    column: &Column<'_>,
    is_kept: bool,
    declaration: &str,
) -> Option<Found> {
    let name = format!("`{}.{}`", table.name, column.name);
    if column.is_generated {
        let fix = String::from("leave it out of the analyser's result");
        return Some((format!("{name} is a generated column"), fix));
    }
    if !is_kept {
        let shown = shown(table.schema.field(number));
        let message = format!("{name} is declared `{}`, which does not keep {shown} as it is", column.declared);
        return Some((message, format!("declare it {declaration}, or cast the analyser's result")));
    }
    // Found only when a day's sum is written, it could no longer be said which record is at fault.
    let merge = table.write.merge(number).filter(|merge| *merge != Merge::Count && column.not_null);
    merge.map(|merge| {
        let function = merge.function();
        let message = format!("{name} is NOT NULL, but the {function} of nothing but NULL is NULL");
        (message, String::from("declare the column without NOT NULL"))
    })
}

/// A column that the analyser does not give, and that has nothing else to get a value from.
pub(super) fn not_given(table: &Table, column: &Column<'_>, is_given: bool) -> Option<Found> {
    let is_needed = column.not_null && !is_given && !column.is_filled && !column.is_generated;
    is_needed.then(|| {
        let name = column.name;
        let message =
            format!("`{}.{name}` is NOT NULL without a default, and the analyser has no such column", table.name);
        (message, String::from("add it to the analyser's result, or give it a default"))
    })
}

/// What stops the table from telling objects apart. Keys are names of columns, in order; `wanted` is the analyser's.
pub(super) fn key_misfit(
    table: &Table,
    mut wanted: Vec<String>,
    unique_keys: &[Vec<String>],
    quote: Quote,
) -> Option<Found> {
    wanted.sort();
    if table.write != Write::Insert && !unique_keys.contains(&wanted) {
        let key = table.key_names().map(quote).collect::<Vec<_>>().join(", ");
        let index = quote(&format!("{}_key", table.name));
        let fix = format!("CREATE UNIQUE INDEX {index} ON {} ({key})", quote(&table.name));
        return Some((format!("the table `{}` has no unique key over {key}", table.name), fix));
    }
    let other = unique_keys.iter().find(|key| matches!(table.write, Write::Merge(_)) && **key != wanted)?;
    let other = other.join(", ");
    let message =
        format!("the table `{}` is unique over {other} as well, and a merged row could clash there", table.name);
    Some((message, String::from("drop that constraint: what is merged is told apart by its GROUP BY alone")))
}

/// Whether a column is text by which objects are told apart, so that it has to be compared byte by byte.
pub(super) fn is_text_of_key(table: &Table, column: usize) -> bool {
    let is_text = *table.schema.field(column).data_type() == DataType::Utf8;
    is_text && table.write != Write::Insert && table.is_key(column)
}

/// What is said of a key that would take two objects for one.
pub(super) fn loose_key(table: &Table, column: &str, collation: &str) -> String {
    format!("`{}.{column}` has the collation {collation}, which takes some texts that differ for one key", table.name)
}

/// The columns and the key of a table that is made, as they stand between the parentheses.
pub(super) fn definition(table: &Table, quote: Quote, declaration: impl Fn(usize) -> String) -> String {
    let columns = table.schema.fields().iter().enumerate().map(|(number, field)| {
        let constraint = if table.is_key(number) { " NOT NULL" } else { "" };
        format!("{} {}{constraint}", quote(field.name()), declaration(number))
    });
    let mut parts: Vec<_> = columns.collect();
    if !table.key.is_empty() {
        let key: Vec<_> = table.key_names().map(quote).collect();
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    parts.join(", ")
}
