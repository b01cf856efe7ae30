//! A question of a task to its client, which is asked as soon as it waits for the result
//! (2025-11-25, tasks: input required status).

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use toolgate_gateway::call::{Answer, Ask, Frame};

use super::progress::Progress;

/// How long whoever let a question go may take to leave.
const LEAVING: Duration = Duration::from_secs(1);

/// Who waits for the result, and is told and asked things meanwhile: whoever came last.
pub(super) type Waiter = Option<mpsc::Sender<Frame>>;

/// Asks whoever waits for the result, or whoever comes next.
pub(super) fn put(progress: &Progress, waiter: &watch::Sender<Waiter>, ask: Ask) {
    let (open, mut waiter) = (progress.asks(), waiter.subscribe());
    tokio::spawn(async move {
        let Ask { method, params, answer: mut asking } = ask;
        let question = |answer| Ask { method: method.clone(), params: params.clone(), answer };
        tokio::select! {
            said = answer(&mut waiter, question) => {
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
async fn answer(
    waiter: &mut watch::Receiver<Waiter>,
    question: impl Fn(oneshot::Sender<Answer>) -> Ask,
) -> Option<Answer> {
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
