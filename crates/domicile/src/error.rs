//! The error of this crate.

use std::fmt::{self, Debug};

use crate::{Aggregate, Context, Home, Operation, Origin, Placed, RoutingKey, Witness};

/// Why something was refused. The message says what to do about it, and the predicates tell the cases apart.
///
/// An error holds no record contents, only keys, names and the values of the context.
///
/// ```
/// let error = domicile::Home::new("Spain!").unwrap_err();
/// assert!(error.is_invalid_name());
/// assert!(error.to_string().starts_with("`Spain!` is not a name for a home"));
/// ```
#[derive(thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    // Boxed so that a `Result` of a small value stays small.
    kind: Box<Kind>,
}

#[derive(thiserror::Error, Debug)]
enum Kind {
    #[error(
        "no router has an opinion on this {operation}: asked {asked}; the context holds {context}. Set a RoutingKey or \
         a Home in the context, or pass a record that has a routing key{hint}"
    )]
    NoOpinion { operation: String, asked: String, context: String, hint: &'static str },
    #[error(
        "routing key `{key}` has no home, so this {operation} was refused: {found}. Correct the key, or place it in a \
         home"
    )]
    UnknownKey { operation: String, key: RoutingKey, found: String },
    #[error(
        "`{home}` is not a home of the placement, so this {operation} was refused: {found}. Correct the name, or add \
         the home"
    )]
    UnknownHome { operation: String, home: Home, found: String },
    #[error(
        "it is not agreed where this {operation} belongs, so it was refused: {witnesses}. Correct the one that is wrong"
    )]
    Disagreement { operation: String, witnesses: String },
    #[error("cannot {verb} {type_name} at {caller}: {why}")]
    UnscopedSet { verb: &'static str, type_name: String, caller: String, why: &'static str },
    #[error(
        "`{name}` is not a name for a home: use 1 to 63 of the characters a-z, 0-9, _ and -, and start with a letter or \
         a digit"
    )]
    InvalidName { name: String },
    #[error(
        "routing key `{key}` is placed twice: in {first} and in {second}. A key has one home, so remove one of the two"
    )]
    PlacedTwice { key: RoutingKey, first: String, second: String },
    #[error("the results of the homes cannot be {by}: they are {what}, and {why}")]
    Unmergeable { by: String, what: String, why: &'static str },
    #[error("nothing was {by}, because no home was asked: name at least one home")]
    NoHome { by: String },
    #[error("{place}: {why}")]
    #[cfg(feature = "toml")]
    Configuration { place: String, why: String },
    #[error("{place}: {source}")]
    #[cfg(feature = "toml")]
    At { place: String, source: Error },
    #[error("{why}")]
    Refused { why: String },
}

impl Error {
    /// Makes the error of a router that refuses an operation by a rule of its own. `why` is the whole message; let it
    /// say what to do.
    ///
    /// ```
    /// let error = domicile::Error::refused("audits are read-only; write to audit_log_next");
    /// assert!(error.is_refused());
    /// assert_eq!(error.to_string(), "audits are read-only; write to audit_log_next");
    /// ```
    pub fn refused(why: impl Into<String>) -> Self {
        Kind::Refused { why: why.into() }.into()
    }

