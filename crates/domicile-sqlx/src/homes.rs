//! The homes of a program.

use std::collections::{BTreeMap, HashSet};
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
    databases: ArcSwap<Databases<DB>>,
    identities: Arc<Identities>,
}

/// The databases of all homes at one moment.
struct Databases<DB: Capability> {
    homes: BTreeMap<Home, Arc<HomeDatabases<DB>>>,
    // What is asked for each statement of MySQL is looked up, and not searched for among all homes.
    names: HashSet<String>,
}

impl<DB: Capability> Databases<DB> {
    fn new(homes: BTreeMap<Home, Arc<HomeDatabases<DB>>>) -> Self {
        let names = homes.values().filter_map(|databases| databases.name.as_ref()).map(|name| name.to_lowercase());
        Self { names: names.collect(), homes }
    }
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

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Pool<DB>>> {
        std::iter::once(&self.primary).chain(&self.replicas)
    }
}

/// How many times the databases of a home were contacted; see [`Homes::contacts`].
///
/// ```
/// use domicile::{Home, RoutingKey, context};
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
/// context::scope(RoutingKey::new("ES"), sqlx::query("SELECT 1").execute(&homes)).await?;
/// let es = homes.contacts()[&Home::new("es")?];
/// // Nobody has said that an old answer will do, so that no replica was asked.
/// assert_eq!((es.primary, es.replicas), (1, 0));
/// # Ok(()) }
/// ```
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
        let databases = ArcSwap::from_pointee(Databases::new(BTreeMap::new()));
        let shared = Shared { routers, settings, statements, databases, identities: Arc::default() };
        Self { shared: Arc::new(shared), facts: Facts::default() }
    }

    /// Adds a home, or gives one that is there another database, while the others are in use: a new country needs no
    /// restart. Place its keys after that, by [`PlacementRouter::replace`](domicile::PlacementRouter::replace).
    ///
    /// Operations that have begun keep the database that they have begun with. Nothing is connected to before it is
    /// needed.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] for a URL that cannot be used, and [`Error::SameDatabase`] if it is another home's.
    ///
    /// # Panics
    ///
    /// As [`Builder::build`].
    ///
    /// ```
    /// use domicile::{Chain, Home, Placement, PlacementRouter, RoutingKey, context};
    /// use domicile_sqlx::Homes;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let router = PlacementRouter::new(Placement::builder().build()?);
    /// let homes = Homes::<sqlx::Sqlite>::builder(Chain::new(router.clone())).build()?;
    ///
    /// let it = Home::new("it")?;
    /// homes.add(it.clone(), "sqlite:it.sqlite")?;
    /// router.replace(Placement::builder().place(RoutingKey::new("IT"), it.clone(), "main.rs:12").build()?);
    /// assert_eq!(context::with(RoutingKey::new("IT"), || homes.here())?.home(), Some(&it));
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
            let mut homes = before.homes.clone();
            homes.extend(opened.iter().cloned());
            refuse_shared(&homes)?;
            let previous = self.shared.databases.compare_and_swap(&before, Arc::new(Databases::new(homes)));
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
    /// use domicile::Home;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// assert_eq!(homes.names(), [Home::new("es")?, Home::new("fr")?]);
    /// # Ok(()) }
    /// ```
    pub fn names(&self) -> Vec<Home> {
        self.shared.databases.load().homes.keys().cloned().collect()
    }

    /// The homes that this handle leads to: the one that it was fixed to, or all.
    pub(crate) fn reachable(&self) -> Vec<Home> {
        self.home().map_or_else(|| self.names(), |home| vec![home.clone()])
    }

    /// Returns how many times each home was contacted since it was added: a connection to it was taken, for a
    /// statement, a transaction or a check. A home that is at 0 has not heard of anything.
    ///
    /// ```
    /// use domicile::{Home, RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes();
    /// context::scope(RoutingKey::new("ES"), sqlx::query("SELECT 1").execute(&homes)).await?;
    /// let contacts = homes.contacts();
    /// assert_eq!((contacts[&Home::new("es")?].primary, contacts[&Home::new("fr")?].primary), (1, 0));
    /// # Ok(()) }
    /// ```
    pub fn contacts(&self) -> BTreeMap<Home, Contacts> {
        let contacts = |databases: &HomeDatabases<DB>| Contacts {
            primary: databases.primary.leases(),
            replicas: databases.replicas.iter().map(|replica| replica.leases()).sum(),
        };
        let databases = self.shared.databases.load();
        databases.homes.iter().map(|(home, databases)| (home.clone(), contacts(databases))).collect()
    }

    /// Returns the routers that decide. Asked by themselves, they decide about a table of a name and nothing else: not
    /// about what a statement says, which [`decide`](Self::decide) reads.
    ///
    /// ```
    /// use domicile::{Operation, RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// let orders = Operation::write("orders");
    /// let route = context::with(RoutingKey::new("PT"), || homes.routers().route(&orders))?;
    /// assert_eq!(route.home().as_str(), "es");
    /// # Ok(()) }
    /// ```
    pub fn routers(&self) -> &Chain {
        &self.shared.routers
    }

    /// Whether a word, in lower case, is the name of a home's database.
    pub(crate) fn is_database_name(&self, word: &str) -> bool {
        self.shared.databases.load().names.contains(word)
    }

    pub(crate) fn databases(&self, home: &Home) -> Result<Arc<HomeDatabases<DB>>, Error> {
        let found = self.shared.databases.load().homes.get(home).cloned();
        found.ok_or_else(|| Error::NoDatabase { home: home.clone() })
    }

    /// Returns a handle that sends everything to this home. It overrides the context, but neither what a statement says
    /// itself nor a scope that is confined to another home. That there is such a home is found out when something is
    /// sent.
    ///
    /// ```
    /// use domicile::{Home, RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let french = homes.on(Home::new("fr")?);
    /// let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM orders").fetch_one(&french);
    /// assert_eq!(context::scope(RoutingKey::new("ES"), count).await?, 1);
    ///
    /// // What the statement says is not overridden.
    /// let refused = sqlx::query("DELETE FROM orders WHERE country = 'ES'").execute(&french).await.unwrap_err();
    /// assert!(refused.to_string().contains("es, because the statement's orders.country is ES"));
    /// # Ok(()) }
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
    /// use domicile::{RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let here = context::with(RoutingKey::new("ES"), || homes.here())?;
    /// let count: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&here).await?;
    /// assert_eq!((count, here.home().unwrap().as_str()), (2, "es"));
    ///
    /// assert!(homes.here().unwrap_err().routing().unwrap().is_no_opinion());
    /// # Ok(()) }
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
    /// use domicile::Home;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown { let homes = two_homes();
    /// assert_eq!(homes.home(), None);
    /// assert_eq!(homes.on(Home::new("es")?).home().unwrap().as_str(), "es");
    /// # Ok(()) }
    /// ```
    pub fn home(&self) -> Option<&Home> {
        self.facts.on.as_ref().map(|(home, _)| home)
    }

    /// Returns a handle for operations on this record, or on what belongs to it: its own key and the home that it was
    /// loaded from are witnesses of each.
    ///
    /// ```
    /// use domicile::{Home, Located, RoutingKey, context};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let customer = Located::new(Home::new("es")?, "Ana");
    /// let its = homes.of(&customer);
    /// let count: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&its).await?;
    /// assert_eq!(count, 2);
    ///
    /// let refused = context::scope(RoutingKey::new("FR"), sqlx::query("SELECT * FROM orders").execute(&its)).await;
    /// assert!(refused.unwrap_err().to_string().contains("the record was loaded from es"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn of(&self, record: &dyn Record) -> Self {
        self.knowing(Facts { record: Some(Known::of(record)), ..self.facts.clone() })
    }

    /// Asks each of several homes, a bounded number at a time, by a function that is given a handle to that home alone:
    /// for what is more than one statement. [`everywhere`](Self::everywhere) is shorter where it is one.
    ///
    /// # Errors
    ///
    /// In the result of each home: what the function fails with.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let kept = homes.ask(homes.names(), async |home| {
    ///     let mut transaction = home.begin()?;
    ///     sqlx::query("DELETE FROM orders WHERE amount < 4").execute(&mut transaction).await?;
    ///     let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&mut transaction).await?;
    ///     transaction.commit().await?;
    ///     Ok::<_, sqlx::Error>(kept)
    /// });
    /// assert_eq!(kept.await.all()?.iter().map(|kept| **kept).collect::<Vec<_>>(), [1, 1]);
    /// # Ok(()) }
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
