//! How deeply a text is nested, and the stack that reading it needs.
//!
//! Reading, copying and freeing a syntax tree takes stack for each of its levels, and so does the parser, which takes much
//! more. A thread without stack ends the process.

use std::thread;

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// How long a chain may be. Each operator of `a OR b OR c` makes the tree one deeper, and so does each of `b = 1`. SQLite
/// itself takes no more than a thousand levels.
pub(super) const LINKS_MAX: usize = 4_000;

/// How deeply brackets, prefixes and CASE may be nested.
pub(super) const NESTED_MAX: usize = 48;

/// What any thread has stack for.
const SHALLOW: Depth = Depth { links: 200, nested: 6 };

/// The stack for all that is read and is not shallow. Only what is used of it is taken.
const STACK_BYTES: usize = 64 * 1_024 * 1_024;

/// How deep the deepest part of a text can be at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Depth {
    links: usize,
    nested: usize,
}

impl Depth {
    pub(super) fn of(tokens: &[TokenWithSpan]) -> Self {
        let (mut around, mut here, mut most) = (Vec::new(), Self::default(), Self::default());
        let mut before = None;
        let written = tokens.iter().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_)));
        for token in written {
            let base = around.last().map_or_else(Self::default, |around: &Self| around.deeper());
            match token {
                Token::LParen | Token::LBracket | Token::LBrace => {
                    // A subscript is a link to what is before it.
                    here.links += usize::from(*token == Token::LBracket);
                    around.push(here);
                    here = here.deeper();
                }
                Token::RParen | Token::RBracket | Token::RBrace => here = around.pop().unwrap_or_default(),
                Token::Comma => here = base,
                Token::SemiColon => (around, here) = (Vec::new(), Self::default()),
                _ => here = here.with(token, before, base),
            }
            most = Self { links: most.links.max(here.links), nested: most.nested.max(here.nested) };
            before = Some(token);
        }
        most
    }

    /// Runs what reads a text of this depth. `None` if it is too deep for that.
    pub(super) fn run<T: Send>(self, read: impl FnOnce() -> T + Send) -> Option<T> {
        if self.links > LINKS_MAX || self.nested > NESTED_MAX {
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

    fn deeper(self) -> Self {
        Self { links: self.links + 1, nested: self.nested + 1 }
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
