//! What was decided on a request: leave to send it, a question, a refusal.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use toolgate_policy::{Decision, Policy};

/// Leave to send one request. Only `authorize` makes one, and nothing is sent without.
#[derive(Clone, Debug)]
pub struct Permit {
    ruling: Option<Ruling>,
}

/// What a person has to be asked before it becomes a [`Permit`].
#[derive(Debug)]
pub struct Asked {
    ruling: Ruling,
}

/// What was decided on one request.
#[derive(Clone)]
pub struct Ruling {
    decision: Arc<Decision>,
    version: Arc<str>,
    id: u64,
}

/// Why a request is refused, for whoever records it, and what would help.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The decision.
    pub ruling: Ruling,
    /// All scopes that the request needs, where the lack of some is why it is refused and may be
    /// told.
    pub scopes: Vec<Arc<str>>,
}

impl Permit {
    /// Where nothing has to be decided.
    pub(super) const FREE: Permit = Permit { ruling: None };

    /// By this ruling.
    pub(super) fn by(ruling: Ruling) -> Permit {
        Permit { ruling: Some(ruling) }
    }

    /// What was decided; nothing where the configuration has no rules.
    pub fn ruling(&self) -> Option<&Ruling> {
        self.ruling.as_ref()
    }

    /// The number of the decision, by which its record is found.
    pub fn decision(&self) -> Option<u64> {
        self.ruling.as_ref().map(Ruling::id)
    }

    /// The rules that decided, by name.
    pub fn rules(&self) -> &[Arc<str>] {
        self.ruling.as_ref().map_or(&[], Ruling::rules)
    }

    /// The version of the rules.
    pub fn policy_version(&self) -> Option<&Arc<str>> {
        self.ruling.as_ref().map(Ruling::version)
    }
}

impl Asked {
    /// By this ruling.
    pub(super) fn by(ruling: Ruling) -> Asked {
        Asked { ruling }
    }

    /// What to ask.
    pub fn questions(&self) -> &[Arc<str>] {
        &self.ruling.decision.approve
    }

    /// What was decided so far.
    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }

    /// The same, of what nobody is asked about.
    pub(super) fn into_ruling(self) -> Ruling {
        self.ruling
    }

    /// A person has agreed to exactly this request.
    pub(crate) fn approved(self) -> Permit {
        Permit { ruling: Some(self.ruling) }
    }
}

impl Ruling {
    pub(super) fn new(decision: Arc<Decision>, policy: &Policy) -> Ruling {
        // Each process counts from somewhere else, so that replicas do not give out the same.
        static NEXT: LazyLock<AtomicU64> =
            LazyLock::new(|| AtomicU64::new(getrandom::u64().unwrap_or_default()));
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Ruling { decision, version: policy.version().clone(), id }
    }

    /// The decision.
    pub fn decision(&self) -> &Arc<Decision> {
        &self.decision
    }

    /// Its number, by which its record is found.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The number as records and servers are told it.
    pub fn name(&self) -> String {
        format!("{:016x}", self.id)
    }

    /// The rules that decided, by name.
    pub fn rules(&self) -> &[Arc<str>] {
        &self.decision.rules
    }

    /// The version of the rules.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }
}

/// A decision names rules and scopes of the operator: enough for a log, and no more.
impl fmt::Debug for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ruling { decision, version, id } = self;
        write!(f, "Ruling({id}: {:?} by {:?} of {version})", decision.effect, decision.rules)
    }
}
