//! A text, cut into tokens once, and what the parser makes of them.

use sqlparser::ast::Statement;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::depth::Depth;
use super::dialect::Dialect;

/// The bound of the parser itself. It is never reached within that of [`Depth`]: where the parser reaches it, it may take
/// a keyword for a name, and go on.
const RECURSION_MAX: usize = 1_000;

/// Why a text was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is no SQL that the parser knows.
    Unknown,
    /// It is nested deeper than what is read.
    TooDeep,
}

impl Unread {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Unknown => "it is no SQL that is known here",
            Self::TooDeep => "it is nested too deeply; a long chain of OR can be an IN",
        }
    }
}

/// The tokens of a text.
pub(super) struct Text<'a> {
    pub(super) sql: &'a str,
    pub(super) dialect: Dialect,
    /// None if it cannot be cut into tokens.
    pub(super) tokens: Option<Vec<TokenWithSpan>>,
    /// Whether a part of it is executed or not by the version of the server, which is not known.
    pub(super) is_conditional: bool,
}

impl<'a> Text<'a> {
    pub(super) fn of(dialect: Dialect, sql: &'a str) -> Self {
        let is_conditional = dialect == Dialect::MySql && (sql.contains("/*!") || sql.contains("/*M!"));
        // What is in such a comment is cut into tokens as well, but the tokenizer knows only MySQL's way to write one.
        let written = if is_conditional { sql.replace("/*M!", "/*!") } else { String::new() };
        let sql_read = if is_conditional { written.as_str() } else { sql };
        let tokens = Tokenizer::new(dialect.sql(), sql_read).tokenize_with_location().ok();
        Self { sql, dialect, tokens, is_conditional }
    }

    /// Parses it and reads what it holds, on a stack that is deep enough for that.
    pub(super) fn read<T: Send>(&self, read: impl FnOnce(&[Statement]) -> T + Send) -> Result<T, Unread> {
        let tokens = self.tokens.as_deref().ok_or(Unread::Unknown)?;
        let parse = || Ok(read(&parse(self.dialect, tokens)?));
        Depth::of(tokens).run(self.dialect, parse).unwrap_or(Err(Unread::TooDeep))
    }
}

fn parse(dialect: Dialect, tokens: &[TokenWithSpan]) -> Result<Vec<Statement>, Unread> {
    let mut parser =
        Parser::new(dialect.sql()).with_recursion_limit(RECURSION_MAX).with_tokens_with_locations(tokens.to_vec());
    let statements = parser.parse_statements().map_err(|error| match error {
        ParserError::RecursionLimitExceeded => Unread::TooDeep,
        ParserError::TokenizerError(_) | ParserError::ParserError(_) => Unread::Unknown,
    })?;
    // The parser takes an END for the end, whatever comes after it.
    if parser.peek_token().token == Token::EOF { Ok(statements) } else { Err(Unread::Unknown) }
}
