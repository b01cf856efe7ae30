//! All counts as the text that Prometheus reads.

use prometheus_client::encoding::text::{encode_eof, encode_registry};

use super::{Metrics, ServerLabels};
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
}
