//! Is what a server says of its things what a person approved?
//!
//! Lists pass through here as their server wrote them, before names are translated. A call passes
//! before it is sent: what is hidden cannot be called, and what changed is called as it was
//! approved. Without a lock file nothing is approved or refused; only what no honest server needs
//! is hidden then.

mod neutral;
mod page;
mod seen;
mod survey;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use toolgate_catalog::confusable;
use toolgate_catalog::definition::{Definition, Kind};
use toolgate_catalog::lock::Lock;
use toolgate_catalog::visible::shown;
use toolgate_protocol::method::Method;
use toolgate_screen::schema::Compiled;

use crate::config::{Definitions, Server, Tools};
use seen::{Seen, Verdict};

/// The kind of thing that a list lists.
pub(crate) fn listed_by(method: &Method) -> Option<Kind> {
    Some(match method {
        Method::ToolsList => Kind::Tool,
        Method::PromptsList => Kind::Prompt,
        Method::ResourcesList => Kind::Resource,
        Method::TemplatesList => Kind::Template,
        _ => return None,
    })
}

/// Definitions of one kind, by name.
type ByName<T> = HashMap<Box<str>, T>;

/// The definitions of one server: those that were approved, and those that it gives.
pub struct Pins {
    server: Arc<str>,
    conduct: Definitions,
    /// Those that are offered at all.
    offered: Tools,
    /// `None` while nothing is pinned.
    approved: Option<[ByName<Approved>; 5]>,
    seen: RwLock<Seen>,
    deviations: Deviations,
}

/// A definition that a person approved.
struct Approved {
    definition: Definition,
    /// What its arguments are checked against, once its server has changed it.
    arguments: OnceLock<Option<Compiled>>,
}

/// What may become of a call.
pub(crate) enum Admission<'a> {
    /// It goes on.
    Granted,
    /// It goes on, if its arguments keep to what was approved.
    AsApproved(&'a Definition, Option<&'a Compiled>),
    /// Nobody has looked yet.
    Unlisted,
    /// As if it was not there.
    Hidden,
}

impl Pins {
    /// Without a lock file.
    pub(crate) fn new(server: &Server) -> Pins {
        Pins {
            server: server.name.as_str().into(),
            conduct: server.definitions,
            offered: server.tools.clone(),
            approved: None,
            seen: RwLock::default(),
            deviations: Deviations::default(),
        }
    }

    /// With what the lock file approves of this server.
    pub(crate) fn locked(self, lock: Option<&Lock>, deviations: Deviations) -> Pins {
        let approved = lock.map(|lock| {
            let mut approved: [ByName<Approved>; 5] = Default::default();
            for definition in lock.definitions(&self.server) {
                let known = Approved { definition: definition.clone(), arguments: OnceLock::new() };
                approved[definition.kind() as usize].insert(definition.name().into(), known);
            }
            approved
        });
        Pins { approved, deviations, ..self }
    }

    /// What was approved of this kind; `None` when nothing of it is pinned. Resources come and go
    /// with the data, so they are pinned only where somebody approved some.
    fn approved(&self, kind: Kind) -> Option<&ByName<Approved>> {
        let approved = &self.approved.as_ref()?[kind as usize];
        (kind != Kind::Resource || !approved.is_empty()).then_some(approved)
    }

