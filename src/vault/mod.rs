//! Vault's backend protocol: what joins go-plugin's process to the framework's backends.
//!
//! This module implements the framework's `Storage` and `SystemView` over the connection that the host offers, and
//! calls the framework's `Backend` for what the host asks. It is the only one that sees both protobuf and framework
//! types. Names and numbers are those of `sdk/plugin` in Vault and OpenBao, protocol version 5.

mod admission;
mod arrival;
mod convert;
pub mod generated;
mod head;
mod instances;
mod intake;
mod multiplex;
mod plugin;
mod process_metrics;
mod refused_logins;
mod requests;
mod service;
mod storage;
mod system;
mod version;

#[cfg(any(test, fuzzing))]
pub use requests::testing;

use std::sync::Arc;

use crate::goplugin::{Broker, Services};
use generated::logical::plugin_version_server::PluginVersionServer;
use generated::multiplexing::plugin_multiplexing_server::PluginMultiplexingServer;
use generated::pb::backend_server::BackendServer;
pub use plugin::Plugin;

/// The name of the variable by which a host tells that it means a secrets engine or auth method.
pub const COOKIE_KEY: &str = "VAULT_BACKEND_PLUGIN";
/// Its value, the same for Vault and OpenBao (`sdk/plugin/serve.go`).
pub const COOKIE_VALUE: &str = "6669da05-b1c8-4f49-97d9-c8e5bed98e20";
/// The only application protocol served: AutoMTLS and many mounts in one process. Every OpenBao and Vault since 1.12
/// offers it; older ones are refused.
pub const PROTOCOL_VERSION: u32 = 5;

/// The largest message of a call that carries no request, in bytes: those of a setup are the largest.
const LARGEST_OTHER: usize = 1 << 20;

impl Plugin {
    /// The services to serve, given the way back to the host.
    pub fn services(self, broker: Broker) -> Services {
        let version = version::Version(self.version);
        let instances = Arc::default();
        let admission = Arc::default();
        let process = Arc::new(process_metrics::ProcessMetrics::new(self.version, &admission));
        let backend = service::Service::new(self, broker, Arc::clone(&instances), process);
        let backend = BackendServer::new(backend).max_decoding_message_size(LARGEST_OTHER);
        Services::default()
            .with(intake::Intake::new(backend, instances, admission))
            .with(PluginVersionServer::new(version))
            .with(PluginMultiplexingServer::new(multiplex::Multiplexing))
    }
}
