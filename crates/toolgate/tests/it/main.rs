//! Behaviour through the real binary: each test runs its own gateway, its own clients and servers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod cli;
mod cli_policy;
mod cli_scan;
mod dev_issuer;
mod http_asking;
mod http_audit;
mod http_audit_load;
mod http_bind;
mod http_definitions;
mod http_dormant;
mod http_dpop;
mod http_drain;
mod http_exchange;
mod http_fidelity;
mod http_floods;
mod http_input;
mod http_keys;
mod http_leaving;
mod http_limits;
mod http_listening;
mod http_misbehaving;
mod http_modern_child;
mod http_mutual_tls;
mod http_names;
mod http_notices;
mod http_oldest;
mod http_onward;
mod http_policy;
mod http_proxies;
mod http_ready;
mod http_reload;
mod http_replicas;
mod http_resource_server;
mod http_screening_arguments;
mod http_screening_results;
mod http_screening_size;
mod http_several;
mod http_tasks;
mod http_tls;
mod http_tokens;
mod http_usage;
mod peer;
mod stdio;
mod support;
