//! Whose is a name that two servers give out? What a list shows has to be what a call reaches: a
//! server could otherwise describe, in its own words, what another one does.
//!
//! `a` with a tool `b_c` and `a_b` with a tool `c` both publish `a_b_c`. The longer prefix has it.

use std::collections::HashSet;

use toolgate_policy::Kind;

use crate::call::Request;
use crate::entries::Entry;
use crate::entries::{Part, kind_of_list};
use crate::gateway::{Gateway, Route};

impl Gateway {
    /// Leaves out of the parts of a list, the first of which is that of the server at `start`, what a
    /// call by its name would bring to another server.
    pub(crate) async fn unshadowed(
        &self,
        request: &Request,
        start: usize,
        parts: &mut [Option<Part>],
    ) {
        let kind = kind_of_list(&request.method);
        // URIs name their server in front of a plus sign, which is no part of its name.
        if kind == Kind::Resource {
            return;
        }
        for at in 0..parts.len() {
            let Some(route) = self.routes.get(start + at) else { return };
            let rivals = self.routes.iter().enumerate().filter(|(_, rival)| is_surer(rival, route));
            for (place, rival) in rivals {
                let prefix = rival.names.prefix();
                let begins = |entry: &Entry| entry.key.starts_with(prefix);
                let part = parts.get(at).and_then(Option::as_ref);
                let is_met = part.is_some_and(|part| part.entries.iter().any(begins));
                if !is_met {
                    continue;
                }
                let own = place.checked_sub(start).and_then(|place| parts.get(place));
                let taken = match own {
                    Some(None) => None,
                    Some(Some(part)) if part.next.is_none() && kind == Kind::Tool => {
                        Some(part.entries.iter().map(|entry| entry.key.clone()).collect())
                    }
                    _ => self.names_of(rival, kind, request).await,
                };
                if let Some(Some(part)) = parts.get_mut(at) {
                    part.entries.retain(|entry| {
                        let has = |taken: &HashSet<String>| taken.contains(&entry.key);
                        let stays = !begins(entry) || !taken.as_ref().is_none_or(has);
                        if !stays {
                            let (server, of) = (&route.name, &rival.name);
                            tracing::warn!(%server, %of, name = entry.key, "shadowed: left out");
                        }
                        stays
                    });
                }
            }
        }
    }

    /// The names that a server has for a caller; `None` for all that begin like its own: where a name
    /// leads by its prefix alone, and, to fail closed, where the server does not tell.
    async fn names_of(
        &self,
        route: &Route,
        kind: Kind,
        request: &Request,
    ) -> Option<HashSet<String>> {
        if kind != Kind::Tool {
            return None;
        }
        let tools = Box::pin(self.tools_of(route, request)).await.ok()?;
        let shown = tools.into_iter().filter(|it| self.shows(&request.who, route, kind, &it.name));
        Some(shown.map(|it| it.key).collect())
    }
}

/// Whether names that begin like those of both are looked for at the first one first.
fn is_surer(rival: &Route, route: &Route) -> bool {
    let (longer, shorter) = (rival.names.prefix(), route.names.prefix());
    longer.len() > shorter.len() && longer.starts_with(shorter)
}
