//! A router's answer.

use std::fmt::{self, Display};
use std::sync::Arc;

use crate::{Home, Witness};

/// The home of an operation and the reason for it.
///
/// There is no route without a home and none without a reason.
///
/// ```
/// use domicile::{Home, Route};
///
/// let route = Route::new(Home::new("es").unwrap(), "audits are kept in Spain");
/// assert_eq!(route.to_string(), "es, because audits are kept in Spain");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    home: Home,
    reason: Reason,
}

impl Route {
    /// Makes the route of a router that decides by a rule of its own; `why` completes "es, because …".
    ///
    /// ```
    /// use domicile::{Home, Route};
    ///
    /// let route = Route::new(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(route.home().as_str(), "es");
    /// ```
    pub fn new(home: Home, why: impl Into<Arc<str>>) -> Self {
        Self { reason: Reason { witnesses: vec![Witness::stated(home.clone(), why)] }, home }
    }

    /// Makes the route that all the witnesses lead to. They are known to agree; none make no route.
    pub(crate) fn agreed(witnesses: Vec<Witness>) -> Option<Self> {
        let home = witnesses.first()?.home().clone();
        Some(Self { home, reason: Reason { witnesses } })
    }

    /// Returns the home that the operation belongs to.
    ///
    /// ```
    /// # use domicile::{Home, Route};
    /// let route = Route::new(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(route.home().as_str(), "es");
    /// ```
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Returns why it belongs there.
    ///
    /// ```
    /// # use domicile::{Home, Route};
    /// let route = Route::new(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(route.reason().to_string(), "audits are kept in Spain");
    /// ```
    pub fn reason(&self) -> &Reason {
        &self.reason
    }
}

impl Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, because {}", self.home, self.reason)
    }
}

/// Why a route leads to its home: the witnesses that decided, of which there is at least one, and which all agree.
///
/// ```
/// use domicile::{Home, Route};
///
/// let route = Route::new(Home::new("es").unwrap(), "audits are kept in Spain");
/// assert_eq!(route.reason().witnesses().len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    witnesses: Vec<Witness>,
}

impl Reason {
    /// Returns the witnesses that decided, the strongest first.
    ///
    /// ```
    /// # use domicile::{Home, Route};
    /// let route = Route::new(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(route.reason().witnesses()[0].home().as_str(), "es");
    /// ```
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, witness) in self.witnesses.iter().enumerate() {
            let separator = if index == 0 { "" } else { " and " };
            write!(f, "{separator}{witness}")?;
        }
        Ok(())
    }
}
