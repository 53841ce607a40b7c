//! The homes of a program.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use domicile::{Aggregate, Chain, EachHome, Home, Operation, Origin, Record, Role};

use crate::Error;
use crate::builder::{Builder, Settings};
use crate::capability::{Capability, Options};
use crate::decide::UNKNOWN_TABLE;
use crate::facts::{Facts, Known};
use crate::handshake::{Handshake, Identities};
use crate::pool::Pool;
use crate::statement::Statements;

/// The homes of a program, as one handle: a statement that is sent to it reaches the home that it belongs to.
///
/// `&Homes` is an executor of sqlx. The home of a statement is decided when the executor is given it, from the context
/// that is in scope there, from what the statement says itself, and from what the handle was told; if it cannot be
/// decided the statement fails, and nothing is sent. When that is, is up to sqlx: at once in the `fetch` of `query`,
/// `query_as` and `query_scalar`, whose stream keeps its home from then on; when it is first polled in `execute`,
/// `fetch_one` and the like, which are `async` functions, and in the `fetch` of what `map` and the macros make.
/// [`here`](Self::here) fixes the home at once for all of them.
///
/// Clones share connections and settings.
///
/// ```
/// use domicile::{Chain, Home, Placement, PlacementRouter, RoutingKey, context};
/// use domicile_sqlx::Homes;
/// use sqlx::Sqlite;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (es, fr) = (Home::new("es")?, Home::new("fr")?);
/// let placement = Placement::builder()
///     .place(RoutingKey::new("ES"), es.clone(), "main.rs:10")
///     .place(RoutingKey::new("FR"), fr.clone(), "main.rs:11")
///     .build()?;
/// let homes = Homes::<Sqlite>::builder(Chain::new(PlacementRouter::new(placement)))
///     .home(es, "sqlite::memory:")
///     .home(fr, "sqlite::memory:")
///     .build()?;
///
/// context::scope(RoutingKey::new("ES"), async {
///     sqlx::query("CREATE TABLE orders (id INTEGER, amount INTEGER)").execute(&homes).await?;
///     sqlx::query("INSERT INTO orders VALUES (1, 250)").execute(&homes).await?;
///     let amount: i64 = sqlx::query_scalar("SELECT amount FROM orders").fetch_one(&homes).await?;
///     assert_eq!(amount, 250);
///     Ok::<_, sqlx::Error>(())
/// })
/// .await?;
///
/// // Out here nothing is known, and nothing is sent.
/// let error = sqlx::query("SELECT amount FROM orders").execute(&homes).await.unwrap_err();
/// assert!(error.to_string().contains("no router has an opinion on this read of orders"));
/// # Ok(())
/// # }
/// ```
pub struct Homes<DB: Capability> {
    pub(crate) shared: Arc<Shared<DB>>,
    pub(crate) facts: Facts,
}

pub(crate) struct Shared<DB: Capability> {
    pub(crate) routers: Chain,
    pub(crate) settings: Settings,
    pub(crate) statements: Statements,
    databases: ArcSwap<BTreeMap<Home, Arc<HomeDatabases<DB>>>>,
    identities: Arc<Identities>,
}

/// The databases of one home.
pub(crate) struct HomeDatabases<DB: Capability> {
    primary: Arc<Pool<DB>>,
    replicas: Vec<Arc<Pool<DB>>>,
    next_replica: AtomicUsize,
    pub(crate) name: Option<String>,
    places: Vec<String>,
}

