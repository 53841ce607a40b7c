//! A router's answer.

use std::fmt::{self, Display};
use std::sync::Arc;

use crate::few::Few;
use crate::replica::Role;
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
// In this order the reason is moved in the same pieces, be it alone or in the whole; a processor waits for a piece that was
// just stored in others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Route {
    reason: Reason,
    role: Role,
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
        Self::by(Witness::stated(home, why))
    }

    #[inline]
    fn by(witness: Witness) -> Self {
        Self { role: Role::Primary, reason: Reason { witnesses: Few::One([witness]) } }
    }

    /// Adds a witness to the route that those before it lead to; the first makes one. That they agree is for the caller to
    /// see to.
    #[inline]
    pub(crate) fn hold(route: &mut Option<Self>, witness: impl FnOnce() -> Witness) {
        match route {
            Some(route) => route.reason.witnesses.push(witness),
            None => _ = route.get_or_insert_with(|| Self::by(witness())),
        }
    }

    #[inline]
    pub(crate) fn answered_by(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// Returns the home that the operation belongs to.
    ///
    /// ```
    /// # use domicile::{Home, Route};
    /// let route = Route::new(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(route.home().as_str(), "es");
    /// ```
    pub fn home(&self) -> &Home {
        self.reason.witnesses()[0].home()
    }

    /// Returns which databases of the home may answer.
    ///
    /// ```
    /// # use domicile::{Home, Role, Route};
    /// let route = Route::new(Home::new("es").unwrap(), "audits are kept in Spain");
    /// assert_eq!(route.role(), Role::Primary);
    /// ```
    pub fn role(&self) -> Role {
        self.role
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
        write!(f, "{}, because {}", self.home(), self.reason)
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
    witnesses: Few<Witness>,
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
        for (index, witness) in self.witnesses().iter().enumerate() {
            let separator = if index == 0 { "" } else { " and " };
            write!(f, "{separator}{witness}")?;
        }
        Ok(())
    }
}
