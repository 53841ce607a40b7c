//! PRAGMAs of SQLite, most of which change the connection and not the file.

use sqlparser::tokenizer::Token;

use super::dialect::Dialect;
use super::text::Text;

/// Those that say something of what they are given, or do something to the file and to nothing else.
const HARMLESS: &[&str] = &[
    "application_id",
    "auto_vacuum",
    "foreign_key_check",
    "foreign_key_list",
    "incremental_vacuum",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "optimize",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
    "wal_checkpoint",
];

/// The modes of `PRAGMA journal_mode` that are the file's own. The others are the connection's.
const JOURNAL_MODES: &[&str] = &["delete", "wal"];

const CHANGES_CONNECTION: &str = "this PRAGMA would change the connection for whoever gets it next";

/// Why a text is never sent, for a PRAGMA in it. The parser knows only a few of them, so that the tokens are looked at.
pub(super) fn refusal(text: &Text<'_>) -> Option<&'static str> {
    if text.dialect != Dialect::Sqlite {
        return None;
    }
    let Some(tokens) = &text.tokens else {
        return text.sql.to_lowercase().contains("pragma").then_some(CHANGES_CONNECTION);
    };
    let written = |token: &&Token| !matches!(token, Token::Whitespace(_));
    let tokens: Vec<_> = tokens.iter().map(|token| &token.token).filter(written).collect();
    let mut statements = tokens.split(|token| **token == Token::SemiColon);
    statements.any(changes_connection).then_some(CHANGES_CONNECTION)
}

/// Whether it is a PRAGMA that sets something of the connection.
fn changes_connection(statement: &[&Token]) -> bool {
    // Some have their effect also where they are only to be explained.
    let explains = |token: &&&Token| ["explain", "query", "plan"].contains(&name(token).as_str());
    let begin = statement.iter().take_while(explains).count();
    let Some((pragma, said)) = statement[begin..].split_first() else { return false };
    if name(pragma) != "pragma" {
        return false;
    }
    let (pragma, value) = match said {
        [_, Token::Period, pragma, value @ ..] | [pragma, value @ ..] => (name(pragma), value),
        [] => return false,
    };
    match value {
        [] => false,
        [_, mode, ..] if pragma == "journal_mode" => !JOURNAL_MODES.contains(&name(mode).as_str()),
        _ => !HARMLESS.contains(&pragma.as_str()),
    }
}

/// A name in lower case. SQLite takes a string for one, too.
fn name(token: &Token) -> String {
    match token {
        Token::Word(word) => word.value.to_lowercase(),
        Token::SingleQuotedString(name) => name.to_lowercase(),
        _ => String::new(),
    }
}
