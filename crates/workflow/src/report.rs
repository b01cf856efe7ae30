//! What became of a run, for programs and for models.

use serde_json::{Value, json};
use toolgate_gateway::fault::{Fault, META_KEY, Reason, SideEffect};
use toolgate_hosted::Answer;

use crate::failure::Failure;
use crate::plan::{Action, Plan};

/// What became of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    #[default]
    NotRun,
    Skipped,
    Done,
    /// Some entries of its list failed, and it goes on.
    Partial,
    Failed,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Status::NotRun => "not_run",
            Status::Skipped => "skipped",
            Status::Done => "done",
            Status::Partial => "partial",
            Status::Failed => "failed",
        }
    }
}

/// One step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub status: Status,
    pub items: Option<Items>,
    /// Whether all of it that can be undone was; `None` where nothing was tried.
    pub undone: Option<bool>,
    pub error: Option<Failure>,
}

impl Entry {
    /// Whether it failed and may have taken effect all the same.
    fn may_have_done(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.side_effect == SideEffect::Unknown)
    }
}

/// Entries of a list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Items {
    pub done: usize,
    pub failed: usize,
    pub not_run: usize,
}

/// All steps of a run.
pub(crate) struct Report<'a> {
    /// The server of the workflow.
    server: &'a str,
    pub plan: &'a Plan,
    pub entries: Vec<Entry>,
}

impl<'a> Report<'a> {
    /// None has run yet.
    pub fn new(server: &'a str, plan: &'a Plan) -> Report<'a> {
        Report { server, plan, entries: vec![Entry::default(); plan.steps.len()] }
    }

    /// The answer of a run that came to its end.
    pub fn finished(&self, result: &Value, trace: &str) -> Answer {
        let mut steps = self.plan.steps.iter().zip(&self.entries);
        let failed = steps.find_map(|(step, entry)| Some((&*step.id, entry.error.as_ref()?)));
        let status = if failed.is_some() { "partial" } else { "done" };
        let structured = json!({ "status": status, "result": result, "steps": self.steps() });
        let mut answer = json!({
            "content": [{ "type": "text", "text": structured.to_string() }],
            "structuredContent": structured,
        });
        // What lacks something says so where caches look.
        if let Some((step, failure)) = failed {
            answer["_meta"] = meta(&self.fault(step, failure), trace);
        }
        answer.into()
    }

    /// The answer of a run that a step has ended.
    pub fn failed(&self, step: &str, failure: &Failure, trace: &str) -> Answer {
        let structured = json!({ "status": "failed", "steps": self.steps() });
        let fault = self.fault(step, failure);
        let advice = fault.advice();
        let text = format!("{}; {advice}\n{structured}", fault.message);
        json!({
            "content": [{ "type": "text", "text": text }],
            "structuredContent": structured,
            "isError": true,
            "_meta": meta(&fault, trace),
        })
        .into()
    }

    fn steps(&self) -> Vec<Value> {
        let steps = self.plan.steps.iter().zip(&self.entries);
        steps
            .map(|(step, entry)| {
                let mut told = json!({ "id": step.id, "status": entry.status.word() });
                if let Some(Items { done, failed, not_run }) = entry.items {
                    told["items"] = json!({ "done": done, "failed": failed, "not_run": not_run });
                }
                if let Some(undone) = entry.undone {
                    told["compensation"] = json!(if undone { "done" } else { "failed" });
                }
                if let Some(error) = &entry.error {
                    told["error"] = error.told_as();
                }
                told
            })
            .collect()
    }

    /// The failure as one of the taxonomy. Where nothing took effect, or all of it was undone, it is
    /// that of the step, and may be as good to repeat; otherwise it is one of its own.
    fn fault(&self, step: &str, failure: &Failure) -> Fault {
        let stands = self.standing();
        let mut sentence = format!("{}: {}", self.place(step), failure.message);
        let named = |sentence: &mut String, what: &str, all: Vec<&str>| {
            if !all.is_empty() {
                sentence.push_str(&format!("; {what}: {}", all.join(", ")));
            }
        };
        named(&mut sentence, "undone", self.ids(|entry| entry.undone == Some(true)));
        named(&mut sentence, "could not be undone", self.ids(|entry| entry.undone == Some(false)));
        named(&mut sentence, "done and standing", stands.clone());
        let unknown = self.ids(Entry::may_have_done);
        named(&mut sentence, "may have taken effect", unknown.clone());
        let untouched = stands.is_empty()
            && unknown.is_empty()
            && failure.side_effect == SideEffect::None
            && !self.entries.iter().any(|entry| entry.undone == Some(false));
        match failure.reason {
            Some(reason) if untouched => {
                let mut fault = Fault::new(reason, sentence).unsent();
                fault.retry_after = failure.retry_after;
                fault
            }
            _ if untouched => Fault::new(Reason::Unfinished, sentence).unsent(),
            _ => Fault::new(Reason::Unfinished, sentence),
        }
    }

    /// Where it failed, such as `step tags of cloud.create failed at api.tag`: whoever mends it has to
    /// find the step, and the tool that it calls.
    fn place(&self, step: &str) -> String {
        let Report { server, plan, .. } = self;
        let place = format!("step {step} of {server}.{} failed", plan.tool.name);
        match plan.steps.iter().find(|it| it.id == step).map(|it| &it.action) {
            Some(Action::Call(call)) => format!("{place} at {}.{}", call.server, call.tool),
            _ => place,
        }
    }

    /// Calls that took effect, at least in part, and were not undone.
    fn standing(&self) -> Vec<&str> {
        self.ids(|entry| {
            let took = match entry.items {
                Some(items) => items.done > 0,
                None => entry.status == Status::Done,
            };
            took && entry.undone.is_none()
        })
    }

    fn ids(&self, is_one: impl Fn(&Entry) -> bool) -> Vec<&str> {
        let steps = self.plan.steps.iter().zip(&self.entries);
        let calls = steps.filter(|(step, _)| match &step.action {
            Action::Call(call) => !call.reads,
            Action::Require(..) | Action::Approve(_) => false,
        });
        calls.filter(|(_, entry)| is_one(entry)).map(|(step, _)| step.id.as_str()).collect()
    }
}

/// What programs are told of a failure beside the result.
fn meta(fault: &Fault, trace: &str) -> Value {
    let details: Value = serde_json::from_str(&fault.structured(trace)).unwrap_or_default();
    json!({ (META_KEY): details })
}
