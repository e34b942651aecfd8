//! Connections over HTTP/1.1: direct or through a proxy, with TLS or without, and why there is none.
//!
//! [`HttpClient`] sends a request and reads an answer. Its `connector` asks [`Proxies`] for the way to a host, looks up names,
//! and goes through a `tunnel` or `socks` proxy where there is one. [`MachineTls`] checks certificates as the machine's CA
//! certificates have it; `trust` does so for any certificates. [`LocalClient`] is for services without TLS at local addresses.

mod ca_bundle;
mod client;
mod connect_error;
mod connector;
mod local;
mod machine_tls;
mod names;
mod no_proxy;
mod proxy;
mod socks;
mod trust;
mod tunnel;

#[cfg(test)]
pub(crate) mod testing;

pub(crate) use client::{HttpClient, HttpSettings, SendError};
pub(crate) use local::LocalClient;
pub(crate) use machine_tls::{MachineTls, machine_verifier};
pub(crate) use names::{Names, is_local};
pub(crate) use proxy::{Proxies, ProxyError};
pub(crate) use trust::{TrustError, client_builder, naming_weak_keys, verifier};
