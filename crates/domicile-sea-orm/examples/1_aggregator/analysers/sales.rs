//! Of each order: the order, its customer, and what it adds to its day.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, TransactionTrait, TryInsertResult};

use crate::entity::{customer, daily_sales, order};
use crate::homes::db;
use crate::source::Record;

pub(super) async fn analyse(record: &Record) -> Result<(), DbErr> {
    // In one home, as the country says: all three objects are saved there, or none is.
    let transaction = db()?.begin().await?;
    let order = order::ActiveModel {
        id: Set(record.id),
        country: Set(record.country.clone()),
        customer_id: Set(record.customer_id),
        day: Set(record.day.clone()),
        cents: Set(record.cents),
    };
    let saved = order::Entity::insert(order).on_conflict_do_nothing().exec_without_returning(&transaction).await?;
    // An order that is there already has been added to its day, too.
    if !matches!(saved, TryInsertResult::Inserted(1)) {
        return transaction.rollback().await;
    }

    let customer = customer::ActiveModel { id: Set(record.customer_id), name: Set(record.customer.clone()) };
    let same_number = OnConflict::column(customer::Column::Id).update_column(customer::Column::Name).to_owned();
    customer::Entity::insert(customer).on_conflict(same_number).exec_without_returning(&transaction).await?;

    let day = daily_sales::ActiveModel { day: Set(record.day.clone()), orders: Set(1), cents: Set(record.cents) };
    let same_day = OnConflict::column(daily_sales::Column::Day)
        .value(daily_sales::Column::Orders, Expr::col(daily_sales::Column::Orders).add(1))
        .value(daily_sales::Column::Cents, Expr::col(daily_sales::Column::Cents).add(record.cents))
        .to_owned();
    daily_sales::Entity::insert(day).on_conflict(same_day).exec_without_returning(&transaction).await?;
    transaction.commit().await
}
