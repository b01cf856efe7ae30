//! One request and its answer: whole if it comes soon, else a stream that can be picked up again.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use toolgate_gateway::call::{Trace, Who};
use toolgate_gateway::fault::Reason;
use toolgate_gateway::gateway::Gateway;
use toolgate_protocol::jsonrpc::{self, Message, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::version::Era;

use super::local::local;
use crate::app::{Admitted, App};
use crate::front::answer;
use crate::front::body::{Answer, KEEP_ALIVE, empty, events, json};
use crate::front::calls::Refused;
use crate::front::exchange::{Ending, Exchange};
use crate::front::head::Head;
use crate::front::limits;
use crate::front::live::Live;
use crate::front::modern::trace_of;
use crate::front::outlet::Outlet;

/// After so long without an answer the response becomes a stream, with signs of life for
/// whatever stands between, and resumable.
const PATIENCE: Duration = Duration::from_secs(3);

/// Prepares the run of a request, and opens its record; an error is the response already.
pub async fn exchange(
    app: &Arc<App>,
    gateway: &Arc<Gateway>,
    live: &Arc<Live>,
    who: Who,
    trace: Trace,
    message: Message,
) -> Result<(Exchange, Arc<Outlet>), Bytes> {
    let id = message.id().unwrap_or("null");
    let method = Method::parse(message.method().unwrap_or_default());
    let record = gateway.record(&who, &message, &method, &trace);
    // What the gateway answers itself goes no further, but for subscriptions.
    if matches!(method, Method::ResourcesSubscribe | Method::ResourcesUnsubscribe)
        && let Err(fault) = record.reserve().await
    {
        record.failed(&fault);
        return Err(answer::failure(&fault, id, &method, Era::Legacy, trace.id()).1);
    }
    match local(live, &message, &method) {
        Some(Ok(answer)) => {
            record.done();
            return Err(answer);
        }
        Some(Err((reason, answer))) => {
            record.refused(reason);
            return Err(answer);
        }
        None => {}
    }
    let running = match live.run(id, gateway.config.limits.in_flight_per_client) {
        Ok(running) => running,
        Err(refused) => {
            let (code, reason) = match refused {
                Refused::SameId => (codes::INVALID_REQUEST, Reason::Invalid),
                Refused::TooMany => (codes::INTERNAL_ERROR, Reason::Overloaded),
            };
            record.refused(reason);
            return Err(jsonrpc::error(Some(id), code, refused.sentence(), None));
        }
    };
    let outlet = live.outlet(&app.prefix, true, app.sessions.replay());
    let exchange = Exchange {
        gateway: gateway.clone(),
        live: live.clone(),
        outlet: outlet.clone(),
        who,
        request: message,
        method,
        trace,
        standing: limits::standing(gateway),
        running,
        prefix: app.prefix.clone(),
        record,
    };
    Ok((exchange, outlet))
}

pub async fn request(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    live: &Arc<Live>,
    head: &Head,
    message: Message,
    admitted: Admitted,
) -> Answer {
    let (who, trace) = (live.who_in(head), trace_of(&head.headers));
    let (exchange, outlet) = match exchange(app, &gateway, live, who, trace, message).await {
        Ok(prepared) => prepared,
        Err(answer) => return json(200, answer),
    };
    let standing = exchange.standing.clone();
    let toolset = gateway.toolset().map(|toolset| &**toolset);
    let told = |mut answer: Answer| {
        limits::tell(&mut answer, standing.as_deref(), &gateway.config.rate_limits);
        answer
    };
    let mut call = Detachable::new(exchange.run(), outlet.clone(), live.clone(), admitted);
    tokio::select! {
        biased;
        answer = call.wait() => match answer {
            Some(ending) if outlet.has_said_nothing() => {
                let refused = ending.refused.as_deref();
                let step_up = |refused| app.serving().door.step_up(refused, toolset);
                let refused = refused.and_then(step_up);
                return told(refused.unwrap_or_else(|| json(200, ending.answer)));
            }
            // Its last words came together with what went before them.
            Some(ending) => {
                live.keep(outlet.stream(), outlet.clone());
                outlet.send(ending.answer);
                let receiver = outlet.open(live.primes());
                outlet.end();
                return told(events(receiver));
            }
            // Cancelled: there is no answer, and nobody who wants one.
            None => return empty(202),
        },
        () = outlet.wanted() => {}
        () = tokio::time::sleep(PATIENCE) => {}
    }
    // From here on the answer is a stream, and the call runs on its own.
    let receiver = outlet.open(live.primes());
    drop(call);
    told(events(receiver))
}

/// A running call that goes on by itself when nobody waits for it: for older clients a lost
/// connection is not a cancellation (2025-11-25, transports: sending messages).
struct Detachable<F: Future<Output = Option<Ending>> + Send + 'static> {
    call: Option<Pin<Box<F>>>,
    outlet: Arc<Outlet>,
    live: Arc<Live>,
    admitted: Option<Admitted>,
}

impl<F: Future<Output = Option<Ending>> + Send + 'static> Detachable<F> {
    fn new(call: F, outlet: Arc<Outlet>, live: Arc<Live>, admitted: Admitted) -> Self {
        Detachable { call: Some(Box::pin(call)), outlet, live, admitted: Some(admitted) }
    }

    async fn wait(&mut self) -> Option<Ending> {
        let answer = match &mut self.call {
            Some(call) => call.await,
            None => None,
        };
        self.call = None;
        answer
    }
}

impl<F: Future<Output = Option<Ending>> + Send + 'static> Drop for Detachable<F> {
    fn drop(&mut self) {
        let Some(mut call) = self.call.take() else { return };
        let (outlet, live, admitted) =
            (self.outlet.clone(), self.live.clone(), self.admitted.take());
        live.keep(outlet.stream(), outlet.clone());
        let finish = async move {
            let ending = loop {
                tokio::select! {
                    biased;
                    ending = &mut call => break ending,
                    () = tokio::time::sleep(KEEP_ALIVE) => outlet.keep_alive(),
                }
            };
            if let Some(ending) = ending {
                outlet.send(ending.answer);
            }
            outlet.end();
            drop(admitted);
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(finish);
        }
    }
}
