//! Scopes that no operation may leave.

use std::fmt::{self, Debug};

use crate::context::{self, Found};
use crate::{Error, Home, Witness};

/// Confines a scope to one home, so that no operation in it is routed anywhere else: a value for the context.
///
/// It is for code that is not one's own, or that is reviewed for one home only: whatever is set below, or named by an
/// explicit `on(home)`, an operation for another home is refused, and the error names where the scope was confined. A
/// scope within can be confined to the same home again, and to no other.
///
/// It is kept by what runs in the scope, and is no prison: code that removes this value from the context, or puts another
/// one there that was made outside, has left it on purpose.
///
/// It confines what runs in the scope. A future that was made outside with a scope of its own keeps that, so make it within:
/// `context::scope(Confined::to(es)?, async { context::scope(key, …).await })`, see [`context::scope`]. A task or thread that the context is not carried to starts empty, as ever.
///
/// ```
/// use domicile::{Chain, Confined, Home, Operation, Placement, PlacementRouter, RoutingKey, context};
///
/// # fn main() -> Result<(), domicile::Error> {
/// let (es, fr) = (Home::new("es")?, Home::new("fr")?);
/// let placement = Placement::builder()
///     .place(RoutingKey::new("ES"), es.clone(), "domicile.toml:12")
///     .place(RoutingKey::new("FR"), fr.clone(), "domicile.toml:13")
///     .build()?;
/// let routers = Chain::new(PlacementRouter::new(placement));
/// let read = Operation::read("orders");
/// context::with(Confined::to(es)?, || {
///     assert_eq!(context::with(RoutingKey::new("ES"), || routers.route(&read))?.home().as_str(), "es");
///     assert!(context::with(RoutingKey::new("FR"), || routers.route(&read)).unwrap_err().is_disagreement());
///     assert!(routers.route(&read.clone().on(fr)).unwrap_err().is_disagreement());
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Confined {
    home: Home,
}

impl Confined {
    /// Makes the value that confines a scope to `home`.
    ///
    /// # Errors
    ///
    /// [`Error::is_refused`] in a scope that is confined to another home.
    ///
    /// ```
    /// use domicile::{Confined, Home, context};
    ///
    /// # fn main() -> Result<(), domicile::Error> {
    /// let (es, fr) = (Home::new("es")?, Home::new("fr")?);
    /// context::with(Confined::to(es.clone())?, || {
    ///     assert!(Confined::to(es).is_ok());
    ///     assert!(Confined::to(fr).unwrap_err().is_refused());
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn to(home: Home) -> Result<Self, Error> {
        let outer = context::look_at(Self::witness);
        match outer {
            Some(outer) if *outer.home() != home => {
                Err(Error::refused(format!("this scope cannot be confined to {home}: {outer}. Leave that scope first")))
            }
            _ => Ok(Self { home }),
        }
    }

    /// Returns the home.
    ///
    /// ```
    /// use domicile::{Confined, Home};
    ///
    /// assert_eq!(Confined::to(Home::new("es").unwrap()).unwrap().home().as_str(), "es");
    /// ```
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Tells whether operations may go to `home` where this is what is in the context.
    #[inline]
    pub(crate) fn allows(found: Option<Found<'_, Self>>, home: &Home) -> bool {
        found.is_none_or(|confined| confined.value.home == *home)
    }

    /// What is known because a scope is confined.
    pub(crate) fn witness(found: Found<'_, Self>) -> Witness {
        Witness::confined(found.value.home.clone(), found.origin())
    }
}

impl Debug for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Confined({})", self.home)
    }
}
