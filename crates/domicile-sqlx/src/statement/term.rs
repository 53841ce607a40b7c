//! The values that a statement compares its key column with.

use std::collections::HashMap;

use sqlparser::ast::{DataType, Expr, UnaryOperator, Value, ValueWithSpan};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

/// A value of a key column, as the statement writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Term {
    /// It is written out.
    Literal(String),
    /// It is the parameter with this index, counted from 0.
    Parameter(usize),
}

/// The place of each parameter that has no number of its own.
pub(super) struct Placeholders {
    by_location: HashMap<(u64, u64), usize>,
}

impl Placeholders {
    /// Counts the parameters in the order in which they are written, which is the order in which they are bound.
    pub(super) fn of(tokens: &[TokenWithSpan]) -> Self {
        let named = |token: &TokenWithSpan| matches!(&token.token, Token::Placeholder(name) if name != "?");
        // Beside one with a number or a name of its own, the number of the next depends on that.
        let tokens = if tokens.iter().any(named) { &[] } else { tokens };
        let bare = tokens.iter().filter(|token| matches!(&token.token, Token::Placeholder(name) if name == "?"));
        let by_location = bare.enumerate().map(|(index, token)| (place(token.span.start), index)).collect();
        Self { by_location }
    }

    /// The value of an expression, if it is one that does not depend on any row.
    pub(super) fn term(&self, expression: &Expr) -> Option<Term> {
        let (mut expression, mut types, mut is_negative) = (expression, Vec::new(), false);
        let value = loop {
            match expression {
                Expr::Value(value) => break value,
                Expr::Nested(inner) => expression = inner,
                Expr::Cast { expr: inner, data_type, .. } => {
                    types.push(data_type);
                    expression = inner;
                }
                Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } if !is_negative => {
                    is_negative = true;
                    expression = inner;
                }
                _ => return None,
            }
        };
        let term = match (self.value(value)?, is_negative) {
            (Term::Literal(number), true) => Term::Literal(format!("-{number}")),
            (Term::Parameter(_), true) => return None,
            (term, false) => term,
        };
        // A type of one's own, such as an enum, is cast to from what is bound; of a literal it may be anything.
        let is_bound = matches!(term, Term::Parameter(_));
        let keeps = |to: &&DataType| (is_bound && matches!(to, DataType::Custom(..))) || keeps_text(to);
        types.iter().all(keeps).then_some(term)
    }

    fn value(&self, value: &ValueWithSpan) -> Option<Term> {
        match &value.value {
            Value::Placeholder(name) => self.parameter(name, value.span.start).map(Term::Parameter),
            Value::Number(number, _) => is_canonical(&number.to_string()).then(|| Term::Literal(number.to_string())),
            // As a parameter that is bound as one.
            Value::Boolean(value) => Some(Term::Literal(value.to_string())),
            // The digits of X'34' or 0x10 are not what is stored.
            Value::SingleQuotedString(text)
            | Value::DoubleQuotedString(text)
            | Value::NationalStringLiteral(text)
            | Value::EscapedStringLiteral(text) => Some(Term::Literal(text.clone())),
            Value::DollarQuotedString(text) => Some(Term::Literal(text.value.clone())),
            _ => None,
        }
    }

    fn parameter(&self, name: &str, start: Location) -> Option<usize> {
        if name == "?" {
            return self.by_location.get(&place(start)).copied();
        }
        let number: usize = name.strip_prefix(['$', '?'])?.parse().ok()?;
        number.checked_sub(1)
    }
}

/// Whether a number is written as it is stored and compared: an integer without zeros before it.
fn is_canonical(number: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit()) && (number == "0" || !number.starts_with('0'))
}

/// Whether a cast to this type leaves a text as it is: `CHAR(2)` would cut it, and a number would lose its zeros.
fn keeps_text(data_type: &DataType) -> bool {
    use DataType::{CharVarying, CharacterVarying, String, Text, Uuid, Varchar};

    matches!(data_type, Text | Uuid | String(None) | Varchar(None) | CharVarying(None) | CharacterVarying(None))
}

fn place(location: Location) -> (u64, u64) {
    (location.line, location.column)
}
