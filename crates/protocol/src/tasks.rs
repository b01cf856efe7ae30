//! Tasks in their two forms: experimental in 2025-11-25, an extension since 2026-07-28 (SEP-2663).
//!
//! The state of a task is the same in both but for the names of two members. What differs is
//! where it stands, and that the extension inlines what the older form fetches by `tasks/result`.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::client::key;
use crate::json::{Object, Value, quote};
use crate::jsonrpc::{Kind, Message};
use crate::splice::Edits;

/// Where the capabilities of a 2025-11-25 server say that tools can be called as tasks.
pub const TOOL_CALLS: [&str; 4] = ["tasks", "requests", "tools", "call"];
/// Where they say that tasks can be cancelled.
pub const CANCEL: [&str; 2] = ["tasks", "cancel"];

/// How far a task has come, in the words of both forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The server is at it.
    Working,
    /// The server waits for the client.
    InputRequired,
    /// There is a result.
    Completed,
    /// There is an error; in 2025-11-25 also a tool result with `isError`.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl Status {
    const ALL: [Status; 5] = [
        Status::Working,
        Status::InputRequired,
        Status::Completed,
        Status::Failed,
        Status::Cancelled,
    ];

    /// The status of this name.
    pub fn parse(name: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Working => "working",
            Status::InputRequired => "input_required",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }
}

/// A task as a 2025-11-25 server describes it.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    state: Object<'a>,
    meta: Option<Value<'a>>,
    /// Its id, as the server knows it.
    pub id: Cow<'a, str>,
    /// How far it has come.
    pub status: Status,
}

impl<'a> Task<'a> {
    /// The task in the answer to a call that was to become one: `result.task`.
    pub fn created(message: &'a Message) -> Option<Task<'a>> {
        let result = message.result_object()?;
        Task::read(result.get("task")?.object()?, result.get("_meta"))
    }

    /// The task in the answer to `tasks/get` or `tasks/cancel`: the result itself.
    pub fn stated(message: &'a Message) -> Option<Task<'a>> {
        let result = message.result_object()?;
        let meta = result.get("_meta");
        Task::read(result, meta)
    }

    fn read(state: Object<'a>, meta: Option<Value<'a>>) -> Option<Task<'a>> {
        let id = state.get("taskId")?.string()?;
        let status = Status::parse(&state.get("status")?.string()?)?;
        Some(Task { state, meta, id, status })
    }

    /// How long to wait between two looks, in milliseconds, where the server says it.
    pub fn poll_interval(&self) -> Option<u64> {
        self.state.get("pollInterval")?.as_u64()
    }

    /// What the server says about it for people to read.
    pub fn message(&self) -> Option<Cow<'a, str>> {
        self.state.get("statusMessage")?.string()
    }

