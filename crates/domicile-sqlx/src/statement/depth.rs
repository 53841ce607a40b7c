//! How deeply a text is nested, and the stack that reading it needs.
//!
//! Reading, copying and freeing a syntax tree takes stack for each of its levels, and so does the parser, which takes much
//! more. A thread without stack ends the process.

use std::thread;

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::dialect::Dialect;

/// How long a chain may be. Each operator of `a OR b OR c` makes the tree one deeper, and so does each of `b = 1`. SQLite
/// itself takes no more than a thousand levels.
pub(super) const LINKS_MAX: usize = 4_000;

/// How deeply brackets, prefixes and CASE may be nested.
pub(super) const NESTED_MAX: usize = 48;

/// How deeply calls may be nested in the SQL of PostgreSQL, where the parser reads what is in the brackets of a call twice,
/// and what is in brackets within them four times.
const CALLS_MAX: usize = 14;

/// What any thread has stack for.
const SHALLOW: Depth = Depth { links: 200, nested: 6, calls: 6 };

/// The stack for all that is read and is not shallow. Only what is used of it is taken.
const STACK_BYTES: usize = 64 * 1_024 * 1_024;

/// How deep the deepest part of a text can be at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Depth {
    links: usize,
    nested: usize,
    /// Of the brackets those that have a word before them, as a call has.
    calls: usize,
}

impl Depth {
    pub(super) fn of(tokens: &[TokenWithSpan]) -> Self {
        let (mut around, mut here, mut most) = (Vec::new(), Self::default(), Self::default());
        let mut before = None;
        let written = tokens.iter().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_)));
        for token in written {
            let base = around.last().map_or_else(Self::default, |(_, inside): &(Self, Self)| *inside);
            match token {
                Token::LParen | Token::LBracket | Token::LBrace => {
                    // A subscript is a link to what is before it.
                    here.links += usize::from(*token == Token::LBracket);
                    let is_call = before.is_some_and(is_called);
                    let inside = Self {
                        links: here.links + 1,
                        nested: here.nested + 1,
                        calls: here.calls + usize::from(is_call),
                    };
                    around.push((here, inside));
                    here = inside;
                }
                Token::RParen | Token::RBracket | Token::RBrace => here = around.pop().unwrap_or_default().0,
                Token::Comma => here = base,
                Token::SemiColon => (around, here) = (Vec::new(), Self::default()),
                _ => here = here.with(token, before, base),
            }
            most = Self {
                links: most.links.max(here.links),
                nested: most.nested.max(here.nested),
                calls: most.calls.max(here.calls),
            };
            before = Some(token);
        }
        most
    }

    /// Runs what reads a text of this depth. `None` if it is too deep for that.
    pub(super) fn run<T: Send>(self, dialect: Dialect, read: impl FnOnce() -> T + Send) -> Option<T> {
        let calls_max = if dialect == Dialect::Postgres { CALLS_MAX } else { NESTED_MAX };
        if self.links > LINKS_MAX || self.nested > NESTED_MAX || self.calls > calls_max {
            return None;
        }
        if self.links <= SHALLOW.links && self.nested <= SHALLOW.nested {
            return Some(read());
        }
        thread::scope(|scope| {
            let reader = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, read).ok()?;
            Some(reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// The depth behind a token that is no bracket and separates nothing.
    fn with(mut self, token: &Token, before: Option<&Token>, base: Self) -> Self {
        if is_operand(token) {
            return self;
        }
        self.links += 1;
        match token {
            Token::Word(word) if [Keyword::CASE, Keyword::EXPLAIN].contains(&word.keyword) => self.nested += 1,
            Token::Word(word) if word.keyword == Keyword::END => {
                self.nested = base.nested.max(self.nested.saturating_sub(1));
            }
            _ if is_prefix(token) && before.is_some_and(is_prefix) => self.nested += 1,
            _ => {}
        }
        self
    }
}

/// Whether a bracket behind it is, or may be, that of a call.
fn is_called(token: &Token) -> bool {
    use Keyword::{ALL, AND, ANY, AS, EXISTS, FROM, IN, JOIN, NOT, ON, OR, SELECT, WHERE};

    let never = [ALL, AND, ANY, AS, EXISTS, FROM, IN, JOIN, NOT, ON, OR, SELECT, WHERE];
    matches!(token, Token::Word(word) if !never.contains(&word.keyword))
}

/// Whether it can stand before what it applies to; one before the other nests them.
fn is_prefix(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword == Keyword::NOT,
        Token::Minus | Token::Plus | Token::Tilde | Token::ExclamationMark => true,
        _ => false,
    }
}

/// Whether it is a name or a value, which links nothing.
fn is_operand(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword == Keyword::NoKeyword,
        Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_) | Token::Period => true,
        _ => false,
    }
}
