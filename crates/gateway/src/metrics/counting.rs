//! One call, counted from its begin to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use toolgate_protocol::jsonrpc::Kind;
use toolgate_protocol::method::Method;

use super::{CallLabels, Counters, ErrorLabels, Metrics, Unproven, find, remember};
use crate::call::{Boxed, End, Frame, Frames, Reply, Request, Trace};
use crate::fault::{BY_UPSTREAM, Fault, Reason};
use crate::gateway::Route;

/// The counts of one running call.
pub(crate) struct Counting {
    counters: Arc<Counters>,
    /// The tool, as long as nobody knows whether it is one.
    unproven: Option<Box<Unproven>>,
    errors: Family<ErrorLabels, Counter>,
    trace: Trace,
    over: bool,
}

impl Metrics {
    /// A call begins.
    pub(crate) fn begin(self: &Arc<Self>, route: &Route, request: &Request) -> Counting {
        let (counters, unproven) = match (&request.method, request.named()) {
            (Method::ToolsCall, Some(tool)) => self.of_call(route, &tool),
            (method, _) => {
                let method = method.label();
                let known = &route.counted.methods;
                let counters = find(known, method).unwrap_or_else(|| {
                    remember(known, method, self.counters(&route.name, method, ""))
                });
                (counters, None)
            }
        };
        counters.in_flight.inc();
        Counting {
            counters,
            unproven,
            errors: self.errors.clone(),
            trace: request.trace.clone(),
            over: false,
        }
    }

    fn of_call(
        self: &Arc<Self>,
        route: &Route,
        tool: &str,
    ) -> (Arc<Counters>, Option<Box<Unproven>>) {
        let Route { name, counted, offered, .. } = route;
        if let Some(counters) = find(&counted.tools, tool) {
            return (counters, None);
        }
        if offered.has_tool(tool) {
            return (self.of_tool(name, counted, tool), None);
        }
        let unproven = Unproven {
            metrics: self.clone(),
            server: name.clone(),
            counted: counted.clone(),
            tool: tool.into(),
        };
        (self.of_others(name, counted), Some(Box::new(unproven)))
    }
}

impl Counting {
    /// It was answered.
    pub(crate) fn finish(mut self, end: &End, took: Duration) {
        if let Some(tool) = self.unproven.take_if(|_| !end.has_failed()) {
            self.counters = tool.proven();
        }
        self.counters.sizes.observe(end.message.bytes().len() as f64);
        if end.message.kind() == Kind::Error {
            self.count_error(BY_UPSTREAM);
        }
        self.close(took);
    }

    /// It failed, or was refused on its way.
    pub(crate) fn fail(mut self, fault: &Fault, took: Duration) {
        self.log(fault, took);
        self.count_error(fault.reason.label());
        self.close(took);
    }

    fn log(&self, fault: &Fault, took: Duration) {
        let labels = &self.counters.labels;
        // Whoever is refused can be so all day: that is counted and in the audit, and fills no log.
        // What has a cause, nobody brought about by arguments alone: whoever runs us wants to know.
        let is_theirs = fault.cause().is_none() || fault.reason == Reason::Arguments;
        if fault.reason.refuses() && is_theirs {
            tracing::debug!(
                server = %labels.server,
                method = %labels.method,
                tool = self.tool(),
                trace = self.trace.id(),
                %fault,
                "a call was refused"
            );
            return;
        }
        tracing::warn!(
            server = %labels.server,
            method = %labels.method,
            tool = self.tool(),
            trace = self.trace.id(),
            took_ms = took.as_millis() as u64,
            %fault,
            "a call failed"
        );
    }

    /// What the caller called it.
    fn tool(&self) -> &str {
        self.unproven.as_ref().map_or(&self.counters.labels.tool, |unproven| &unproven.tool)
    }

    fn count_error(&self, category: &str) {
        let CallLabels { server, method, tool } = self.counters.labels.clone();
        self.errors
            .get_or_create(&ErrorLabels { server, method, tool, category: category.into() })
            .inc();
    }

    fn close(&mut self, took: Duration) {
        self.over = true;
        let Counters { calls, seconds, labels, .. } = &*self.counters;
        calls.inc();
        seconds.observe(took.as_secs_f64());
        tracing::debug!(
            server = %labels.server,
            method = %labels.method,
            tool = self.tool(),
            trace = self.trace.id(),
            took_us = took.as_micros() as u64,
            "a call ended"
        );
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.counters.in_flight.dec();
        if !self.over {
            self.counters.calls.inc();
            self.count_error(Reason::Cancelled.label());
        }
    }
}

/// A reply in frames, counted when it ends.
pub(crate) struct Measured {
    inner: Reply,
    counting: Option<Counting>,
    start: Instant,
}

impl Measured {
    pub(crate) fn new(inner: Reply, counting: Counting, start: Instant) -> Measured {
        Measured { inner, counting: Some(counting), start }
    }
}

impl Frames for Measured {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            let frame = self.inner.next().await;
            let took = self.start.elapsed();
            match (&frame, &mut self.counting) {
                (Some(Frame::End(end)), counting) => {
                    if let Some(counting) = counting.take() {
                        counting.finish(end, took);
                    }
                }
                (Some(Frame::Fail(fault)), counting) => {
                    if let Some(counting) = counting.take() {
                        counting.fail(fault, took);
                    }
                }
                _ => {}
            }
            frame
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use toolgate_protocol::version::Version;

    use crate::testing::{Fake, Said, client, gateway, request, told};

    #[tokio::test]
    async fn only_tools_that_their_server_shows_have_a_label() {
        let fake = Fake::new(Version::V2026_07_28, &json!({ "tools": {} }))
            .on("tools/list", |_| Said::Result(json!({ "tools": [{ "name": "listed" }] })))
            .on("tools/call", |params| match params["name"].as_str() {
                Some("answers") => Said::Result(json!({ "content": [] })),
                Some("apologizes") => Said::Result(json!({ "content": [], "isError": true })),
                _ => Said::Error(-32602, "no such tool"),
            });
        let gateway = gateway(&[("crm", fake.into())], "");
        let client = client(Version::V2026_07_28, &json!({}));
        let call = async |name: String| {
            let reply = gateway.call(request(&client, "tools/call", json!({ "name": name }))).await;
            let _ = told(reply).await;
        };

        for n in 0..20 {
            call(format!("made-up-{n}")).await;
        }
        for name in ["answers", "apologizes", "answers"] {
            call(name.to_owned()).await;
        }
        let list = gateway.call(request(&client, "tools/list", json!({}))).await;
        told(list).await.unwrap();
        call("listed".to_owned()).await;

        let shown = gateway.lasting.metrics.render(&gateway, 0);
        for (tool, calls) in [("other", 21), ("answers", 2), ("listed", 1)] {
            let line = format!("method=\"tools/call\",tool=\"{tool}\"}} {calls}\n");
            assert!(shown.contains(&line), "{tool}: {shown}");
        }
        assert!(!shown.contains("made-up") && !shown.contains("apologizes"), "{shown}");
    }
}
