//! Each step of an approval is a record of its own: who did what about whose call.

use std::sync::Arc;

use toolgate_audit::{Approval, Decision, Intent, Outcome, Status, Text, Tickets};

use super::table::Wish;
use crate::call::Caller;
use crate::fault::{Fault, Reason};
use crate::gateway::Gateway;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A person is asked.
    Ask,
    /// A person agrees.
    Grant,
    /// A person does not.
    Refuse,
    /// The call goes on, this once.
    Use,
    /// A limit refused the call, and the consent is kept for the same one.
    Keep,
    /// Nobody decided in time, or what was granted was not used in time.
    Expire,
}

impl Step {
    fn method(self) -> &'static str {
        match self {
            Step::Ask => "approvals/ask",
            Step::Grant => "approvals/grant",
            Step::Refuse => "approvals/refuse",
            Step::Use => "approvals/use",
            Step::Keep => "approvals/keep",
            Step::Expire => "approvals/expire",
        }
    }

    fn decision(self) -> Decision {
        match self {
            Step::Ask => Decision::Ask,
            Step::Grant | Step::Use | Step::Keep => Decision::Allow,
            Step::Refuse => Decision::Deny,
            Step::Expire => Decision::None,
        }
    }

    /// The step as it was meant to be.
    pub(super) fn done(self) -> Outcome {
        Outcome { decision: self.decision(), ..Outcome::new(Status::Ok) }
    }
}

/// What a step is about.
pub(super) struct About<'a> {
    /// The id of the approval.
    pub id: &'a str,
    pub wish: &'a Wish,
    /// The principal of whoever decides or decided.
    pub approver: Option<&'a Arc<str>>,
}

impl About<'_> {
    fn intent(&self, step: Step, who: &Caller) -> Intent {
        let wish = self.wish;
        let mut intent = Intent::new(who.clone(), step.method());
        intent.tool = Some(Text::from(wish.tool.clone()));
        intent.policy = Some(Text::from(wish.version.clone()));
        intent.approval = Some(Approval {
            id: Text::from(self.id),
            requester: Text::from(wish.caller.principal.clone()),
            approver: self.approver.cloned().map(Text::from),
            call: Text::from(&*wish.digest),
        });
        intent
    }
}

impl Gateway {
    /// Records a step that gives nothing: nobody waits for its record.
    pub(super) fn note(&self, step: Step, about: &About<'_>, who: &Caller) {
        if let Some(books) = &self.audit {
            books.record(&about.intent(step, who), &step.done());
        }
    }

    /// Records a step before it takes effect.
    ///
    /// # Errors
    /// There is no record: the step must not be taken.
    pub(super) async fn vouch(
        &self,
        step: Step,
        about: &About<'_>,
        who: &Caller,
    ) -> Result<Option<Tickets>, Fault> {
        let Some(books) = &self.audit else { return Ok(None) };
        match books.reserve(about.intent(step, who)).await {
            Ok(tickets) => Ok(Some(tickets)),
            // Fail closed: consent of which nobody will know is none.
            Err(refused) => {
                let text = "the consent cannot be recorded, so it does not count";
                Err(Fault::new(Reason::Unrecorded, text).because(refused))
            }
        }
    }
}
