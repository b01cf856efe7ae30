//! A task of a legacy server as the tasks extension shows it to a modern client.

use std::sync::Arc;

use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::Kind;
use toolgate_protocol::method::Method;
use toolgate_protocol::tasks::{Status, Task, outcome};

use crate::authorize::Permit;
use crate::call::{Answer, End, Reply, Request};
use crate::fault::Fault;
use crate::gateway::{Gateway, Route};
use crate::routing::member;

/// The acknowledgement of `tasks/update` and `tasks/cancel`.
const ACK: &str = r#"{"resultType":"complete"}"#;

impl Gateway {
    /// Answers what a modern client asks about a task of a legacy server.
    pub(super) async fn bridge(
        self: &Arc<Self>,
        permit: &Permit,
        route: &Route,
        request: Box<Request>,
    ) -> Result<Reply, Fault> {
        let task = request.named().unwrap_or_default().into_owned();
        match request.method {
            Method::TasksUpdate => self.update(&request),
            Method::TasksCancel => self.cancel(permit, route, &request, &task).await,
            _ => self.state(permit, route, &request, &task).await,
        }
    }

    /// `tasks/get`: the state, with what the older form keeps apart.
    async fn state(
        self: &Arc<Self>,
        permit: &Permit,
        route: &Route,
        request: &Request,
        task: &str,
    ) -> Result<Reply, Fault> {
        let end = self.about(permit, route, request, Method::TasksGet, task).await?;
        let Some(state) = Task::stated(&end.message) else { return Ok(Reply::Whole(end)) };
        let id = member(request, "taskId")?;
        let result = match state.status {
            Status::Working | Status::Cancelled => state.to_stated(&id, state.status, None),
            Status::InputRequired => match self.questions(permit, route, request, task).await? {
                Some(asked) => {
                    state.to_stated(&id, Status::InputRequired, Some(("inputRequests", &asked)))
                }
                // Nothing that the client could answer is known yet.
                None => state.to_stated(&id, Status::Working, None),
            },
            Status::Completed | Status::Failed => {
                let end = self.about(permit, route, request, Method::TasksResult, task).await?;
                let Some(outcome) = outcome(&end.message) else { return Ok(Reply::Whole(end)) };
                if outcome.status == Status::Failed && state.status == Status::Completed {
                    // There was a result, and now it cannot be had: this is no state of the task.
                    return Ok(Reply::Whole(end));
                }
                let brings = Some((outcome.member, &*outcome.json));
                state.to_stated(&id, outcome.status, brings)
            }
        };
        self.own_result(request, &result)
    }

    /// `tasks/update`: answers to what the server asks. Keys that nobody waits for are ignored
    /// (tasks extension, task update requests).
    fn update(&self, request: &Request) -> Result<Reply, Fault> {
        let id = member(request, "taskId")?;
        let answers = request
            .message
            .params()
            .and_then(|params| params.get("inputResponses").and_then(|answers| answers.object()));
        if let (Some(answers), Some(open)) = (answers, self.lasting.parking.questions.of(&id)) {
            for (name, answer) in answers.iter() {
                if let Some(ask) = open.take(&name) {
                    let answer = request.message.slice(answer.span());
                    let _ = ask.answer.send(Answer::Result(answer));
                }
            }
        }
        self.own_result(request, ACK)
    }

    /// `tasks/cancel`: a wish, which in the older form is refused for a task that has ended.
    async fn cancel(
        &self,
        permit: &Permit,
        route: &Route,
        request: &Request,
        task: &str,
    ) -> Result<Reply, Fault> {
        let end = self.about(permit, route, request, Method::TasksCancel, task).await?;
        if end.message.kind() == Kind::Error {
            let state = self.about(permit, route, request, Method::TasksGet, task).await?;
            if Task::stated(&state.message).is_none() {
                return Ok(Reply::Whole(end));
            }
        }
        self.own_result(request, ACK)
    }

    async fn about(
        &self,
        permit: &Permit,
        route: &Route,
        request: &Request,
        method: Method,
        task: &str,
    ) -> Result<End, Fault> {
        let params = format!(r#"{{"taskId":{}}}"#, quote(task));
        self.send(permit, route, &*request.asking(method, &params)?).await?.end().await
    }
}
