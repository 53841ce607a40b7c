//! Reading a statement once, from its syntax tree.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use domicile::{Access, Aggregate};
use sqlparser::ast::{
    CopySource, CreateTable, Delete, Expr, FromTable, Function, FunctionArg, FunctionArguments, Insert, ObjectName,
    Query, Select, SetExpr, Statement, TableFactor, TableObject, TableWithJoins, Update, UpdateTableFromKind, Visitor,
    visit_relations,
};

use super::analysis::{Analysis, full, last};
use super::dialect::Dialect;
use super::from::Relations;
use super::key_column::KeyColumns;
use super::predicate::{Relation, fewer};
use super::term::Placeholders;
use super::touch::{Keys, Touch};
use super::words::KEYWORDS;
use super::{definition, insert, session};

pub(super) struct Reading<'a> {
    dialect: Dialect,
    key_columns: &'a KeyColumns,
    placeholders: &'a Placeholders,
    access: Access,
    locks: bool,
    touches: Vec<Touch>,
    refusal: Option<String>,
    named: BTreeMap<String, isize>,
    // What stands before the names of functions.
    called: BTreeMap<String, Access>,
    // Names of common tables with the number of places where they may be meant, and those that are also names of tables.
    with: BTreeMap<String, isize>,
    hidden: BTreeSet<String>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(dialect: Dialect, key_columns: &'a KeyColumns, placeholders: &'a Placeholders) -> Self {
        Self {
            dialect,
            key_columns,
            placeholders,
            access: Access::Read,
            locks: false,
            touches: Vec::new(),
            refusal: None,
            named: BTreeMap::new(),
            called: BTreeMap::new(),
            with: BTreeMap::new(),
            hidden: BTreeSet::new(),
        }
    }

    fn refuse(&mut self, why: impl Into<String>) {
        self.refusal.get_or_insert_with(|| why.into());
    }

    /// Reads the tables of a FROM, and what `filter` and the joins demand of their key columns.
    fn from<'t>(
        &mut self,
        from: impl IntoIterator<Item = &'t TableWithJoins>,
        filter: Option<&'t Expr>,
        access: Access,
    ) {
        let relations = Relations::of(from, filter);
        for factor in &relations.factors {
            let (name, alias) = match factor.table {
                TableFactor::Table { name, alias, args: None, .. } => (name, alias),
                TableFactor::Table { name, args: Some(given), .. } => {
                    self.call(name, &given.args, Access::Read);
                    // The visitor shows the function as a table, which it is not.
                    *self.named.entry(full(name)).or_default() -= 1;
                    continue;
                }
                TableFactor::Function { name, args, .. } => {
                    self.call(name, args, Access::Read);
                    continue;
                }
                _ => continue,
            };
            let alias = alias.as_ref().map_or_else(|| last(name).to_owned(), |alias| alias.name.value.clone());
            let keys = match self.key_columns.of(&full(name)) {
                None => Keys::NotDeclared,
                Some(_) if factor.is_renamed => {
                    Keys::undecided("its columns are renamed, so that its key column may be any")
                }
                Some(key) => self.keys(Relation { alias, name: full(name), column: &key.column }, relations.filters()),
            };
            self.touch(name, access, false, keys);
        }
    }

    fn keys(&self, relation: Relation<'_>, filters: &[&Expr]) -> Keys {
        let demanded = filters.iter().map(|filter| relation.demanded(filter, self.placeholders));
        match demanded.fold(None, fewer) {
            Some(terms) => Keys::named(terms),
            None => Keys::undecided("no predicate says which values its key column has"),
        }
    }

    /// Notes what is called: in some databases it may be another one's.
    fn call(&mut self, function: &ObjectName, args: &[FunctionArg], access: Access) {
        if let Some(why) = session::refused_call(self.dialect, function, args) {
            self.refuse(why);
        }
        if let Some((qualifier, _)) = full(function).rsplit_once('.') {
            let known = self.called.entry(qualifier.to_owned()).or_insert(access);
            if access == Access::Write {
                *known = access;
            }
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

    /// Reads a table that is made of what a query selects.
    fn made(&mut self, name: &ObjectName, has_columns: bool, query: &SetExpr) {
        let keys = match self.key_columns.of(&full(name)) {
            None => Keys::NotDeclared,
            Some(_) if has_columns => Keys::unreadable("its columns are not called as those that are selected"),
            Some(key) => insert::made_keys(query, &key.column, self.placeholders),
        };
        self.touch(name, Access::Write, true, keys);
    }

    fn update(&mut self, update: &Update) {
        let from = match &update.from {
            Some(UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables)) => tables.as_slice(),
            None => &[],
        };
        let begin = self.touches.len();
        self.from(std::iter::once(&update.table).chain(from), update.selection.as_ref(), Access::Write);
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
        let using = delete.using.iter().flatten();
        self.from(from.iter().chain(using), delete.selection.as_ref(), Access::Write);
    }

    /// Whether a name is that of a common table and of no other.
    fn is_common(&self, table: &str) -> bool {
        self.with.contains_key(table) && !self.hidden.contains(table)
    }

    pub(super) fn finish(mut self, aggregate: Aggregate) -> Analysis {
        // What is named at a place that was not read, as in a TRUNCATE, is undecided there.
        let named = std::mem::take(&mut self.named);
        // Beyond the query that a common table is of, its name is a table's.
        let beyond = self.with.iter().filter(|(name, within)| named.get(*name).is_some_and(|places| places > within));
        self.hidden.extend(beyond.map(|(name, _)| name.clone()));
        for (table, places) in named {
            let read = self.touches.iter().filter(|touch| touch.table == table).count() as isize;
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
        let mut qualifiers = std::mem::take(&mut self.called);
        for touch in &self.touches {
            let Some((qualifier, _)) = touch.table.rsplit_once('.') else { continue };
            let known = qualifiers.entry(qualifier.to_owned()).or_insert(touch.access);
            if touch.access == Access::Write {
                *known = Access::Write;
            }
        }
        Analysis {
            access: self.access,
            locks: self.locks,
            words: Vec::new(),
            touches: self.touches,
            tables: tables.into_iter().collect(),
            qualifiers,
            refusal: self.refusal,
            unread: None,
            aggregate,
        }
    }
}

impl Visitor for Reading<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        let refusal = definition::refusal(statement).or_else(|| session::refusal(self.dialect, statement));
        if let Some(why) = refusal {
            self.refuse(why);
        }
        for table in definition::tables(statement) {
            let _ = self.pre_visit_relation(&table);
        }
        for table in definition::renamed(statement) {
            self.unseen(&table);
        }
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::CreateTable(CreateTable { name, columns, query: Some(query), .. }) => {
                self.made(name, !columns.is_empty(), &query.body);
            }
            Statement::Copy { source: CopySource::Table { table_name, .. }, to: false, .. } => self.unseen(table_name),
            Statement::Merge(merge) => {
                if let TableFactor::Table { name, .. } = &merge.table {
                    self.unseen(name);
                }
            }
            Statement::Call(function) => self.call(&function.name, given(function), Access::Write),
            _ => {}
        }
        if !definition::only_reads(statement) {
            self.access = Access::Write;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expression {
            self.call(&function.name, given(function), Access::Read);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(with) = &query.with {
            for table in &with.cte_tables {
                let name = table.alias.name.value.to_lowercase();
                // Within itself it is not in scope yet, so that the name is a table's there.
                if !with.recursive && relations(&table.query, &name) > 0 {
                    self.hidden.insert(name.clone());
                }
                *self.with.entry(name.clone()).or_default() += relations(query, &name);
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
        if let Some(into) = &select.into {
            self.access = Access::Write;
            let _ = self.pre_visit_relation(&into.name);
            self.made(&into.name, false, &SetExpr::Select(Box::new(select.clone())));
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

/// What a function is given, but for a subquery.
fn given(function: &Function) -> &[FunctionArg] {
    match &function.args {
        FunctionArguments::List(list) => &list.args,
        FunctionArguments::None | FunctionArguments::Subquery(_) => &[],
    }
}

fn in_place(table: &str, column: &str) -> String {
    format!(
        "{table}.{column} is the routing key, which is not updated in place: the row would stay in a home where it does \
         not belong. Move it: insert it into its new home, and delete it from the old one"
    )
}

/// At how many places a query names a relation, at any depth.
fn relations(query: &Query, name: &str) -> isize {
    let mut places = 0;
    let _: ControlFlow<()> = visit_relations(query, |relation| {
        places += isize::from(full(relation) == name);
        ControlFlow::Continue(())
    });
    places
}

fn has_table_expression(mut body: &SetExpr) -> bool {
    while let SetExpr::SetOperation { left, right, .. } = body {
        if has_table_expression(right) {
            return true;
        }
        body = left;
    }
    matches!(body, SetExpr::Table(_))
}
