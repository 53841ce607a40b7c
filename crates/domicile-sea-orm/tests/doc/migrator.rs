// What the examples of migrations begin with, hidden: one migration, which makes a table of orders.

pub struct Migrator;

impl sea_orm_migration::MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn sea_orm_migration::MigrationTrait>> {
        vec![Box::new(Orders)]
    }
}

pub struct Orders;

impl sea_orm_migration::MigrationName for Orders {
    fn name(&self) -> &str {
        "m1_orders"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl sea_orm_migration::MigrationTrait for Orders {
    async fn up(&self, manager: &sea_orm_migration::SchemaManager) -> Result<(), sea_orm::DbErr> {
        use sea_orm::ConnectionTrait;

        manager.get_connection().execute_unprepared("CREATE TABLE orders (country TEXT)").await.map(drop)
    }
}
