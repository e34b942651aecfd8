//! Host names become addresses, with nothing but `/etc/hosts` and `/etc/resolv.conf`.
//!
//! The C library's resolver loads modules (NSS) at run time, which a static binary cannot; so the `hosts` line of
//! `/etc/nsswitch.conf` does not apply here. As there, the first name server of `resolv.conf` is asked first, the next one
//! only when it does not answer or fails, and `search` and `ndots` apply. Nothing is cached: connections are.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, Resolver, TokioResolver};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::cloud::file_state::FileState;

/// How long one name server may take. Three of them, which is as many as the C library asks, fit into the time for
/// connecting ([`CONNECT`](super::budget::CONNECT)).
const PER_SERVER: Duration = Duration::from_millis(1500);

/// As many name servers are asked (`MAXNS` of resolv.conf(5)).
const MOST_SERVERS: usize = 3;

/// The port of DNS.
const PORT: u16 = 53;

/// Why a name has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum LookupError {
    #[error("the name cannot be resolved: it is not a host name")]
    NotAName,
    #[error("the name cannot be resolved: it does not exist")]
    NotFound,
    #[error("the name cannot be resolved: it exists, but has no address")]
    NoAddress,
    #[error("the name cannot be resolved: no name server of /etc/resolv.conf answers")]
    NoAnswer,
    #[error(
        "the name cannot be resolved: /etc/resolv.conf names no name server, and there is none on this machine"
    )]
    NoServer,
    #[error("the name cannot be resolved: the name server answered {0}")]
    Refused(ResponseCode),
    #[error("plain http goes to local addresses only, and this name has none: use https")]
    NotLocal,
}

/// The names that this machine knows, as its two files have it now.
#[derive(Debug, Clone)]
pub(crate) struct SystemNames {
    files: Files,
    kept: Arc<Mutex<Option<Kept>>>,
}

#[derive(Debug, Clone)]
struct Files {
    hosts: PathBuf,
    resolv_conf: PathBuf,
    port: u16,
}

#[derive(Debug, Clone)]
struct Kept {
    states: [Option<FileState>; 2],
    config: Arc<Config>,
}

#[derive(Debug)]
struct Config {
    hosts: Hosts,
    /// One for each name server, in the order of the file: a resolver with several servers chooses among them by speed.
    servers: Vec<TokioResolver>,
    /// Whether the file names them.
    named: bool,
}

impl SystemNames {
    pub(crate) fn new() -> Self {
        Self::of(Files {
            hosts: "/etc/hosts".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            port: PORT,
        })
    }

    fn of(files: Files) -> Self {
        Self {
            files,
            kept: Arc::default(),
        }
    }

    /// The addresses of a host, IPv4 before IPv6.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, LookupError> {
        let name = Name::from_utf8(host).map_err(|_| LookupError::NotAName)?;
        let config = self.config().await;
        let known = config.in_hosts(&name);
        if known.is_empty() {
            config.ask(&name).await
        } else {
            Ok(known)
        }
    }

    /// What the files say, read again when one has changed. A hosts file can be long.
    async fn config(&self) -> Arc<Config> {
        let states = [&self.files.hosts, &self.files.resolv_conf]
            .map(|path| fs::metadata(path).ok().as_ref().map(FileState::of));
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.states == states) {
            return Arc::clone(&kept.config);
        }
        let files = self.files.clone();
        let read = spawn_blocking(move || Config::read(&files)).await;
        let config = Arc::new(read.unwrap_or_else(|failed| resume_unwind(failed.into_panic())));
        *kept = Some(Kept {
            states,
            config: Arc::clone(&config),
        });
        config
    }
}

impl Config {
    /// A file that is missing is an empty one, as for the C library: then a name server on this machine is asked.
    fn read(files: &Files) -> Self {
        let mut hosts = Hosts::default();
        let read = File::open(&files.hosts).and_then(|file| hosts.read_hosts_conf(file));
        if let Err(error) = read {
            tracing::debug!(%error, "the hosts file is left out");
        }
        let text = fs::read(&files.resolv_conf).unwrap_or_default();
        let (parsed, _) = resolv_conf::Config::parse_with_errors(&text);
        let mut addresses: Vec<IpAddr> = parsed.nameservers.iter().map(IpAddr::from).collect();
        addresses.truncate(MOST_SERVERS);
        let named = !addresses.is_empty();
        if !named {
            addresses.push(Ipv4Addr::LOCALHOST.into());
        }
        let search: Vec<Name> = parsed
            .get_last_search_or_domain()
            .filter_map(|domain| Name::from_utf8(domain).ok())
            .collect();
        let servers = addresses
            .into_iter()
            .filter_map(|address| {
                let mut server = NameServerConfig::udp_and_tcp(address);
                for connection in &mut server.connections {
                    connection.port = files.port;
                }
                let config = ResolverConfig::from_parts(None, search.clone(), vec![server]);
                Resolver::builder_with_config(config, TokioRuntimeProvider::default())
                    .with_options(options(&parsed))
                    .build()
                    .inspect_err(|error| tracing::warn!(event = "name_server_left_out", %error, "a name server is left out"))
                    .ok()
            })
            .collect();
        Self {
            hosts,
            servers,
            named,
        }
    }

    fn in_hosts(&self, name: &Name) -> Vec<IpAddr> {
        [RecordType::A, RecordType::AAAA]
            .into_iter()
            .filter_map(|kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind)))
            .flat_map(|found| {
                found
                    .answers()
                    .iter()
                    .filter_map(|record| record.data.ip_addr())
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    async fn ask(&self, name: &Name) -> Result<Vec<IpAddr>, LookupError> {
        let mut last = if self.named {
            LookupError::NoAnswer
        } else {
            LookupError::NoServer
        };
        for server in &self.servers {
            match timeout(PER_SERVER, server.lookup_ip(name.clone())).await {
                Ok(Ok(found)) => return Ok(found.iter().collect()),
                Ok(Err(NetError::Dns(DnsError::NoRecordsFound(none)))) => {
                    return Err(match none.response_code {
                        ResponseCode::NXDomain => LookupError::NotFound,
                        _ => LookupError::NoAddress,
                    });
                }
                Ok(Err(NetError::Dns(DnsError::ResponseCode(code)))) => last = LookupError::Refused(code),
                Ok(Err(error)) => tracing::debug!(%error, "a name server failed"),
                Err(_) => tracing::debug!("a name server did not answer"),
            }
        }
        Err(last)
    }
}

fn options(parsed: &resolv_conf::Config) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.ndots = usize::try_from(parsed.ndots).unwrap_or(usize::MAX);
    options.edns0 = parsed.edns0;
    options.timeout = PER_SERVER;
    // A question that is lost is repeated within that time.
    options.attempts = 0;
    options.cache_size = 0;
    // Looked at before, for both kinds of addresses together.
    options.use_hosts_file = ResolveHosts::Never;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options
}

#[cfg(test)]
mod tests;
