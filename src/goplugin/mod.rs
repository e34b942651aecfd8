//! The plugin's side of hashicorp/go-plugin: a gRPC server that the host starts as a child process.
//!
//! What happens, in order: the host's environment is read ([`Handshake`]), a certificate is made, a unix socket is
//! bound, the handshake line is printed on stdout, the host connects with mutual TLS, and the plugin reaches the
//! host's own services through the [`Broker`]. It knows nothing of Vault: the caller decides
//! which services are served.
//!
//! Only the newest form is spoken: gRPC with AutoMTLS (go-plugin's `Client.AutoMTLS`), where each side shows a fresh
//! self-signed certificate and trusts exactly the other's.

mod accept;
mod broker;
mod channel;
mod codec;
mod controller;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gathered;
mod generated;
mod handshake;
pub mod hclog;
mod host_certificate;
mod http2;
mod knock;
mod lifetime;
pub mod message;
mod mux;
mod offers;
mod pinned;
mod received;
mod server;
mod services;
mod socket;
mod stdio;
mod stream;
mod tls;
mod unix_stream;

pub use broker::Broker;
pub use channel::Channel;
pub use codec::Codec;
pub use handshake::{Cookie, Handshake, HandshakeError};
pub use server::serve;
pub use services::Services;

/// The generated messages of go-plugin's own services; public for the fake host of the tests.
#[doc(hidden)]
pub mod proto {
    pub use super::generated::*;
}