    /// The result of a modern call that became this task, under a published id.
    pub fn to_created(&self, id: &str) -> String {
        format!(r#"{{"resultType":"task",{}}}"#, self.members(id, self.status))
    }

    /// The result of a modern `tasks/get`: the state, and what a state of this kind brings along
    /// as a member of this name, in raw JSON.
    pub fn to_stated(&self, id: &str, status: Status, brings: Option<(&str, &str)>) -> String {
        let members = self.members(id, status);
        let brings = brings.map(|(name, raw)| format!(r#","{name}":{raw}"#)).unwrap_or_default();
        format!(r#"{{"resultType":"complete",{members}{brings}}}"#)
    }

    /// The members of the state in their modern names; unknown ones stay.
    fn members(&self, id: &str, status: Status) -> String {
        let mut out = format!(r#""taskId":{},"status":"{}""#, quote(id), status.as_str());
        let mut add = |name: &str, value: &Value<'_>| {
            // Writing into a String does not fail.
            let _ = write!(out, ",{}:{}", quote(name), value.raw());
        };
        for (name, value) in self.state.iter() {
            match &*name {
                "ttl" => add("ttlMs", &value),
                "pollInterval" => add("pollIntervalMs", &value),
                name if NOT_STATE.contains(&name) => {}
                name => add(name, &value),
            }
        }
        // Required in the modern form, and missing in early servers of the older one.
        if self.state.get("lastUpdatedAt").is_none()
            && let Some(created) = self.state.get("createdAt")
        {
            add("lastUpdatedAt", &created);
        }
        if let Some(meta) = &self.meta {
            add("_meta", meta);
        }
        if self.state.get("ttl").is_none() {
            out.push_str(r#","ttlMs":null"#);
        }
        out
    }
}

/// What is not copied from an older state: it is written anew, or means something else today.
const NOT_STATE: [&str; 9] = [
    "taskId",
    "status",
    "_meta",
    "resultType",
    "ttlMs",
    "pollIntervalMs",
    "result",
    "error",
    "inputRequests",
];

/// How a task ended, as a modern `tasks/get` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `completed` or `failed`.
    pub status: Status,
    /// The member that holds it.
    pub member: &'static str,
    /// Its value, in raw JSON.
    pub json: String,
}

/// Reads the answer to `tasks/result`. A tool that failed has completed all the same: `failed` is
/// for JSON-RPC errors alone (tasks extension, task status).
pub fn outcome(message: &Message) -> Option<Outcome> {
    let mut edits = Edits::default();
    let (status, member, span) = match message.kind() {
        Kind::Error => {
            crate::modern::adopt_error(message, &mut edits);
            (Status::Failed, "error", message.error()?.span())
        }
        _ => {
            unrelate(message, &mut edits);
            (Status::Completed, "result", message.result_object()?.span())
        }
    };
    let json = edits.apply_within(message.bytes(), span);
    Some(Outcome { status, member, json: String::from_utf8_lossy(&json).into_owned() })
}

/// The id of the task that a message with this `_meta` belongs to (2025-11-25, tasks: associating
/// task-related messages).
pub fn related<'a>(meta: &Object<'a>) -> Option<Value<'a>> {
    meta.get(key::RELATED_TASK)?.object()?.get("taskId")
}

/// Takes the task out of a result whose reader knows of none.
pub fn unrelate(message: &Message, edits: &mut Edits) {
    if let Some(meta) = message.meta() {
        edits.remove(&meta, key::RELATED_TASK);
    }
}

/// The tools on a page of `tools/list` that can only be called as tasks (2025-11-25, tasks:
/// tool-level negotiation).
pub fn only_as_tasks(page: &Message) -> Vec<Object<'_>> {
    // Nearly no list has any: one look saves the walk.
    if memchr::memmem::find(page.bytes(), b"\"taskSupport\"").is_none() {
        return Vec::new();
    }
    let tools = page.result_object().and_then(|result| result.get("tools")?.items());
    let tools = tools.into_iter().flatten().filter_map(|tool| tool.object());
    tools
        .filter(|tool| {
            let execution = tool.get("execution").and_then(|execution| execution.object());
            let support = execution.and_then(|execution| execution.get("taskSupport"));
            support.is_some_and(|support| support.raw() == "\"required\"")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Message {
        Message::scan_reply(text.to_owned().into(), &Default::default()).unwrap()
    }

    fn result(result: &str) -> Message {
        scan(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#))
    }

    const STATE: &str = r#""taskId":"t-1","status":"working","statusMessage":"half","createdAt":"A","lastUpdatedAt":"B","ttl":60000,"pollInterval":500,"vendor":1e2"#;

    #[test]
    fn every_status_reads_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
    }

    #[test]
    fn a_created_task_becomes_flat_and_keeps_what_nobody_knows() {
        let message = result(&format!(r#"{{"task":{{{STATE}}},"_meta":{{"x":1}}}}"#));

        let task = Task::created(&message).unwrap();

        assert_eq!((&*task.id, task.poll_interval()), ("t-1", Some(500)));
        assert_eq!(
            task.to_created("public"),
            r#"{"resultType":"task","taskId":"public","status":"working","statusMessage":"half","createdAt":"A","lastUpdatedAt":"B","ttlMs":60000,"pollIntervalMs":500,"vendor":1e2,"_meta":{"x":1}}"#
        );
    }

    #[test]
    fn a_stated_task_brings_its_result_along() {
        let message = result(&format!("{{{STATE}}}"));

        let task = Task::stated(&message).unwrap();
        let text = task.to_stated("p", Status::Completed, Some(("result", r#"{"content":[]}"#)));

        assert!(text.starts_with(r#"{"resultType":"complete","taskId":"p","status":"completed","#));
        assert!(text.ends_with(r#","vendor":1e2,"result":{"content":[]}}"#), "{text}");
        assert!(scan_is_unambiguous(&text));
    }

    #[test]
    fn what_an_early_server_leaves_out_is_filled_in() {
        let message = result(r#"{"taskId":"t","status":"cancelled","createdAt":"A","result":7}"#);

        let text = Task::stated(&message).unwrap().to_stated("t", Status::Cancelled, None);

        assert_eq!(
            text,
            r#"{"resultType":"complete","taskId":"t","status":"cancelled","createdAt":"A","lastUpdatedAt":"A","ttlMs":null}"#
        );
    }

    #[test]
    fn what_is_no_task_is_none() {
        for text in ["{}", r#"{"taskId":"t"}"#, r#"{"taskId":"t","status":"lost"}"#, "7"] {
            assert!(Task::stated(&result(text)).is_none(), "{text}");
            assert!(Task::created(&result(text)).is_none(), "{text}");
        }
    }

    #[test]
    fn a_tool_that_failed_has_completed_and_only_an_error_has_failed() {
        let failed = result(
            r#"{"content":[ ],"isError":true,"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}"#,
        );
        let broken = scan(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"m"}}"#);

        let failed = outcome(&failed).unwrap();
        let broken = outcome(&broken).unwrap();

        assert_eq!((failed.status, failed.member), (Status::Completed, "result"));
        assert_eq!(failed.json, r#"{"content":[ ],"isError":true,"_meta":{}}"#);
        assert_eq!((broken.status, broken.member), (Status::Failed, "error"));
        assert_eq!(broken.json, r#"{"code":-32602,"message":"m"}"#);
    }

    #[test]
    fn only_required_support_marks_a_tool() {
        let page = result(
            r#"{"tools":[{"name":"a","execution":{"taskSupport":"required"}},{"name":"b","execution":{"taskSupport":"optional"}},{"name":"c"}]}"#,
        );

        let names: Vec<_> = only_as_tasks(&page)
            .iter()
            .map(|tool| tool.get("name").unwrap().string().unwrap().into_owned())
            .collect();

        assert_eq!(names, ["a"]);
    }

    fn scan_is_unambiguous(text: &str) -> bool {
        let limits = crate::json::Limits::default();
        let mode = crate::json::Mode::Strict;
        crate::json::Document::parse(text.to_owned().into(), &limits, mode).is_ok()
    }
}
