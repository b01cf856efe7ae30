//! Whose values does a caller meet?

use std::borrow::Cow;

use toolgate_gateway::call::Who;
use toolgate_gateway::config::servers::state::Scope;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::store::Name;

use crate::State;

/// Where the values of one owner lie. Digests, so that no name of a person lies in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shelf(pub(crate) String);

impl State {
    /// The shelf of whoever calls.
    ///
    /// # Errors
    /// Values are kept for each session or tenant, and this caller has none.
    pub(crate) fn shelf(&self, who: &Who) -> Result<Shelf, Fault> {
        owner(&self.name, self.rules.scope, who).ok_or_else(|| {
            let what = if self.rules.scope == Scope::Session { "session" } else { "tenant" };
            let plural = &self.words.several;
            let text = format!("{plural} are kept for each {what}, and this caller has no {what}");
            Fault::new(Reason::Unbound, text)
        })
    }
}

fn owner(server: &str, scope: Scope, who: &Who) -> Option<Shelf> {
    let principal = &*who.caller.principal;
    let (kind, parts): (_, Cow<'_, [&str]>) = match scope {
        Scope::Caller => ("caller", Cow::Owned(vec![server, principal])),
        // Of this caller too: a session that somebody else takes up is another one.
        Scope::Session => ("session", Cow::Owned(vec![server, principal, who.session.as_deref()?])),
        Scope::Tenant => ("tenant", Cow::Owned(vec![server, who.caller.tenant.as_deref()?])),
        Scope::Shared => ("shared", Cow::Owned(vec![server])),
    };
    Some(Shelf(format!("state:{}", Name::of(kind, &parts))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use toolgate_gateway::call::Caller;
    use toolgate_gateway::testing::caller;

    fn who(caller: Caller, session: Option<&str>) -> Who {
        Who { session: session.map(Arc::from), ..Who::of(caller) }
    }

    #[test]
    fn who_meets_is_who_the_scope_says() {
        let (ada, bob) = (who(caller("ada"), Some("s1")), who(caller("bob"), Some("s1")));
        let later = who(caller("ada"), Some("s2"));
        let shelf = |scope, who: &Who| owner("cart", scope, who).unwrap();

        assert_eq!(shelf(Scope::Caller, &ada), shelf(Scope::Caller, &later));
        assert_ne!(shelf(Scope::Caller, &ada), shelf(Scope::Caller, &bob));
        assert_ne!(shelf(Scope::Session, &ada), shelf(Scope::Session, &later));
        assert_ne!(shelf(Scope::Session, &ada), shelf(Scope::Session, &bob));
        assert_eq!(shelf(Scope::Shared, &ada), shelf(Scope::Shared, &bob));
        assert_ne!(shelf(Scope::Caller, &ada), owner("plan", Scope::Caller, &ada).unwrap());
        assert_eq!(owner("cart", Scope::Tenant, &ada), None);
        assert_eq!(owner("cart", Scope::Session, &who(caller("ada"), None)), None);
    }
}
