//! One client over stdin and stdout: a message a line, both eras on the one channel
//! (all revisions, transports: stdio).

mod lines;
mod modern;

use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use toolgate_gateway::call::{Caller, Trace, Who};
use toolgate_gateway::fault::Reason;
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::record::Early;
use toolgate_protocol::jsonrpc::{self, Kind, Message, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::modern::framing;
use toolgate_protocol::version::Era;

use super::body::bytes_of;
use super::calls::Calls;
use super::incoming::{is_batch, json_limits};
use super::live::Live;
use super::outlet::Outlet;
use super::{answer, legacy};
use crate::app::{Admitted, App};
use lines::Line;

/// How long the last lines may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Serves the client until it closes its end, or `stop`: the whole gateway, or what is in a toolset
/// that it has. What runs then may finish.
pub async fn serve(
    app: Arc<App>,
    toolset: Option<Arc<str>>,
    input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
    stop: impl Future<Output = ()>,
) {
    let limit = app.gateway().config.limits.line.bytes();
    let mut lines = lines::read(input, limit);
    let (out, finished) = lines::write(output);
    let mut front = Front {
        app: app.clone(),
        toolset,
        out,
        live: Arc::default(),
        calls: Arc::default(),
        tasks: JoinSet::new(),
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { break };
                // A client that does not read must not keep us from stopping.
                tokio::select! {
                    () = front.take(line) => {}
                    () = &mut stop => break,
                }
            }
            Some(_) = front.tasks.join_next() => {}
            () = front.out.closed() => break,
            () = &mut stop => break,
        }
    }
    app.drain();
    let gateway = app.gateway();
    gateway.lasting.parking.clear();
    if !app.idle(gateway.config.drain.duration()).await {
        tracing::warn!(calls = app.at_work(), "calls are cut off: drain is over");
    }
    front.end().await;
    let _ = tokio::time::timeout(LAST_WORDS, finished).await;
}

/// How long what needs no answer may take to end by itself.
const GOODBYE: Duration = Duration::from_millis(500);

/// Records what was refused before it was a request.
fn early(gateway: &Gateway, reason: Reason) {
    gateway.refused(&Early { caller: None, address: None, verb: "stdio", reason });
}

struct Front {
    app: Arc<App>,
    /// The toolset that is served; `None` for the whole gateway.
    toolset: Option<Arc<str>>,
    out: mpsc::Sender<Bytes>,
    /// The session of a legacy client, once it has said `initialize`.
    live: Arc<Mutex<Option<Arc<Live>>>>,
    /// The running requests of a modern client.
    calls: Arc<Calls>,
    tasks: JoinSet<()>,
}

impl Front {
    async fn take(&mut self, line: Line) {
        // Nothing is served in the place of a toolset that is not there.
        let Some(gateway) = self.app.gateway_at(self.toolset.as_deref()) else { return };
        let limits = json_limits(&gateway.config.limits);
        let line = match line {
            Line::Text(line) => line,
            Line::TooLong => {
                let most = gateway.config.limits.line.bytes();
                let text = format!("the line is longer than {most} bytes");
                early(&gateway, Reason::TooLarge);
                return self.say(jsonrpc::error(None, codes::INVALID_REQUEST, &text, None)).await;
            }
        };
        if line.trim_ascii().is_empty() {
            return;
        }
        if is_batch(&line) {
            return self.batch(gateway, line).await;
        }
        let message = match Message::scan(line, &limits) {
            Ok(message) => message,
            Err(malformed) => {
                early(&gateway, Reason::Invalid);
                return self.say(malformed.reply()).await;
            }
        };
        if message.method() == Some("notifications/cancelled") {
            return self.cancel(&message);
        }
        match framing(&message, None) {
            Era::Modern => self.modern(gateway, message).await,
            Era::Legacy => self.legacy(gateway, message).await,
        }
    }

    async fn say(&self, message: Bytes) {
        // A client that has gone is noticed elsewhere.
        let _ = self.out.send(message).await;
    }

    /// Both eras cancel by the same notification.
    fn cancel(&self, message: &Message) {
        let Some(id) = message.params().and_then(|params| params.get("requestId")) else { return };
        self.calls.cancel(id.raw());
        if let Some(live) = self.live() {
            live.cancel(id.raw());
        }
    }

    fn live(&self) -> Option<Arc<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a request in, or says that there are too many.
    async fn admit(&self, gateway: &Gateway, id: Option<&str>) -> Option<Admitted> {
        let admitted = self.app.admit(gateway.config.limits.in_flight);
        if admitted.is_none() {
            early(gateway, Reason::Overloaded);
            let text = "the gateway is at its limit of requests; try again in a second";
            self.say(jsonrpc::error(id, codes::INTERNAL_ERROR, text, None)).await;
        }
        admitted
    }

