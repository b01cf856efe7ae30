//! One request of a modern client on stdio, run to its end.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use toolgate_gateway::call::{Caller, Frame, Request, Trace, Who};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::subscription;
use toolgate_protocol::jsonrpc::{self, Message};
use toolgate_protocol::method::Method;
use toolgate_protocol::modern::{self as protocol, Hint};
use toolgate_protocol::version::Era;

use crate::app::{Admitted, App};
use crate::front::calls::Running;
use crate::front::{answer, modern};

/// Whoever started the process.
fn nobody(gateway: &Gateway) -> Who {
    let toolset = gateway.toolset().map(|toolset| toolset.name.clone());
    Who { toolset, ..Who::of(Caller::anonymous()) }
}

/// What a request needs to be answered.
pub struct Call {
    pub app: Arc<App>,
    pub gateway: Arc<Gateway>,
    pub out: mpsc::Sender<Bytes>,
    /// The client's id, as raw JSON.
    pub id: String,
    pub running: Running,
}

impl Call {
    /// Answers the request, unless the client cancels it.
    pub async fn run(self, message: Message, admitted: Admitted) {
        tokio::select! {
            biased;
            // Dropped, the call is cancelled upstream, too.
            () = self.running.cancelled() => {}
            () = self.answer(message, admitted) => {}
        }
    }

    async fn answer(&self, message: Message, admitted: Admitted) {
        let method = Method::parse(message.method().unwrap_or_default());
        // No headers on stdio, so nothing that could differ from the body.
        let client = match protocol::read_client(&message, &method, None) {
            Ok(client) => client,
            Err(refusal) => {
                let who = nobody(&self.gateway);
                let record = self.gateway.record(&who, &message, &method, &Trace::default());
                record.refused(Reason::of_code(refusal.code));
                let data = refusal.data.as_deref();
                let id = Some(&*self.id);
                let error = jsonrpc::error(id, refusal.code, &refusal.message, data);
                self.say(error).await;
                return;
            }
        };
        let trace = Trace::default();
        let who = nobody(&self.gateway);
        let mut request = modern::request_of(who, message, method, client, Vec::new(), trace);
        if request.method == Method::Listen {
            // A listener is no call at work: shutting down does not wait for it.
            drop(admitted);
            return self.listen(&mut request).await;
        }
        let (method, trace) = (request.method.clone(), request.trace.clone());
        let answer = match Box::pin(self.converse(request, &method)).await {
            Ok(answer) => answer,
            Err(fault) => answer::failure(&fault, &self.id, &method, Era::Modern, trace.id()).1,
        };
        self.say(answer).await;
        drop(admitted);
    }

    async fn converse(&self, request: Box<Request>, method: &Method) -> Result<Bytes, Fault> {
        let hint = self.gateway.hint();
        let retried = hint.ttl_ms > 0 && toolgate_protocol::modern::is_retry(&request.message);
        let hint = if retried { Hint::NONE } else { hint };
        let log_level = request.client.log_level;
        let mut reply = self.gateway.call_modern(request).await?;
        while let Some(frame) = reply.next().await {
            match frame {
                Frame::Notification(message) if !modern::is_wanted(&message, log_level) => {}
                Frame::Notification(message) => self.say(message.bytes().clone()).await,
                Frame::End(end) => return Ok(answer::to_modern(&end, &self.id, method, hint).1),
                Frame::Fail(fault) => return Err(fault),
                Frame::Opened | Frame::Ask(_) | Frame::Pause(_) => {}
            }
        }
        Err(Fault::new(Reason::Broken, "the server ended without an answer"))
    }

    /// Serves `subscriptions/listen`, until the client cancels it or we stop.
    async fn listen(&self, request: &mut Request) {
        let record = self.gateway.record_of(request);
        let prepared = async {
            let interest = modern::interest_of(request)?;
            record.reserve().await?;
            Ok(interest)
        };
        let interest = match prepared.await {
            Ok(interest) => interest,
            Err(fault) => {
                record.failed(&fault);
                let trace = request.trace.id();
                let failed = answer::failure(&fault, &self.id, &request.method, Era::Modern, trace);
                return self.say(failed.1).await;
            }
        };
        let abilities = request.client.abilities();
        let mut subscribed = self.gateway.subscribe(&request.who, abilities, &interest).await;
        record.done();
        self.say(subscription::acknowledgement(&subscribed.accepted, &self.id)).await;
        loop {
            tokio::select! {
                announced = subscribed.events.recv() => match announced {
                    Some(message) => self.say(subscription::stamped(&message, &self.id)).await,
                    None => break,
                },
                () = self.app.draining() => break,
            }
        }
        self.say(modern::listened(&self.id)).await;
        // On the shared channel the end of a subscription is told apart so, too (2026-07-28,
        // subscriptions: cancellation on stdio).
        let params = format!(r#"{{"requestId":{},"reason":"the server stopped"}}"#, self.id);
        self.say(jsonrpc::notification("notifications/cancelled", &params)).await;
    }

    async fn say(&self, message: Bytes) {
        // It may have been cancelled only just now, on another thread.
        if !self.running.is_cancelled() {
            // A client that has gone is noticed elsewhere.
            let _ = self.out.send(message).await;
        }
    }
}
