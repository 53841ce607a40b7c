//! The homes of a program.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::sync::Arc;

use arc_swap::ArcSwap;
use domicile::{Chain, Home};

use crate::Error;
use crate::builder::Builder;
use crate::capability::Capability;
use crate::databases::{Contacts, Databases, HomeDatabases, HomeUrls};
use crate::facts::Facts;
use crate::handshake::Identities;
use crate::settings::Settings;
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
        let databases = ArcSwap::from_pointee(Databases::default());
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
        let (settings, identities) = (&self.shared.settings, &self.shared.identities);
        let opened = homes.into_iter().map(|(home, urls)| {
            let databases = HomeDatabases::new(&home, &urls, settings, identities)?;
            Ok((home, Arc::new(databases)))
        });
        let opened = opened.collect::<Result<Vec<_>, Error>>()?;
        loop {
            let before = self.shared.databases.load_full();
            let mut homes = before.homes.clone();
            homes.extend(opened.iter().cloned());
            let previous = self.shared.databases.compare_and_swap(&before, Arc::new(Databases::new(homes)?));
            if Arc::ptr_eq(&previous, &before) {
                return Ok(());
            }
        }
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

    /// Returns the homes that this handle leads to, sorted by name: the one that it was fixed to, or all. Those are the
    /// homes that have a database here, and those that the routers can list, but for the ones that are said to be
    /// [elsewhere](Builder::elsewhere). What goes to all homes goes to these, so that a home whose database was forgotten
    /// answers with [`Error::NoDatabase`] and is not left out.
    ///
    /// ```
    /// use domicile::Home;
    /// use domicile_sqlx::Homes;
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # fn main() -> Shown {
    /// let (es, fr) = (Home::new("es")?, Home::new("fr")?);
    /// let homes = Homes::<sqlx::Sqlite>::builder(routers()).home(es.clone(), "sqlite::memory:").build()?;
    /// assert_eq!(homes.names(), [es.clone()]);
    /// assert_eq!(homes.reachable(), [es.clone(), fr]);
    /// assert_eq!(homes.on(es.clone()).reachable(), [es]);
    /// # Ok(()) }
    /// ```
    pub fn reachable(&self) -> Vec<Home> {
        if let Some(home) = self.home() {
            return vec![home.clone()];
        }
        let Shared { routers, settings, .. } = &*self.shared;
        let routed = routers.homes().into_iter().filter(|home| !settings.elsewhere.contains(home));
        BTreeSet::from_iter(self.names().into_iter().chain(routed)).into_iter().collect()
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
        let databases = self.shared.databases.load();
        databases.homes.iter().map(|(home, databases)| (home.clone(), databases.contacts())).collect()
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
