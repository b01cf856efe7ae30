//! All counts as the text that Prometheus reads.

use prometheus_client::encoding::text::{encode_eof, encode_registry};

use super::{Metrics, ServerLabels};
use crate::config::Kind;
use crate::gateway::Gateway;

impl Metrics {
    /// The text that Prometheus reads, with what is alive in `gateway` right now.
    pub fn render(&self, gateway: &Gateway, sessions: usize) -> String {
        for route in &gateway.routes {
            let vitals = route.upstream.vitals();
            let labels = ServerLabels { server: route.name.clone() };
            for (family, count) in [
                (&self.processes, vitals.processes),
                (&self.upstream_sessions, vitals.sessions),
                (&self.idle_connections, vitals.connections),
            ] {
                family.get_or_create(&labels).set(count as i64);
            }
        }
        self.read_misfits(gateway);
        self.sessions.set(sessions as i64);
        self.parked.set(gateway.lasting.parking.count() as i64);
        if let Some(audit) = &gateway.audit {
            self.audit.read(&audit.health());
        }
        if let Some(store) = &gateway.lasting.store {
            self.store.read(store);
        }
        let mut text = String::new();
        let chosen = &gateway.config.metering.metrics;
        for (_, registry) in self.registries.iter().filter(|(metric, _)| chosen.contains(metric)) {
            // Writing into a String does not fail.
            let _ = encode_registry(&mut text, registry);
        }
        let _ = encode_eof(&mut text);
        text
    }

    /// Of every server with workflows whose tools lists tell of.
    fn read_misfits(&self, gateway: &Gateway) {
        // A server that has left the configuration has no problem any more.
        self.misfits.clear();
        let Some(fitting) = &gateway.fitting else { return };
        for server in gateway.config.servers() {
            if matches!(server.kind, Kind::Workflow(_)) {
                let labels = ServerLabels { server: server.name.as_str().into() };
                let count = fitting.problems(server.name.as_str());
                self.misfits.get_or_create(&labels).set(count as i64);
            }
        }
    }
}
