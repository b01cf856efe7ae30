//! The work of one request. A panic in it is a failure like any other: without an answer a client
//! would wait for its time to run out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use toolgate_gateway::call::Boxed;
use toolgate_gateway::fault::{Fault, Reason, SideEffect};

use crate::answer::Answer;
use crate::asked::Asked;
use crate::failed::Failed;
use crate::server::Server;

type Outcome = Result<Answer, Failed>;

/// Dropped, it ends.
pub(crate) struct Work {
    name: Arc<str>,
    answer: Boxed<'static, Outcome>,
}

impl Work {
    /// What `server` does for a request, under its name in the configuration.
    pub(crate) fn begin(name: &Arc<str>, server: &Arc<dyn Server>, asked: Asked) -> Work {
        let answer = catch_unwind(AssertUnwindSafe(|| server.clone().answer(asked)));
        let answer = answer.unwrap_or_else(|_| Box::pin(std::future::ready(Err(panicked(name)))));
        Work { name: name.clone(), answer }
    }
}

impl Future for Work {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Outcome> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.answer.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(panicked(&self.name))))
    }
}

fn panicked(name: &Arc<str>) -> Failed {
    tracing::error!(server = %name, "a server panicked");
    let mut fault = Fault::new(Reason::Internal, "the server failed").at(name);
    fault.side_effect = SideEffect::Unknown;
    fault.into()
}
