//! Of each order that gives money back: a refund, and a letter to the customer.

use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, TransactionTrait};

use crate::entity::{letter, refund};
use crate::homes::db;
use crate::source::Record;

pub(super) async fn analyse(record: &Record) -> Result<(), DbErr> {
    if record.cents >= 0 {
        return Ok(());
    }
    let transaction = db()?.begin().await?;
    let refund = refund::ActiveModel { order_id: Set(record.id), cents: Set(-record.cents) };
    refund::Entity::insert(refund).on_conflict_do_nothing().exec_without_returning(&transaction).await?;

    let text = format!("Dear {}, you get {} cents back.", record.customer, -record.cents);
    let letter = letter::ActiveModel { order_id: Set(record.id), text: Set(text) };
    letter::Entity::insert(letter).on_conflict_do_nothing().exec_without_returning(&transaction).await?;
    transaction.commit().await
}
