//! The SQL function that adds to a stored sum, exactly: SQLite's own `+` makes doubles of decimals and of integers
//! that overflow.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error};

use super::types::{decimal_from_real, decimal_to_value};
use crate::text::decimal_from_text;

/// `domicile_add(stored, delta, scale, is_text)`: the sum of two decimals of a scale; NULL counts as nothing.
pub(super) const ADD: &str = "domicile_add";
/// `domicile_least(stored, delta, scale)` and `domicile_greatest`: for decimals that are kept as text.
pub(super) const LEAST: &str = "domicile_least";
pub(super) const GREATEST: &str = "domicile_greatest";

/// Makes the functions known to a connection.
pub(super) fn install(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function(ADD, 4, flags, |context| {
        let scale: i8 = context.get(2)?;
        let is_text: bool = context.get(3)?;
        let Some((stored, delta)) = operands(context, scale)? else { return one_or_none(context) };
        let sum = stored.checked_add(delta).and_then(|sum| decimal_to_value(sum, scale, is_text));
        sum.ok_or_else(|| refused("the sum has more digits than the column keeps exactly; declare it TEXT"))
    })?;
    connection.create_scalar_function(LEAST, 3, flags, |context| pick(context, |stored, delta| stored <= delta))?;
    connection.create_scalar_function(GREATEST, 3, flags, |context| pick(context, |stored, delta| stored >= delta))
}

fn pick(context: &Context<'_>, keeps_stored: fn(i128, i128) -> bool) -> rusqlite::Result<Value> {
    let Some((stored, delta)) = operands(context, context.get(2)?)? else { return one_or_none(context) };
    Ok(context.get_raw(usize::from(!keeps_stored(stored, delta))).into())
}

/// Both operands, or `None` when one of them is NULL.
fn operands(context: &Context<'_>, scale: i8) -> rusqlite::Result<Option<(i128, i128)>> {
    match (context.get_raw(0), context.get_raw(1)) {
        (ValueRef::Null, _) | (_, ValueRef::Null) => Ok(None),
        (stored, delta) => Ok(Some((decimal(stored, scale)?, decimal(delta, scale)?))),
    }
}

fn one_or_none(context: &Context<'_>) -> rusqlite::Result<Value> {
    let first = context.get_raw(0);
    Ok(if first == ValueRef::Null { context.get_raw(1).into() } else { first.into() })
}

fn decimal(value: ValueRef<'_>, scale: i8) -> rusqlite::Result<i128> {
    let decimal = match value {
        ValueRef::Integer(integer) => i128::from(integer).checked_mul(10i128.pow(u32::from(scale.unsigned_abs()))),
        ValueRef::Real(real) => decimal_from_real(real, 10f64.powi(i32::from(scale))),
        ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(|text| decimal_from_text(text, scale)),
        ValueRef::Null | ValueRef::Blob(_) => None,
    };
    decimal.ok_or_else(|| refused("the stored aggregate is not a decimal of the expected scale"))
}

fn refused(message: &str) -> Error {
    Error::UserFunctionError(message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(sql: &str) -> rusqlite::Result<Value> {
        let connection = Connection::open_in_memory().unwrap();
        install(&connection).unwrap();
        connection.query_row(&format!("SELECT {sql}"), [], |row| row.get(0))
    }

    #[test]
    fn adds_exactly_where_doubles_would_drift() {
        assert_eq!(evaluate("domicile_add(0.1, 0.2, 2, 0)"), Ok(Value::Real(0.3)));
        assert_eq!(evaluate("0.1 + 0.2"), Ok(Value::Real(0.300_000_000_000_000_04)), "what SQLite does by itself");
        assert_eq!(evaluate("domicile_add(NULL, 5, 0, 0)"), Ok(Value::Integer(5)));
        assert_eq!(evaluate("domicile_add('1.10', '2.05', 2, 1)"), Ok(Value::Text(String::from("3.15"))));
    }

    #[test]
    fn refuses_what_it_cannot_keep() {
        assert!(evaluate("domicile_add(9223372036854775807, 1, 0, 0)").is_err());
        assert!(evaluate("domicile_add(9999999999999.99, 0.02, 2, 0)").is_err());
        assert!(evaluate("domicile_add(9999999999999.97, 0.02, 2, 0)").is_ok());
    }

    #[test]
    fn text_is_compared_as_a_number() {
        assert_eq!(evaluate("domicile_greatest('9.00', '10.00', 2)"), Ok(Value::Text(String::from("10.00"))));
        assert_eq!(evaluate("domicile_least('9.00', '10.00', 2)"), Ok(Value::Text(String::from("9.00"))));
        assert_eq!(evaluate("domicile_least(NULL, '10.00', 2)"), Ok(Value::Text(String::from("10.00"))));
    }
}
