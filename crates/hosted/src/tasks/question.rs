//! A question of a task to its client, which is asked as soon as it waits for the result
//! (2025-11-25, tasks: input required status).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use toolgate_gateway::call::{Answer, Ask, Frame};

use super::task::Task;

/// How long whoever let a question go may take to leave.
const LEAVING: Duration = Duration::from_secs(1);

/// Asks whoever waits for the result, or whoever comes next.
pub(super) fn put(task: &Arc<Task>, ask: Ask) {
    let open = Open::new(task.clone());
    tokio::spawn(async move {
        let Ask { method, params, answer: mut asking } = ask;
        let question = |answer| Ask { method: method.clone(), params: params.clone(), answer };
        tokio::select! {
            said = answer(&open.0, question) => {
                drop(open);
                if let Some(said) = said {
                    // Whoever asked may have given up meanwhile.
                    let _ = asking.send(said);
                }
            }
            () = asking.closed() => {}
        }
    });
}

/// What the client answers. Whoever leaves without an answer leaves the question to the next one;
/// `None` when one stays and does not answer.
async fn answer(task: &Task, question: impl Fn(oneshot::Sender<Answer>) -> Ask) -> Option<Answer> {
    let mut waiter = task.waiter();
    loop {
        let is_there = waiter.wait_for(|one| one.as_ref().is_some_and(|one| !one.is_closed()));
        let frames = is_there.await.ok()?.clone()?;
        let (answer, answered) = oneshot::channel();
        if frames.send(Frame::Ask(question(answer))).await.is_err() {
            continue;
        }
        if let Ok(said) = answered.await {
            return Some(said);
        }
        tokio::time::timeout(LEAVING, frames.closed()).await.ok()?;
    }
}

/// A question that is open until this is dropped.
struct Open(Arc<Task>);

impl Open {
    fn new(task: Arc<Task>) -> Open {
        task.asks(true);
        Open(task)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.asks(false);
    }
}