impl<DB: Capability> HomeDatabases<DB> {
    pub(crate) fn pool(&self, role: Role) -> &Arc<Pool<DB>> {
        match (role, self.replicas.len()) {
            (Role::Primary, _) | (Role::Replica, 0) => &self.primary,
            (Role::Replica, replicas) => &self.replicas[self.next_replica.fetch_add(1, Ordering::Relaxed) % replicas],
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Pool<DB>>> {
        std::iter::once(&self.primary).chain(&self.replicas)
    }
}

/// How many times the databases of a home were contacted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contacts {
    /// The primary.
    pub primary: u64,
    /// All its replicas together.
    pub replicas: u64,
}

/// Where the databases of one home are, before they are opened.
pub(crate) struct HomeUrls {
    pub(crate) primary: String,
    pub(crate) replicas: Vec<String>,
}

impl<DB: Capability> Homes<DB> {
    /// Starts to describe the homes that `routers` decide between.
    ///
    /// ```
    /// # use domicile::{Chain, Home, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let es = Home::new("es")?;
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).home(es, "sqlite:es.sqlite").build()?;
    /// assert_eq!(homes.names().len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(routers: Chain) -> Builder<DB> {
        Builder::new(routers)
    }

    pub(crate) fn new(routers: Chain, settings: Settings, statements: Statements) -> Self {
        let databases = ArcSwap::default();
        let shared = Shared { routers, settings, statements, databases, identities: Arc::default() };
        Self { shared: Arc::new(shared), facts: Facts::default() }
    }

    /// Adds a home, or gives one that is there another database, while the others are in use: a new country needs no
    /// restart. Place its keys after that, by [`PlacementRouter::replace`](domicile::PlacementRouter::replace).
    ///
    /// Operations that have begun keep the database that they have begun with.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] for a URL that cannot be used, and [`Error::SameDatabase`] if it is another home's.
    ///
    /// ```
    /// # use domicile::{Chain, Home, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().build()?));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).build()?;
    /// homes.add(Home::new("it")?, "sqlite:it.sqlite")?;
    /// assert_eq!(homes.names()[0].as_str(), "it");
    /// # Ok(())
    /// # }
    /// ```
    pub fn add(&self, home: Home, url: impl Into<String>) -> Result<(), Error> {
        self.add_all([(home, HomeUrls { primary: url.into(), replicas: Vec::new() })])
    }

    pub(crate) fn add_all(&self, homes: impl IntoIterator<Item = (Home, HomeUrls)>) -> Result<(), Error> {
        let opened: Result<Vec<_>, Error> = homes
            .into_iter()
            .map(|(home, urls)| Ok((home.clone(), Arc::new(self.databases_of(&home, &urls)?))))
            .collect();
        let opened = opened?;
        loop {
            let before = self.shared.databases.load_full();
            let mut databases = BTreeMap::clone(&before);
            databases.extend(opened.iter().cloned());
            refuse_shared(&databases)?;
            let previous = self.shared.databases.compare_and_swap(&before, Arc::new(databases));
            if Arc::ptr_eq(&previous, &before) {
                return Ok(());
            }
        }
    }

    fn databases_of(&self, home: &Home, urls: &HomeUrls) -> Result<HomeDatabases<DB>, Error> {
        let refuse = |why: String| Error::Url { home: home.clone(), why };
        let options = |url: &str| {
            // SQLite would take any text for the name of a file.
            if !DB::URL_SCHEMES.iter().any(|scheme| url.split_once(':').is_some_and(|(begin, _)| begin == *scheme)) {
                let schemes: Vec<_> = DB::URL_SCHEMES.iter().map(|scheme| format!("`{scheme}:`")).collect();
                return Err(refuse(format!(
                    "it must begin with {}, as one of {} does",
                    schemes.join(" or "),
                    DB::NAME
                )));
            }
            Options::<DB>::from_str(url).map_err(|error| refuse(error.to_string()))
        };
        let primary = options(&urls.primary)?;
        let (name, mut places) = (DB::database_name(&primary), Vec::from_iter(DB::place(&primary)));
        let mut replicas = Vec::new();
        for url in &urls.replicas {
            let replica = options(url)?;
            places.extend(DB::place(&replica));
            replicas.push(self.pool(home, DB::read_only(replica), true));
        }
        let primary = self.pool(home, primary, false);
        Ok(HomeDatabases { primary, replicas, next_replica: AtomicUsize::new(0), name, places })
    }

    fn pool(&self, home: &Home, options: Options<DB>, is_replica: bool) -> Arc<Pool<DB>> {
        let settings = &self.shared.settings;
        let handshake = Handshake {
            home: home.clone(),
            is_replica,
            needs_marker: settings.needs_marker,
            identities: Arc::clone(&self.shared.identities),
        };
        Pool::new(options, handshake, settings.bounds, &settings.budget)
    }

    /// Returns the homes that have a database here, sorted by name.
    ///
    /// ```
    /// # use domicile::{Chain, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// assert!(Homes::<sqlx::Sqlite>::builder(routers).build().unwrap().names().is_empty());
    /// ```
    pub fn names(&self) -> Vec<Home> {
        self.shared.databases.load().keys().cloned().collect()
    }

    /// Returns how many times each home was contacted since it was added: a connection to it was taken, for a statement,
    /// a transaction or a check. A home that is at 0 has not heard of anything.
    ///
    /// ```
    /// # use domicile::{Chain, Home, Placement, PlacementRouter, context};
    /// # use domicile_sqlx::Homes;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (es, fr) = (Home::new("es")?, Home::new("fr")?);
    /// # let placement = Placement::builder().home(es.clone()).home(fr.clone()).build()?;
    /// # let homes = Homes::<sqlx::Sqlite>::builder(Chain::new(PlacementRouter::new(placement)))
    /// #     .home(es.clone(), "sqlite::memory:")
    /// #     .home(fr.clone(), "sqlite::memory:")
    /// #     .build()?;
    /// context::scope(es.clone(), sqlx::query("SELECT 1").execute(&homes)).await?;
    /// assert_eq!((homes.contacts()[&es].primary, homes.contacts()[&fr].primary), (1, 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn contacts(&self) -> BTreeMap<Home, Contacts> {
        let contacts = |databases: &HomeDatabases<DB>| Contacts {
            primary: databases.primary.leases(),
            replicas: databases.replicas.iter().map(|replica| replica.leases()).sum(),
        };
        let databases = self.shared.databases.load();
        databases.iter().map(|(home, databases)| (home.clone(), contacts(databases))).collect()
    }

    /// Returns the routers that decide.
    ///
    /// ```
    /// # use domicile::{Chain, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).build().unwrap();
    /// assert_eq!(homes.routers().names().next(), Some("placement"));
    /// ```
    pub fn routers(&self) -> &Chain {
        &self.shared.routers
    }

    /// The name of each home's database, where it has one.
    pub(crate) fn database_names(&self) -> Vec<(Home, String)> {
        let databases = self.shared.databases.load();
        databases.iter().filter_map(|(home, databases)| Some((home.clone(), databases.name.clone()?))).collect()
    }

    pub(crate) fn databases(&self, home: &Home) -> Result<Arc<HomeDatabases<DB>>, Error> {
        let found = self.shared.databases.load().get(home).cloned();
        found.ok_or_else(|| Error::NoDatabase { home: home.clone() })
    }

    /// Returns a handle that sends everything to this home. It overrides the context, but neither what a statement says
    /// itself nor a scope that is confined to another home.
    ///
    /// ```
    /// # use domicile::{Chain, Home, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let es = Home::new("es")?;
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).home(es.clone(), "sqlite::memory:").build()?;
    /// let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&homes.on(es)).await?;
    /// assert_eq!(one, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    #[must_use]
    pub fn on(&self, home: Home) -> Self {
        self.knowing(Facts { on: Some((home, Origin::caller())), ..self.facts.clone() })
    }

    /// Returns a handle to the home that the context says here and now. It keeps that home when it is used in another
    /// scope: for a paginator, or for a future that is polled elsewhere.
    ///
    /// # Errors
    ///
    /// Whatever routing refuses, as where the context says no home.
    ///
    /// ```
    /// # use domicile::{Chain, Home, Placement, PlacementRouter, context};
    /// # use domicile_sqlx::Homes;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let es = Home::new("es")?;
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).home(es.clone(), "sqlite::memory:").build()?;
    /// let here = context::with(es, || homes.here())?;
    /// let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&here).await?;
    /// assert_eq!((one, here.home().unwrap().as_str()), (1, "es"));
    /// assert!(homes.here().is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn here(&self) -> Result<Self, Error> {
        let caller = Origin::caller();
        let operation = self.facts.tell(Operation::read(UNKNOWN_TABLE));
        let route = self.shared.routers.route(&operation)?;
        let origin = Origin::told(format!("{caller}, where it was {route}"));
        Ok(self.knowing(Facts { on: Some((route.home().clone(), origin)), ..self.facts.clone() }))
    }

    /// Returns the home that this handle was fixed to by [`on`](Self::on) or [`here`](Self::here).
    ///
    /// ```
    /// # use domicile::{Chain, Home, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).build().unwrap();
    /// assert_eq!(homes.home(), None);
    /// assert_eq!(homes.on(Home::new("es").unwrap()).home().unwrap().as_str(), "es");
    /// ```
    pub fn home(&self) -> Option<&Home> {
        self.facts.on.as_ref().map(|(home, _)| home)
    }

    /// Returns a handle for operations on this record, or on what belongs to it: its own key and the home that it was
    /// loaded from are witnesses of each.
    ///
    /// ```
    /// # use domicile::{Chain, Home, Located, Placement, PlacementRouter, context};
    /// # use domicile_sqlx::Homes;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (es, fr) = (Home::new("es")?, Home::new("fr")?);
    /// # let placement = Placement::builder().home(es.clone()).home(fr.clone()).build()?;
    /// # let routers = Chain::new(PlacementRouter::new(placement));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers)
    ///     .home(es.clone(), "sqlite::memory:")
    ///     .home(fr.clone(), "sqlite::memory:")
    ///     .build()?;
    /// let customer = Located::new(es, 7_i64);
    /// let its = homes.of(&customer);
    /// let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&its).await?;
    /// assert_eq!(one, 1);
    /// let refused = context::scope(fr, sqlx::query("SELECT 1").execute(&its)).await;
    /// assert!(refused.unwrap_err().to_string().contains("the record was loaded from es"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn of(&self, record: &dyn Record) -> Self {
        self.knowing(Facts { record: Some(Known::of(record)), ..self.facts.clone() })
    }

    /// Asks each of several homes, a bounded number at a time, by a function that is given a handle to that home alone.
    ///
    /// ```
    /// # use domicile::{Chain, Home, Placement, PlacementRouter};
    /// # use domicile_sqlx::{Error, Homes};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let es = Home::new("es")?;
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).home(es, "sqlite::memory:").build()?;
    /// let names = homes.ask(homes.names(), |home| async move { Ok::<_, Error>(home.home().unwrap().to_string()) });
    /// assert_eq!(*names.await.all()?[0], "es");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn ask<T, E, F, A>(
        &self,
        homes: Vec<Home>,
        ask: A,
    ) -> impl Future<Output = EachHome<T, E>> + use<T, E, F, A, DB>
    where
        F: Future<Output = Result<T, E>>,
        A: Fn(Self) -> F,
    {
        let (all, origin) = (self.clone(), Origin::caller());
        async move {
            let of = |home| Facts { on: Some((home, origin.clone())), ..all.facts.clone() };
            all.each(homes, Aggregate::Unknown, |home| ask(all.knowing(of(home)))).await
        }
    }

    pub(crate) fn knowing(&self, facts: Facts) -> Self {
        Self { shared: Arc::clone(&self.shared), facts }
    }

    /// Opens a connection to each database of each home and asks it which home it is, and asks the routers whether they know
    /// the home, so that mistakes of the configuration are found at start-up and not by the first record.
    ///
    /// ```
    /// # use domicile::{Chain, Home, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let es = Home::new("es")?;
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).home(es, "sqlite::memory:").build()?;
    /// homes.check().await.all()?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check(&self) -> EachHome<(), Error> {
        let check = |home: Home| async move {
            // A home that no router knows can never be reached.
            self.shared.routers.route(&Operation::write(UNKNOWN_TABLE).on(home.clone()))?;
            for pool in self.databases(&home)?.all() {
                pool.lease().await?;
            }
            Ok(())
        };
        self.each(self.names(), Aggregate::Unknown, check).await
    }

    /// Makes the database of a home say which home it is. From then on it is refused as the database of any other.
    ///
    /// # Errors
    ///
    /// [`Error::WrongHome`] if it says that it is another home.
    ///
    /// ```
    /// # use domicile::{Chain, Home, Placement, PlacementRouter};
    /// # use domicile_sqlx::Homes;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let es = Home::new("es")?;
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().home(es.clone()).build()?));
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers).home(es.clone(), "sqlite::memory:").build()?;
    /// homes.mark(&es).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn mark(&self, home: &Home) -> Result<(), Error> {
        let primary = Arc::clone(self.databases(home)?.pool(Role::Primary));
        let lease = primary.lease_to_mark().await?;
        let mut connection = lease.acquire().await?;
        DB::mark(&mut connection, home).await?;
        match DB::marker(&mut connection).await? {
            Some(marked) if marked != home.as_str() => Err(Error::WrongHome { home: home.clone(), marked }),
            _ => Ok(()),
        }
    }
}

/// Refuses two homes that the options alone show to be one database.
fn refuse_shared<DB: Capability>(databases: &BTreeMap<Home, Arc<HomeDatabases<DB>>>) -> Result<(), Error> {
    let mut seen: BTreeMap<&str, &Home> = BTreeMap::new();
    for (home, databases) in databases {
        for place in &databases.places {
            if let Some(one) = seen.insert(place, home).filter(|one| *one != home) {
                let (one, other) = (one.clone(), home.clone());
                return Err(Error::SameDatabase { one, other, database: place.clone() });
            }
        }
    }
    Ok(())
}

impl<DB: Capability> Clone for Homes<DB> {
    fn clone(&self) -> Self {
        self.knowing(self.facts.clone())
    }
}

impl<DB: Capability> Debug for Homes<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().iter().map(Home::to_string).collect();
        write!(f, "Homes({})", names.join(", "))
    }
}
