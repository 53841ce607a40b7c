//! The file as a tree that remembers where each value stands.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::setting::Step;

/// A value of the file.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The value, or the header if it is a table with a header.
    pub(super) span: Range<usize>,
    /// The key that names it, unless it is an item of a list.
    pub(super) key_span: Option<Range<usize>>,
    pub(super) value: NodeValue,
}

/// What a value holds.
#[derive(Clone, Debug)]
pub(super) enum NodeValue {
    /// Text as it is in the file: nothing of the environment is in it.
    Text(String),
    /// `None` if it does not fit in 64 bits.
    Integer(Option<i64>),
    Float(f64),
    Boolean(bool),
    Date,
    List(Vec<Node>),
    /// In the order of the file.
    Table(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn root(table: &DeTable<'_>) -> Self {
        Self { span: 0..0, key_span: None, value: NodeValue::table(table) }
    }

    fn new(span: Range<usize>, key_span: Option<Range<usize>>, value: &DeValue<'_>) -> Self {
        Self { span, key_span, value: NodeValue::new(value) }
    }

    /// The key or item that a step leads to.
    pub(super) fn child(&self, step: &Step) -> Option<&Self> {
        match (&self.value, step) {
            (NodeValue::Table(entries), Step::Key(key)) => {
                entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
            }
            (NodeValue::List(items), Step::Index(index)) => items.get(*index),
            _ => None,
        }
    }

    fn children(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match &self.value {
            NodeValue::Table(entries) => Box::new(entries.iter().map(|(_, node)| node)),
            NodeValue::List(items) => Box::new(items.iter()),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// The outermost value that begins before `offset` and reaches it.
    pub(super) fn reaching(&self, offset: usize) -> Option<&Self> {
        if self.span.start < offset && offset <= self.span.end {
            return Some(self);
        }
        self.children().find_map(|child| child.reaching(offset))
    }

    /// Whether its content stands below a `[header]`, or in the keys of a dotted path, and not in its span.
    pub(super) fn is_spread(&self, text: &str) -> bool {
        match &self.value {
            NodeValue::Table(_) => text.as_bytes().get(self.span.start) != Some(&b'{'),
            NodeValue::List(items) => {
                items.first().is_some_and(|item| matches!(item.value, NodeValue::Table(_)) && item.is_spread(text))
            }
            _ => false,
        }
    }
}

impl NodeValue {
    fn new(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(integer) => Self::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok()),
            DeValue::Float(float) => Self::Float(float.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(boolean) => Self::Boolean(*boolean),
            DeValue::Datetime(_) => Self::Date,
            DeValue::Array(items) => {
                Self::List(items.iter().map(|item| Node::new(item.span(), None, item.get_ref())).collect())
            }
            DeValue::Table(table) => Self::table(table),
        }
    }

    fn table(table: &DeTable<'_>) -> Self {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), Node::new(value.span(), Some(key.span()), value.get_ref())))
            .collect();
        entries.sort_by_key(|(_, node)| node.key_span.as_ref().map(|span| span.start));
        Self::Table(entries)
    }
}
