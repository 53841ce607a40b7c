//! Reading a statement once, from its syntax tree.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use domicile::{Access, Aggregate};
use sqlparser::ast::{
    ContextModifier, CopySource, Delete, Expr, FromTable, Insert, ObjectName, ObjectType, Query, Select, Set, SetExpr,
    Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind, Visitor, visit_relations,
};

use super::analysis::{Analysis, full, last};
use super::from::collect;
use super::insert;
use super::key_column::KeyColumns;
use super::predicate::{Relation, fewer};
use super::term::Placeholders;
use super::touch::{Keys, Touch};
use super::words::KEYWORDS;

pub(super) struct Reading<'a> {
    key_columns: &'a KeyColumns,
    placeholders: &'a Placeholders,
    access: Access,
    locks: bool,
    touches: Vec<Touch>,
    refusal: Option<String>,
    named: HashMap<String, usize>,
    // Names of common tables, and those of them that are also names of tables.
    with: BTreeSet<String>,
    hidden: BTreeSet<String>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(key_columns: &'a KeyColumns, placeholders: &'a Placeholders) -> Self {
        Self {
            key_columns,
            placeholders,
            access: Access::Read,
            locks: false,
            touches: Vec::new(),
            refusal: None,
            named: HashMap::new(),
            with: BTreeSet::new(),
            hidden: BTreeSet::new(),
        }
    }

    fn refuse(&mut self, why: impl Into<String>) {
        self.refusal.get_or_insert_with(|| why.into());
    }

    /// Reads the tables of a FROM, and what `filters` and the joins demand of their key columns.
    fn from(&mut self, from: &[TableWithJoins], filter: Option<&Expr>, access: Access) {
        let mut factors = Vec::new();
        let mut filters: Vec<&Expr> = filter.into_iter().collect();
        let mut only_inner = true;
        for table in from {
            collect(table, &mut factors, &mut filters, &mut only_inner);
        }
        for factor in factors {
            let TableFactor::Table { name, alias, args: None, .. } = factor else { continue };
            let alias = alias.as_ref().map_or_else(|| last(name).to_owned(), |alias| alias.name.value.clone());
            // What an outer join demands holds only for the rows that it finds, which are not all that it touches.
            let filters = if only_inner { filters.as_slice() } else { filter.as_slice() };
            let keys = self.keys(name, alias, filters);
            self.touch(name, access, false, keys);
        }
    }

    fn keys(&self, name: &ObjectName, alias: String, filters: &[&Expr]) -> Keys {
        let Some(key) = self.key_columns.of(&full(name)) else { return Keys::NotDeclared };
        let relation = Relation { alias, column: &key.column };
        let demanded = filters.iter().map(|filter| relation.demanded(filter, self.placeholders));
        match demanded.fold(None, fewer) {
            Some(terms) => Keys::named(terms),
            None => Keys::undecided("no predicate says which values its key column has"),
        }
    }

    fn touch(&mut self, name: &ObjectName, access: Access, is_insert: bool, keys: Keys) {
        self.touches.push(Touch { table: full(name), access, is_insert, keys });
    }

    fn insert(&mut self, insert: &Insert) {
        let TableObject::TableName(name) = &insert.table else {
            return self.refuse("it inserts into a function");
        };
        let keys = match self.key_columns.of(&full(name)) {
            None => Keys::NotDeclared,
            Some(key) => {
                if insert::updates_key(insert, &key.column) {
                    let column = key.column.clone();
                    self.refuse_update(name, &column);
                }
                insert::keys(insert, key, self.placeholders)
            }
        };
        self.touch(name, Access::Write, true, keys);
    }

    fn update(&mut self, update: &Update) {
        let mut from = vec![update.table.clone()];
        if let Some(UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables)) = &update.from {
            from.extend(tables.iter().cloned());
        }
        let begin = self.touches.len();
        self.from(&from, update.selection.as_ref(), Access::Write);
        for index in begin..self.touches.len() {
            let touch = &self.touches[index];
            let Some(key) = self.key_columns.of(&touch.table) else { continue };
            // Assigning the very value that the rows must have already changes nothing.
            let is_same = |value: &Expr| {
                let same = self.placeholders.term(value).map(|term| Keys::Named(vec![term]));
                same.as_ref() == Some(&touch.keys)
            };
            let mut assigned = update.assignments.iter().filter(|assignment| insert::assigns(assignment, &key.column));
            if !assigned.all(|assigned| is_same(&assigned.value)) {
                let (table, column) = (touch.table.clone(), key.column.clone());
                self.refuse(in_place(&table, &column));
            }
        }
    }

    /// Refuses rows that come into a table with a key column from where they cannot be looked at.
    fn unseen(&mut self, name: &ObjectName) {
        let table = full(name);
        if self.key_columns.of(&table).is_some() {
            self.refuse(format!("rows come in unseen, and {table} has a routing key: insert them by an INSERT"));
        }
    }

    fn refuse_update(&mut self, name: &ObjectName, column: &str) {
        self.refuse(in_place(&full(name), column));
    }

    fn delete(&mut self, delete: &Delete) {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let mut from = from.clone();
        from.extend(delete.using.iter().flatten().cloned());
        self.from(&from, delete.selection.as_ref(), Access::Write);
    }

    /// Whether a name is that of a common table and of no other.
    fn is_common(&self, table: &str) -> bool {
        self.with.contains(table) && !self.hidden.contains(table)
    }

    pub(super) fn finish(mut self, aggregate: Aggregate) -> Analysis {
        // What is named at a place that was not read, as in a TRUNCATE, is undecided there.
        let named = std::mem::take(&mut self.named);
        for (table, places) in named {
            let read = self.touches.iter().filter(|touch| touch.table == table).count();
            let declared = self.key_columns.of(&table).is_some();
            if read >= places || (self.is_common(&table) && !declared) {
                continue;
            }
            let keys = if declared {
                Keys::undecided("nothing at that place says which values its key column has")
            } else {
                Keys::NotDeclared
            };
            self.touches.push(Touch { table, access: self.access, is_insert: false, keys });
        }
        let mut touches = std::mem::take(&mut self.touches);
        touches.retain(|touch| {
            touch.access == Access::Write || touch.keys != Keys::NotDeclared || !self.is_common(&touch.table)
        });
        self.touches = touches;
        let tables: BTreeSet<_> = self.touches.iter().map(|touch| touch.table.clone()).collect();
        let qualifiers: BTreeSet<_> =
            tables.iter().filter_map(|table| Some(table.rsplit_once('.')?.0.to_owned())).collect();
        Analysis {
            access: self.access,
            locks: self.locks,
            words: Vec::new(),
            touches: self.touches,
            tables: tables.into_iter().collect(),
            qualifiers: qualifiers.into_iter().collect(),
            refusal: self.refusal,
            aggregate,
        }
    }
}