    async fn modern(&mut self, gateway: Arc<Gateway>, message: Message) {
        match message.kind() {
            Kind::Request => {}
            Kind::Notification => return,
            Kind::Result | Kind::Error => {
                tracing::debug!("a response from a modern client, which never sends any");
                return;
            }
        }
        let Some(admitted) = self.admit(&gateway, message.id()).await else { return };
        let most = gateway.config.limits.in_flight_per_client;
        let id = message.id().unwrap_or("null").to_owned();
        let running = match self.calls.run(&id, most) {
            Ok(running) => running,
            Err(refused) => {
                early(&gateway, Reason::Invalid);
                let text = refused.sentence();
                let error = jsonrpc::error(Some(&id), codes::INVALID_REQUEST, text, None);
                return self.say(error).await;
            }
        };
        let call =
            modern::Call { app: self.app.clone(), gateway, out: self.out.clone(), id, running };
        self.tasks.spawn(call.run(message, admitted));
    }

    async fn legacy(&mut self, gateway: Arc<Gateway>, message: Message) {
        let Some(live) = self.live() else {
            return self.greet(gateway, &message).await;
        };
        match message.kind() {
            Kind::Request => self.request(gateway, live, message).await,
            Kind::Notification if message.method() == Some("notifications/initialized") => {
                let outlet = Outlet::lines(self.out.clone());
                self.tasks.spawn(legacy::follow(self.app.clone(), gateway, live, outlet));
            }
            Kind::Notification => {
                self.tasks.spawn(async move {
                    legacy::notification(&gateway, &live, &message).await;
                });
            }
            Kind::Result | Kind::Error => legacy::response(&live, &message),
        }
    }

    /// Answers what comes before there is a session.
    async fn greet(&mut self, gateway: Arc<Gateway>, message: &Message) {
        let (Kind::Request, Some(id)) = (message.kind(), message.id()) else { return };
        let nobody = Who::of(Caller::anonymous());
        match message.method() {
            Some("initialize") => {}
            Some("ping") => {
                gateway.record(&nobody, message, &Method::Ping, &Trace::default()).done();
                return self.say(jsonrpc::result(id, "{}")).await;
            }
            method => {
                let method = Method::parse(method.unwrap_or_default());
                let record = gateway.record(&nobody, message, &method, &Trace::default());
                record.refused(Reason::Invalid);
                let text = "no session yet (begin with initialize)";
                return self
                    .say(jsonrpc::error(Some(id), codes::INVALID_REQUEST, text, None))
                    .await;
            }
        }
        let Some(admitted) = self.admit(&gateway, Some(id)).await else { return };
        let trace = Trace::default();
        let session = match legacy::begin(&Caller::anonymous(), &gateway, message, &trace) {
            Ok(session) => session,
            Err(refused) => return self.say(bytes_of(refused)).await,
        };
        let live = Arc::new(Live::new(session));
        let record = gateway.record(&live.who(), message, &Method::Initialize, &trace);
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = Some(live.clone());
        let (slot, out, id) = (self.live.clone(), self.out.clone(), id.to_owned());
        // Servers may take their time to start; a client may meanwhile ping or give up.
        self.tasks.spawn(async move {
            let client = &live.session.client;
            let welcome = legacy::greeting(&gateway, &record, &live.who(), client).await;
            let answer = match welcome {
                Ok(welcome) => {
                    record.done();
                    jsonrpc::result(&id, &welcome)
                }
                Err(fault) => {
                    // It may try again.
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    answer::failure(&fault, &id, &Method::Initialize, Era::Legacy, "").1
                }
            };
            let _ = out.send(answer).await;
            drop(admitted);
        });
    }

    async fn request(&mut self, gateway: Arc<Gateway>, live: Arc<Live>, message: Message) {
        let Some(admitted) = self.admit(&gateway, message.id()).await else { return };
        let who = live.who();
        let prepared = legacy::exchange(&self.app, &gateway, &live, who, Trace::default(), message);
        let mut exchange = match prepared.await {
            Ok((exchange, _)) => exchange,
            Err(answer) => return self.say(answer).await,
        };
        exchange.outlet = Outlet::lines(self.out.clone());
        let out = self.out.clone();
        self.tasks.spawn(async move {
            if let Some(ending) = exchange.run().await {
                let _ = out.send(ending.answer).await;
            }
            drop(admitted);
        });
    }

    async fn batch(&mut self, gateway: Arc<Gateway>, body: Bytes) {
        let Some(live) = self.live() else {
            early(&gateway, Reason::Invalid);
            let text = "a batch before initialize";
            return self.say(jsonrpc::error(None, codes::INVALID_REQUEST, text, None)).await;
        };
        let Some(admitted) = self.admit(&gateway, None).await else { return };
        let (app, out) = (self.app.clone(), self.out.clone());
        self.tasks.spawn(async move {
            let limits = json_limits(&gateway.config.limits);
            let outcome = legacy::batch(
                &app,
                &gateway,
                &live,
                &live.who(),
                &Trace::default(),
                &body,
                &limits,
            )
            .await;
            if outcome.is_err() {
                early(&gateway, Reason::Invalid);
            }
            if let Some(answer) = outcome.unwrap_or_else(Some) {
                let _ = out.send(answer).await;
            }
            drop(admitted);
        });
    }

    /// Lets subscriptions say goodbye, and gives up what has not ended by now.
    async fn end(mut self) {
        let goodbye = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        self.tasks.shutdown().await;
    }
}
