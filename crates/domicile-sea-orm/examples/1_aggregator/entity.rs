//! The objects that analysers make. Only an order says its country; for the others nothing but the home they are in does.

// What the macros make of an entity must be public in its module.
#![allow(unreachable_pub)]

/// A row for each order.
pub(crate) mod order {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "orders")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub country: String,
        pub customer_id: i64,
        pub day: String,
        pub cents: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A customer. The shops of France number theirs and those of Iberia theirs, so that there are two customers 1.
pub(crate) mod customer {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "customers")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub name: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// What the orders of a day come to.
pub(crate) mod daily_sales {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "daily_sales")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub day: String,
        pub orders: i64,
        pub cents: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A row for each order that gives money back.
pub(crate) mod refund {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "refunds")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub order_id: i64,
        pub cents: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A letter that tells a customer of a refund.
pub(crate) mod letter {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "letters")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub order_id: i64,
        pub text: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