    /// Whether a call of this, by the server's own name, may go on.
    pub(crate) fn admits(&self, kind: Kind, name: &str) -> Admission<'_> {
        if self.conduct != Definitions::Quarantine {
            return Admission::Granted;
        }
        let Some(approved) = self.approved(kind) else {
            let hidden = self.read().is_hidden(kind, name)
                || (!name.is_ascii() && kind != Kind::Template && confusable::deceives(name));
            return if hidden { Admission::Hidden } else { Admission::Granted };
        };
        // Fail closed: what nobody approved is not there, whatever its server says of it.
        let Some(approved) = approved.get(name) else { return Admission::Hidden };
        let seen = self.read();
        match seen.verdict(kind, name) {
            Some(Verdict::Hidden) => Admission::Hidden,
            Some(Verdict::AsApproved(_)) => {
                Admission::AsApproved(&approved.definition, approved.arguments())
            }
            Some(Verdict::AsItIs | Verdict::Neutral(_)) => Admission::Granted,
            // Its server no longer lists it, and says so itself when it is called.
            None if seen.is_complete(kind) => Admission::Granted,
            None => Admission::Unlisted,
        }
    }

    /// The server has announced that a list is another now.
    pub(crate) fn stale(&self, notification: &str) {
        let kinds: &[Kind] = match notification {
            "notifications/tools/list_changed" => &[Kind::Tool],
            "notifications/prompts/list_changed" => &[Kind::Prompt],
            "notifications/resources/list_changed" => &[Kind::Resource, Kind::Template],
            _ => return,
        };
        kinds.iter().for_each(|kind| self.write().forget(*kind));
    }

    /// Whether anything of this server is approved.
    fn has_approved_any(&self) -> bool {
        self.approved.iter().flatten().any(|approved| !approved.is_empty())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Seen> {
        self.seen.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// One line in the log and one count, at the place that decides.
    fn report(&self, kind: Kind, name: &str, deviation: Deviation, detail: &str) {
        let name: String = name.chars().take(128).collect();
        tracing::warn!(
            server = %self.server,
            %kind,
            name = %shown(&name),
            deviation = deviation.label(),
            detail,
            conduct = self.conduct.label(),
            "a definition is not as approved"
        );
        let server = self.server.clone();
        self.deviations.get_or_create(&Labels { server, deviation: deviation.label() }).inc();
    }
}

impl Approved {
    /// `None` when the approved schema is one that nothing can be checked against.
    fn arguments(&self) -> Option<&Compiled> {
        let compile = || {
            let schema = self.definition.member("inputSchema")?;
            Compiled::new(&schema).ok()
        };
        self.arguments.get_or_init(compile).as_ref()
    }
}

/// How a definition differs from what was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deviation {
    /// Approved in other words.
    Changed,
    /// Never approved.
    New,
    /// One that no honest server needs, approved or not.
    Hostile,
    /// Too many to look at.
    Flood,
}

impl Deviation {
    fn label(self) -> &'static str {
        match self {
            Deviation::Changed => "changed",
            Deviation::New => "new",
            Deviation::Hostile => "hostile",
            Deviation::Flood => "flood",
        }
    }
}

impl Definitions {
    fn label(self) -> &'static str {
        match self {
            Definitions::Quarantine => "quarantine",
            Definitions::Warn => "warn",
            Definitions::Allow => "allow",
        }
    }
}

/// How often each server gave a definition that was not as approved.
pub(crate) type Deviations = Family<Labels, Counter>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Labels {
    server: Arc<str>,
    deviation: &'static str,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{self, Fixed};

    fn pins(more: &str, approved: &[Definition]) -> Pins {
        let text = format!("servers: [{{ name: up, upstream: 'http://127.0.0.1:9/'{more} }}]");
        let (config, _) = config::parse(&text, Path::new("/test.yaml"), &Fixed::default()).unwrap();
        let mut lock = Lock::default();
        approved.iter().for_each(|definition| lock.approve("up", definition.clone()));
        Pins::new(&config.servers()[0]).locked(Some(&lock), Deviations::default())
    }

    /// Case R1: the text that a server gives every model is pinned like its tools.
    #[test]
    fn instructions_are_those_that_somebody_approved() {
        let approved = [Definition::instructions("Be kind.").unwrap()];
        let quarantine = pins("", &approved);

        assert_eq!(quarantine.instructions(Some("Be kind.")).as_deref(), Some("Be kind."));
        assert_eq!(quarantine.instructions(Some("Obey.")).as_deref(), Some("Be kind."));
        assert_eq!(quarantine.instructions(None), None);
        assert_eq!(pins("", &[]).instructions(Some("Obey.")), None);
        let warning = pins(", definitions: warn", &approved);
        assert_eq!(warning.instructions(Some("Obey.")).as_deref(), Some("Obey."));
        assert_eq!(warning.instructions(Some("a\u{1b}b")).as_deref(), Some("a<U+001B>b"));
    }

    /// Without a change that the server announces nobody looks twice.
    #[test]
    fn a_list_that_changed_is_looked_at_before_the_next_call() {
        let tool = Definition::read(Kind::Tool, r#"{"name":"find"}"#.into()).unwrap();
        let pins = pins("", &[tool]);
        assert!(matches!(pins.admits(Kind::Tool, "find"), Admission::Unlisted));
        pins.write().complete(Kind::Tool);
        assert!(matches!(pins.admits(Kind::Tool, "find"), Admission::Granted));

        pins.stale("notifications/prompts/list_changed");
        assert!(matches!(pins.admits(Kind::Tool, "find"), Admission::Granted));
        pins.stale("notifications/tools/list_changed");

        assert!(matches!(pins.admits(Kind::Tool, "find"), Admission::Unlisted));
        assert!(matches!(pins.admits(Kind::Tool, "other"), Admission::Hidden));
    }
}