impl Visitor for Reading<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        match statement {
            Statement::Query(_)
            | Statement::ShowVariable { .. }
            | Statement::ShowVariables { .. }
            | Statement::ShowTables { .. }
            | Statement::ShowColumns { .. }
            | Statement::ShowCreate { .. }
            | Statement::Explain { analyze: false, .. }
            | Statement::ExplainTable { .. }
            | Statement::Pragma { value: None, .. } => return ControlFlow::Continue(()),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::StartTransaction { .. } | Statement::Commit { .. } | Statement::Rollback { .. } => {
                self.refuse("transactions are not written in SQL here: begin, commit and roll back by their methods");
            }
            Statement::Savepoint { .. } | Statement::ReleaseSavepoint { .. } => {
                self.refuse("savepoints are not written in SQL here: set and release them by their methods");
            }
            Statement::Set(set) if !is_local(set) => {
                self.refuse("it would change the connection for whoever gets it next; in a transaction use SET LOCAL");
            }
            Statement::CreateSchema { .. }
            | Statement::CreateDatabase { .. }
            | Statement::AlterSchema(_)
            | Statement::Drop { object_type: ObjectType::Schema | ObjectType::Database, .. } => {
                self.refuse("it has to do with databases as a whole, which may be those of other homes");
            }
            Statement::Drop { names, .. } => {
                for name in names {
                    *self.named.entry(full(name)).or_default() += 1;
                }
            }
            Statement::Use(_) | Statement::AttachDatabase { .. } => {
                self.refuse("it would lead this connection of the home to another database");
            }
            Statement::Copy { source: CopySource::Table { table_name, .. }, to, .. } => {
                *self.named.entry(full(table_name)).or_default() += 1;
                if !to {
                    self.unseen(table_name);
                }
            }
            Statement::Merge(merge) => {
                if let TableFactor::Table { name, .. } = &merge.table {
                    self.unseen(name);
                }
            }
            _ => {}
        }
        self.access = Access::Write;
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(with) = &query.with {
            for table in &with.cte_tables {
                let name = table.alias.name.value.to_lowercase();
                // Within itself it is not in scope yet, so that the name is a table's there.
                if !with.recursive && names_relation(&table.query, &name) {
                    self.hidden.insert(name.clone());
                }
                self.with.insert(name);
            }
        }
        if has_table_expression(&query.body) {
            self.refuse("`TABLE name` cannot be read: write `SELECT * FROM name`");
        }
        self.locks |= !query.locks.is_empty();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.from(&select.from, select.selection.as_ref(), Access::Read);
        if select.into.is_some() {
            self.access = Access::Write;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let idents = relation.0.iter().filter_map(|part| part.as_ident());
        for ident in idents {
            let is_keyword = ident.quote_style.is_none() && KEYWORDS.contains(&ident.value.to_lowercase().as_str());
            if is_keyword || ident.value.contains('.') {
                self.refuse(format!("the name of its table cannot be told for sure: `{}`", ident.value));
            }
        }
        *self.named.entry(full(relation)).or_default() += 1;
        ControlFlow::Continue(())
    }
}

fn in_place(table: &str, column: &str) -> String {
    format!(
        "{table}.{column} is the routing key, which is not updated in place: the row would stay in a home where it does \
         not belong. Move it: insert it into its new home, and delete it from the old one"
    )
}

/// Whether a setting ends with the transaction.
fn is_local(set: &Set) -> bool {
    matches!(set, Set::SingleAssignment { scope: Some(ContextModifier::Local), .. })
}

/// Whether a query reads a relation of this name, at any depth.
fn names_relation(query: &Query, name: &str) -> bool {
    visit_relations(
        query,
        |relation| {
            if full(relation) == name { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    )
    .is_break()
}

fn has_table_expression(body: &SetExpr) -> bool {
    match body {
        SetExpr::Table(_) => true,
        SetExpr::SetOperation { left, right, .. } => has_table_expression(left) || has_table_expression(right),
        _ => false,
    }
}
