//! How a task ended.

use toolgate_gateway::call::Frame;
use toolgate_protocol::client::key;
use toolgate_protocol::json::{Document, Limits, Mode, quote};
use toolgate_protocol::splice::Edits;
use toolgate_protocol::tasks::Status;

use crate::answer::Answer;
use crate::failed::{Failed, Refusal};
use crate::reply::end;

/// The end of a task.
pub(super) enum End {
    /// There is a result, in which the task is named.
    Answered {
        answer: Answer,
        /// It says `isError`, which is a failed task here (2025-11-25, tasks: status).
        is_error: bool,
    },
    /// The request itself was wrong.
    Refused(Refusal),
    /// Its caller did not want it any more.
    Cancelled,
}

impl End {
    /// What the work of the task `id` came to; `trace` is that of its call.
    pub fn of(outcome: Result<Answer, Failed>, id: &str, trace: &str) -> End {
        match outcome {
            Ok(Answer(json)) => End::answered(json, id),
            Err(Failed::Fault(fault)) => End::answered(fault.tool_result(trace), id),
            Err(Failed::Refused(refusal)) => End::Refused(refusal),
        }
    }

    fn answered(json: String, id: &str) -> End {
        // What is no object is refused when it is sent.
        let (json, is_error) = related(&json, id).unwrap_or((json, false));
        End::Answered { answer: Answer(json), is_error }
    }

    pub fn status(&self) -> Status {
        match self {
            End::Answered { is_error: false, .. } => Status::Completed,
            End::Answered { .. } | End::Refused(_) => Status::Failed,
            End::Cancelled => Status::Cancelled,
        }
    }

    /// The last frame for whoever waits for the result with the request `id`.
    pub fn frame(&self, id: &str) -> Frame {
        let answer = match self {
            End::Answered { answer, .. } => Ok(answer.clone()),
            End::Refused(refusal) => Err(refusal.clone().into()),
            End::Cancelled => Err(Refusal::invalid("the task was cancelled").into()),
        };
        end(id, answer).map_or_else(Frame::Fail, Frame::End)
    }
}

/// A result in which its task is named (2025-11-25, tasks: related task metadata), and whether it
/// says `isError`.
fn related(json: &str, id: &str) -> Option<(String, bool)> {
    let document = Document::parse(json.to_owned().into(), &Limits::default(), Mode::Trusted);
    let document = document.ok()?;
    let result = document.root().object()?;
    let is_error = result.get("isError").and_then(|it| it.as_bool()).unwrap_or(false);
    let task = format!(r#"{{"taskId":{}}}"#, quote(id));
    let mut edits = Edits::default();
    match result.get("_meta").and_then(|meta| meta.object()) {
        Some(meta) => edits.set(&meta, key::RELATED_TASK, task),
        None => edits.set(&result, "_meta", format!("{{{}:{task}}}", quote(key::RELATED_TASK))),
    }
    let bytes = edits.apply(document.bytes());
    Some((String::from_utf8_lossy(&bytes).into_owned(), is_error))
}