    pub(crate) fn no_opinion<'a>(
        operation: &Operation<'_>,
        asked: impl Iterator<Item = &'a str>,
        context: &Context,
    ) -> Self {
        let asked = asked.collect::<Vec<_>>().join(", ");
        // Of values that are no part of routing only the types are told: they may be secrets.
        let told = context.entries().map(|entry| match entry.is_for_routing() {
            true => entry.to_string(),
            false => format!("{} set at {}", entry.type_name(), entry.origin()),
        });
        let told = told.collect::<Vec<_>>().join(", ");
        // The likeliest cause of all.
        let (context, hint) = if told.is_empty() {
            ("nothing".into(), ". A spawned task or thread starts empty: carry the context over by Context::current()")
        } else {
            (told, "")
        };
        Kind::NoOpinion { operation: operation.to_string(), asked, context, hint }.into()
    }

    pub(crate) fn unknown_key(operation: &Operation<'_>, key: &RoutingKey, found: &str) -> Self {
        Kind::UnknownKey { operation: operation.to_string(), key: key.clone(), found: found.into() }.into()
    }

    pub(crate) fn unknown_home(operation: &Operation<'_>, witness: &Witness) -> Self {
        let (home, found) = (witness.home().clone(), witness.to_string());
        Kind::UnknownHome { operation: operation.to_string(), home, found }.into()
    }

    pub(crate) fn disagreement(operation: &Operation<'_>, witnesses: &[Witness]) -> Self {
        let each = witnesses.iter().map(|witness| format!("{}, because {witness}", witness.home()));
        let witnesses = each.collect::<Vec<_>>().join("; ");
        Kind::Disagreement { operation: operation.to_string(), witnesses }.into()
    }

    pub(crate) fn unscoped_set(verb: &'static str, type_name: String, caller: &Origin, why: &'static str) -> Self {
        Kind::UnscopedSet { verb, type_name, caller: caller.to_string(), why }.into()
    }

    pub(crate) fn invalid_name(name: &str) -> Self {
        Kind::InvalidName { name: name.into() }.into()
    }

    pub(crate) fn placed_twice(key: &RoutingKey, first: &Placed, second: &Placed) -> Self {
        let place = |placed: &Placed| format!("{} ({})", placed.home(), placed.origin());
        Kind::PlacedTwice { key: key.clone(), first: place(first), second: place(second) }.into()
    }

    pub(crate) fn unmergeable(by: &str, aggregate: &Aggregate) -> Self {
        let why = match aggregate {
            Aggregate::Unknown => "only the statement can say how they become one; take them home by home",
            Aggregate::Rows => "rows are put together",
            Aggregate::Sum | Aggregate::Count => "what they make together is their sum",
            Aggregate::Min | Aggregate::Max => "what they make together is the least or the greatest of them",
            // An average of averages is not the average, and neither is it for any other such function.
            Aggregate::Other(_) => {
                "that of all homes cannot be made of them; ask each home for what can be added up, as an average's sum \
                 and count"
            }
        };
        Kind::Unmergeable { by: by.into(), what: aggregate.to_string(), why }.into()
    }

    pub(crate) fn unmergeable_sum() -> Self {
        let what = "numbers whose sum the type cannot hold".into();
        Kind::Unmergeable { by: "added up".into(), what, why: "a wider type is needed" }.into()
    }

    pub(crate) fn no_home(by: &str) -> Self {
        Kind::NoHome { by: by.into() }.into()
    }

    #[cfg(feature = "toml")]
    pub(crate) fn invalid_configuration(place: String, why: &str) -> Self {
        Kind::Configuration { place, why: why.into() }.into()
    }

    /// This error, with the line of a file that it came about at.
    #[cfg(feature = "toml")]
    pub(crate) fn at(self, place: String) -> Self {
        Kind::At { place, source: self }.into()
    }

    /// No router had an opinion on the operation.
    ///
    /// ```
    /// use domicile::{Chain, Operation, Placement, PlacementRouter};
    ///
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// assert!(routers.route(&Operation::read("orders")).unwrap_err().is_no_opinion());
    /// ```
    pub fn is_no_opinion(&self) -> bool {
        matches!(*self.kind, Kind::NoOpinion { .. })
    }

    /// A routing key was not placed in any home.
    ///
    /// ```
    /// use domicile::{Chain, Operation, Placement, PlacementRouter, RoutingKey, context};
    ///
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// let refused = context::with(RoutingKey::new("XX"), || routers.route(&Operation::read("orders")));
    /// assert!(refused.unwrap_err().is_unknown_key());
    /// ```
    pub fn is_unknown_key(&self) -> bool {
        matches!(*self.kind, Kind::UnknownKey { .. })
    }

    /// A home was named that is not of the placement.
    ///
    /// ```
    /// use domicile::{Chain, Home, Operation, Placement, PlacementRouter};
    ///
    /// let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// let on_es = Operation::read("orders").on(Home::new("es").unwrap());
    /// assert!(routers.route(&on_es).unwrap_err().is_unknown_home());
    /// ```
    pub fn is_unknown_home(&self) -> bool {
        matches!(*self.kind, Kind::UnknownHome { .. })
    }

    /// Two witnesses lead to different homes.
    ///
    /// ```
    /// use domicile::{Chain, Home, Operation, Placement, PlacementRouter};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let (es, fr) = (Home::new("es")?, Home::new("fr")?);
    /// let placement = Placement::builder().home(es.clone()).home(fr.clone()).build()?;
    /// let routers = Chain::new(PlacementRouter::new(placement));
    /// let torn = Operation::read("orders").on(es).in_transaction_of(fr, "src/sync.rs:20");
    /// assert!(routers.route(&torn).unwrap_err().is_disagreement());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_disagreement(&self) -> bool {
        matches!(*self.kind, Kind::Disagreement { .. })
    }

    /// A value of the context was to be changed where no scope is open to hold the change.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let refused = domicile::context::set(7_u32);
    /// assert!(refused.unwrap_err().is_unscoped_set());
    /// # });
    /// ```
    pub fn is_unscoped_set(&self) -> bool {
        matches!(*self.kind, Kind::UnscopedSet { .. })
    }

    /// A home was given a name that it cannot have.
    ///
    /// ```
    /// assert!(domicile::Home::new("").unwrap_err().is_invalid_name());
    /// ```
    pub fn is_invalid_name(&self) -> bool {
        match &*self.kind {
            #[cfg(feature = "toml")]
            Kind::At { source, .. } => source.is_invalid_name(),
            kind => matches!(kind, Kind::InvalidName { .. }),
        }
    }

    /// A configuration could not be read as one of homes.
    ///
    /// ```
    /// let error = domicile::Placement::from_toml("domicile.toml", "homes = 7").unwrap_err();
    /// assert!(error.is_invalid_configuration());
    /// assert!(error.to_string().starts_with("domicile.toml:1: "));
    /// ```
    #[cfg(feature = "toml")]
    pub fn is_invalid_configuration(&self) -> bool {
        matches!(*self.kind, Kind::Configuration { .. })
    }

    /// A routing key was placed more than once.
    ///
    /// ```
    /// use domicile::{Home, Placement, RoutingKey};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let (key, home) = (RoutingKey::new("ES"), Home::new("es")?);
    /// let twice = Placement::builder().place(key.clone(), home.clone(), "a:1").place(key, home, "a:2").build();
    /// assert!(twice.unwrap_err().is_placed_twice());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_placed_twice(&self) -> bool {
        matches!(*self.kind, Kind::PlacedTwice { .. })
    }

    /// The results of several homes were to become one in a way that would be wrong.
    ///
    /// ```
    /// use domicile::{Aggregate, EachHome, Home, MergeError};
    ///
    /// let averages = [(Home::new("es").unwrap(), Ok::<_, ()>(Some(3.5))), (Home::new("fr").unwrap(), Ok(None))];
    /// let refused = EachHome::new(averages, Aggregate::Other("avg".into())).max().unwrap_err();
    /// assert!(matches!(refused, MergeError::Refused(error) if error.is_unmergeable()));
    /// ```
    pub fn is_unmergeable(&self) -> bool {
        matches!(*self.kind, Kind::Unmergeable { .. })
    }

    /// The results of several homes were taken together, and no home had been asked: nothing is no answer.
    ///
    /// ```
    /// use domicile::{Aggregate, EachHome, MergeError};
    ///
    /// let refused = EachHome::<i64, ()>::new([], Aggregate::Count).count().unwrap_err();
    /// assert!(matches!(refused, MergeError::Refused(error) if error.is_no_home()));
    /// ```
    pub fn is_no_home(&self) -> bool {
        matches!(*self.kind, Kind::NoHome { .. })
    }

    /// A router refused the operation by a rule of its own; see [`Error::refused`].
    ///
    /// ```
    /// assert!(domicile::Error::refused("audits are read-only").is_refused());
    /// ```
    pub fn is_refused(&self) -> bool {
        matches!(*self.kind, Kind::Refused { .. })
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self { kind: Box::new(kind) }
    }
}

impl Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.kind, f)
    }
}
