//! What statements name that are about tables and not about their rows.

use sqlparser::ast::{
    AlterTableOperation, CommentObject, CopySource, GrantObjects, ObjectName, ObjectType, RenameTableNameKind,
    Statement,
};

use super::words::ABOUT_DATABASES;

/// The tables that a statement names where the visitor of the parser shows none.
pub(super) fn tables(statement: &Statement) -> Vec<ObjectName> {
    match statement {
        Statement::CreateView(view) => vec![view.name.clone()],
        Statement::CreateTable(table) => table.inherits.clone().unwrap_or_default(),
        Statement::CreateTrigger(trigger) => vec![trigger.table_name.clone()],
        Statement::DropTrigger(trigger) => Vec::from_iter(trigger.table_name.clone()),
        Statement::AlterTable(_) | Statement::RenameTable(_) => [renamed(statement), given_away(statement)].concat(),
        Statement::Drop {
            object_type: ObjectType::Table | ObjectType::View | ObjectType::MaterializedView,
            names,
            ..
        } => names.clone(),
        Statement::Drop { table, .. } => Vec::from_iter(table.clone()),
        Statement::Copy { source: CopySource::Table { table_name, .. }, .. } => vec![table_name.clone()],
        Statement::Comment { object_type: CommentObject::Column, object_name, .. } => {
            let (_, table) = object_name.0.split_last().unzip();
            table.filter(|table| !table.is_empty()).map(|table| ObjectName(table.to_vec())).into_iter().collect()
        }
        Statement::Comment {
            object_type: CommentObject::Table | CommentObject::View | CommentObject::MaterializedView,
            object_name,
            ..
        } => vec![object_name.clone()],
        Statement::Grant(grant) => granted(grant.objects.as_ref()),
        Statement::Revoke(revoke) => granted(revoke.objects.as_ref()),
        Statement::Flush { tables, .. } => tables.clone(),
        Statement::ShowCreate { obj_name, .. } => vec![obj_name.clone()],
        _ => Vec::new(),
    }
}

fn granted(objects: Option<&GrantObjects>) -> Vec<ObjectName> {
    match objects {
        Some(GrantObjects::Tables(tables)) => tables.clone(),
        _ => Vec::new(),
    }
}

/// The names under which tables are known afterwards, with the rows that they have.
pub(super) fn renamed(statement: &Statement) -> Vec<ObjectName> {
    match statement {
        Statement::AlterTable(alter) => {
            let renamed = alter.operations.iter().filter_map(|operation| match operation {
                AlterTableOperation::RenameTable {
                    table_name: RenameTableNameKind::As(name) | RenameTableNameKind::To(name),
                } => Some(name),
                AlterTableOperation::SwapWith { table_name } => Some(table_name),
                _ => None,
            });
            renamed.cloned().collect()
        }
        Statement::RenameTable(renamed) => renamed.iter().map(|renamed| renamed.new_name.clone()).collect(),
        _ => Vec::new(),
    }
}

fn given_away(statement: &Statement) -> Vec<ObjectName> {
    match statement {
        Statement::RenameTable(renamed) => renamed.iter().map(|renamed| renamed.old_name.clone()).collect(),
        _ => Vec::new(),
    }
}

/// Why a statement is never sent, whatever it touches.
pub(super) fn refusal(statement: &Statement) -> Option<&'static str> {
    match statement {
        Statement::StartTransaction { .. } | Statement::Commit { .. } | Statement::Rollback { .. } => {
            Some("transactions are not written in SQL here: begin, commit and roll back by their methods")
        }
        Statement::Savepoint { .. } | Statement::ReleaseSavepoint { .. } => {
            Some("savepoints are not written in SQL here: set and release them by their methods")
        }
        Statement::Execute { .. } => Some("what it executes is not written here: send that itself"),
        Statement::CreateSchema { .. }
        | Statement::CreateDatabase { .. }
        | Statement::AlterSchema(_)
        | Statement::Drop { object_type: ObjectType::Schema | ObjectType::Database, .. } => Some(ABOUT_DATABASES),
        Statement::Use(_) | Statement::AttachDatabase { .. } => {
            Some("it would lead this connection of the home to another database")
        }
        _ => None,
    }
}

/// Whether a statement changes tables and not their rows.
pub(super) fn changes_schema(statement: &Statement) -> bool {
    use Statement::{AlterTable, CreateIndex, CreateTable, Drop};

    match statement {
        AlterTable(_) | CreateIndex(_) | Drop { .. } => true,
        CreateTable(table) => table.query.is_none(),
        _ => false,
    }
}

/// Whether it changes nothing itself; what it holds may.
pub(super) fn only_reads(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Query(_)
            | Statement::ShowVariable { .. }
            | Statement::ShowVariables { .. }
            | Statement::ShowTables { .. }
            | Statement::ShowColumns { .. }
            | Statement::ShowCreate { .. }
            | Statement::Explain { analyze: false, .. }
            | Statement::ExplainTable { .. }
            | Statement::Pragma { value: None, .. }
    )
}
