//! What is made of an order. None of this knows that there is more than one database.

mod refunds;
mod sales;

use sea_orm::DbErr;

use crate::source::Record;

/// Runs all analysers on a record.
pub(crate) async fn run(record: &Record) -> Result<(), DbErr> {
    sales::analyse(record).await?;
    refunds::analyse(record).await
}
