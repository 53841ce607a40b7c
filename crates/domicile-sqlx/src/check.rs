//! Asking databases which home they are, and telling them.

use std::sync::Arc;

use domicile::{Aggregate, EachHome, Home, Operation};

use crate::Error;
use crate::capability::Capability;
use crate::decide::UNKNOWN_TABLE;
use crate::homes::Homes;

impl<DB: Capability> Homes<DB> {
    /// Opens a connection to each database of each home and asks it which home it is, and asks the routers whether they
    /// know the home, so that mistakes of the configuration are found at start-up and not by the first record. A handle
    /// that was fixed to a home checks that home alone.
    ///
    /// # Errors
    ///
    /// In the result of each home: [`Error::Routing`] if the routers do not know it, [`Error::NoDatabase`] if they know
    /// it and it has no database here, nor [elsewhere](crate::Builder::elsewhere), [`Error::Connect`] if it cannot be
    /// connected to, [`Error::SameDatabase`], [`Error::WrongHome`] or [`Error::Unmarked`] for what its database says of
    /// itself, and [`Error::Exhausted`].
    ///
    /// ```
    /// use domicile::Home;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// homes.check().await.all()?;
    ///
    /// // The placement does not know it, so that nothing could ever reach it.
    /// homes.add(Home::new("it")?, "sqlite::memory:")?;
    /// assert_eq!(homes.check().await.all().unwrap_err().home().unwrap().as_str(), "it");
    /// # Ok(()) }
    /// ```
    pub async fn check(&self) -> EachHome<(), Error> {
        let check = |home: Home| async move {
            // A home that no router knows can never be reached.
            self.shared.routers.route(&Operation::write(UNKNOWN_TABLE).on(home.clone()))?;
            for pool in self.databases(&home)?.all() {
                pool.connect(pool.deadline()).await?;
            }
            Ok(())
        };
        self.each(self.reachable(), Aggregate::Unknown, check).await
    }

    /// Makes the database of a home say which home it is, by a table `domicile_home`. From then on it is refused as the
    /// database of any other, and known by that alone, whatever else it may have in common with another. A database that
    /// is marked already stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::WrongHome`] if it says that it is another home, [`Error::NoDatabase`], and whatever opening a
    /// connection or the database itself fails with.
    ///
    /// ```
    /// use domicile::Home;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// let es = Home::new("es")?;
    /// homes.mark(&es).await?;
    /// let marked: String = sqlx::query_scalar("SELECT home FROM domicile_home").fetch_one(&homes.on(es)).await?;
    /// assert_eq!(marked, "es");
    /// # Ok(()) }
    /// ```
    pub async fn mark(&self, home: &Home) -> Result<(), Error> {
        let primary = Arc::clone(self.databases(home)?.primary());
        let lease = primary.lease_to_mark().await?;
        let mut connection = lease.acquire().await?;
        // It was opened without asking for the marker, and must not be opened so again.
        lease.discard();
        DB::mark(&mut connection, home).await?;
        match DB::marker(&mut connection).await? {
            Some(marked) if marked != home.as_str() => Err(Error::WrongHome { home: home.clone(), marked }),
            _ => Ok(()),
        }
    }
}
