//! A call that waits, as it is kept where other replicas see it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toolgate_protocol::caller::{Caller, Identity, Proof};

use super::table::{Entry, State, Wish};

/// All of it that matters there. Of claims, roles and scopes nothing does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealed {
    id: Box<str>,
    principal: Box<str>,
    subject: Box<str>,
    tenant: Option<Box<str>>,
    actor: Option<Box<str>>,
    issuer: Option<Box<str>>,
    proof: Box<str>,
    server: Box<str>,
    tool: Box<str>,
    arguments: String,
    digest: String,
    version: Box<str>,
    questions: Vec<Box<str>>,
    /// Who agreed.
    granted_by: Option<Box<str>>,
    refused: bool,
    asked: u64,
    ends: u64,
}

impl Sealed {
    pub(super) fn of(id: &str, entry: &Entry) -> Sealed {
        let Entry { wish, state, asked, ends } = entry;
        let caller = &wish.caller;
        let text = |text: &Option<Arc<str>>| text.as_deref().map(Box::from);
        Sealed {
            id: id.into(),
            principal: (&*caller.principal).into(),
            subject: (&*caller.subject).into(),
            tenant: text(&caller.tenant),
            actor: text(&caller.actor),
            issuer: text(&caller.issuer),
            proof: caller.proof.as_str().into(),
            server: (&*wish.server).into(),
            tool: (&*wish.tool).into(),
            arguments: wish.arguments.clone(),
            digest: wish.digest.clone(),
            version: (&*wish.version).into(),
            questions: wish.questions.iter().map(|why| (&**why).into()).collect(),
            granted_by: match state {
                State::Granted(by) => Some((&**by).into()),
                State::Pending | State::Refused => None,
            },
            refused: matches!(state, State::Refused),
            asked: *asked,
            ends: *ends,
        }
    }

    pub(super) fn open(self) -> (Box<str>, Entry) {
        let caller = Caller::from(Identity {
            principal: self.principal.into(),
            subject: self.subject.into(),
            tenant: self.tenant.map(Arc::from),
            actor: self.actor.map(Arc::from),
            issuer: self.issuer.map(Arc::from),
            proof: Proof::named(&self.proof).unwrap_or_default(),
            ..Identity::default()
        });
        let wish = Wish {
            caller,
            server: self.server.into(),
            tool: self.tool.into(),
            arguments: self.arguments,
            digest: self.digest,
            version: self.version.into(),
            questions: self.questions.into_iter().map(Arc::from).collect(),
        };
        let state = match (self.granted_by, self.refused) {
            (Some(by), _) => State::Granted(by.into()),
            (None, true) => State::Refused,
            (None, false) => State::Pending,
        };
        (self.id, Entry { wish, state, asked: self.asked, ends: self.ends })
    }
}
