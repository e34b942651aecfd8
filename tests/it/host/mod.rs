//! A host made for tests: it starts the real binary as Vault and OpenBao do and is as strict as they are at their
//! strictest. No server is needed.
//!
//! ```ignore
//! let host = Host::start().await;                          // process, handshake, TLS, broker, stdio
//! let mount = host.mount(Kind::Secrets).await;             // Setup … Initialize, as when a client mounts it
//! mount.write("config", json!({"access_key": "a", "secret_key": "b"})).await.expect(204);
//! assert_eq!(mount.read("config").await.expect(200).data["access_key"], "a");
//! mount.storage.fail(Fault::Text("disk on fire".into()));  // from now on
//! assert!(mount.read("config").await.expect(500).text().contains("disk on fire"));
//! host.shutdown().await;                                   // Shutdown, end of the process, checks of its output
//! ```
//!
//! * A [`Reply`] has the HTTP status and texts that a client of the server would see.
//! * What would break a request or the server is a panic of the test: replies that do not decode, lines on stderr
//!   that are no log records, output on stdout after the handshake.
//! * [`Builder`] changes environment, arguments, TLS and the form of the broker; [`Mounting`] the order and content of
//!   what happens at a mount. [`Start`] is the process alone, for tests of the handshake.

// Each test file uses its own part of the host.
#![allow(dead_code, reason = "a toolbox: not every tool is used by every set of tests")]

pub mod broker;
pub mod handshake;
pub mod identity;
pub mod log;
pub mod mount;
mod mux;
pub mod process;
pub mod reply;
pub mod storage;
pub mod stream;
pub mod user;

use std::{
    collections::HashMap,
    io,
    os::unix::net::UnixStream as StdUnixStream,
    process::ExitStatus,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustls::{ClientConfig, SupportedProtocolVersion, pki_types::ServerName};
use tokio::{net::UnixStream, task::JoinHandle, time::timeout};
use tokio_rustls::TlsConnector;
use tonic::transport::Channel;
use vault_plugin_alicloud::{
    protocol::goplugin::{
        Empty, grpc_controller_client::GrpcControllerClient, grpc_stdio_client::GrpcStdioClient,
    },
    protocol::vault::{multiplexing, pb, pb::backend_client::BackendClient},
};

pub use broker::Broker;
pub use identity::Identity;
pub use mount::{Kind, Mount, with_id};
pub use process::{PATIENCE, Process, Start};
#[allow(unused_imports, reason = "names for tests of engines")]
pub use reply::{Auth, Lease, Reply};
pub use storage::{Fault, Storage, System};

/// Whose habits the host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Asks `resolve-path` before each request (2.7) and sets `BAO_…` variables.
    OpenBao,
    Vault,
}

/// A host connected to a running plugin.
pub struct Host {
    pub process: Process,
    pub identity: Identity,
    pub broker: Broker,
    pub channel: Channel,
    product: Product,
    multiplexed: bool,
    stdio: JoinHandle<()>,
    /// Copies of the sockets of the main connection, by which they can be broken.
    sockets: Arc<Mutex<Vec<StdUnixStream>>>,
}

/// How to start a plugin and connect to it.
pub struct Builder {
    start: Start,
    identity: Identity,
    versions: &'static [&'static SupportedProtocolVersion],
    multiplexed: bool,
    product: Product,
}

impl Builder {
    /// Sets a variable of the plugin's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.start = self.start.env(name, value);
        self
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: &str) -> Self {
        self.start = self.start.arg(arg);
        self
    }

    /// Behaves as Vault does, not OpenBao.
    pub fn vault(mut self) -> Self {
        self.product = Product::Vault;
        for name in [
            "BAO_VERSION",
            "BAO_PLUGIN_METADATA_MODE",
            "BAO_PLUGIN_AUTOMTLS_ENABLED",
        ] {
            self.start = self.start.without(name);
        }
        self.env("VAULT_VERSION", "1.21.0")
    }

    /// Asks for the multiplexed form of the broker, as for plugins in containers.
    pub fn multiplexed(mut self) -> Self {
        self.multiplexed = true;
        self.env("PLUGIN_MULTIPLEX_GRPC", "true")
    }

    /// Speaks only these versions of TLS, in both roles.
    pub fn tls(mut self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        self.versions = versions;
        self
    }

    /// Sets limits by the shell's `ulimit`.
    pub fn limits(mut self, options: &str) -> Self {
        self.start = self.start.limits(options);
        self
    }

    /// A shell is the plugin's parent.
    pub fn under_a_shell(mut self) -> Self {
        self.start = self.start.under_a_shell();
        self
    }

    /// The process alone, and the host's identity.
    pub async fn process(self) -> (Process, Identity) {
        (self.start.start().await, self.identity)
    }

    /// Starts and connects.
    pub async fn start(self) -> Host {
        let process = self.start.start().await;
        Host::connect(
            process,
            self.identity,
            self.versions,
            self.multiplexed,
            self.product,
        )
        .await
    }
}

impl Host {
    /// With what OpenBao 2.7 does.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    pub fn builder() -> Builder {
        let identity = Identity::new();
        Builder {
            start: Start::new(&identity),
            identity,
            versions: identity::TLS_ALL,
            multiplexed: false,
            product: Product::OpenBao,
        }
    }

    /// Connects to a process that was started with `identity`.
    pub async fn connect(
        process: Process,
        identity: Identity,
        versions: &'static [&'static SupportedProtocolVersion],
        multiplexed: bool,
        product: Product,
    ) -> Self {
        assert_eq!(
            process.line.multiplexing,
            multiplexed.then_some(true),
            "the seventh field"
        );
        let plugin = process.line.certificate.clone();
        let client = identity.client(&plugin, versions);
        let sockets: Arc<Mutex<Vec<StdUnixStream>>> = Arc::default();
        let (channel, streams) = if multiplexed {
            // One socket for everything, dialled at once.
            let socket = dial(&process.line.address, &sockets).await.unwrap();
            let (session, streams) = mux::Session::start(socket);
            let plugin = plugin.clone();
            let make = move || {
                let (session, client, plugin) = (session.clone(), Arc::clone(&client), plugin.clone());
                async move { secure(session.open().await?, client, &plugin).await }
            };
            (stream::channel(make).await, Some(streams))
        } else {
            let (address, sockets, plugin) =
                (process.line.address.clone(), Arc::clone(&sockets), plugin.clone());
            let make = move || {
                let (address, client, plugin) = (address.clone(), Arc::clone(&client), plugin.clone());
                let sockets = Arc::clone(&sockets);
                async move { secure(dial(&address, &sockets).await?, client, &plugin).await }
            };
            (stream::channel(make).await, None)
        };
        let channel =
            channel.unwrap_or_else(|error| panic!("no connection: {error}\n{}", process.log.text()));

        let mut output = timeout(PATIENCE, GrpcStdioClient::new(channel.clone()).stream_stdio(()))
            .await
            .expect("StreamStdio is answered")
            .unwrap()
            .into_inner();
        let stdio = tokio::spawn(async move {
            let message = output.message().await;
            assert!(
                !matches!(message, Ok(Some(_))),
                "the plugin sends nothing on its stdio stream"
            );
        });
        let server = identity.server(&plugin, versions);
        let broker = Broker::open(channel.clone(), server, plugin, process.dir.path().to_owned()).await;
        if let Some(streams) = streams {
            broker.take_streams(streams);
        }
        Self {
            process,
            identity,
            broker,
            channel,
            product,
            multiplexed,
            stdio,
            sockets,
        }
    }

    /// A mount of this kind, ready to use.
    pub async fn mount(&self, kind: Kind) -> Mount {
        self.mounting(kind).mount().await
    }

    /// A mount with other than the usual settings.
    pub fn mounting(&self, kind: Kind) -> Mounting<'_> {
        let config = [
            ("plugin_name", "alicloud"),
            ("plugin_type", kind.name()),
            ("plugin_version", ""),
        ];
        Mounting {
            host: self,
            kind,
            id: fresh_id(),
            config: config
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            uuid: "9d2f7c1e-0000-4000-8000-000000000001".to_owned(),
            announce: Announce::Before,
            storage: Storage::default(),
            system: System::default(),
        }
    }

    /// A client of the backend service, for calls of no mount.
    pub fn client(&self) -> BackendClient<Channel> {
        BackendClient::new(self.channel.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX)
    }

    /// Whether the plugin's stdio stream is still open.
    pub fn stdio_is_open(&self) -> bool {
        !self.stdio.is_finished()
    }

    /// Breaks the main connection, as when the host crashes.
    pub fn disconnect(&self) {
        for socket in self.sockets.lock().unwrap().drain(..) {
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Sends `Shutdown` alone. As on a real host, its error does not matter; it is given for those who care.
    pub async fn send_shutdown(&self) -> Result<(), tonic::Status> {
        GrpcControllerClient::new(self.channel.clone())
            .shutdown(Empty {})
            .await
            .map(drop)
    }

    /// Ends the plugin as a host does, which kills after two seconds, and checks what it wrote.
    pub async fn shutdown(mut self) -> ExitStatus {
        self.send_shutdown().await.expect("Shutdown is answered");
        let status = timeout(Duration::from_secs(2), self.process.ended())
            .await
            .expect("an end within 2 s");
        assert!(!self.process.has_socket(), "the socket file is left behind");
        status
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.process.signal(nix::sys::signal::Signal::SIGKILL);
        self.process.ended().await;
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.broker.close();
        self.disconnect();
    }
}

/// When the announcement of the brokered service is sent.
#[derive(Clone, Copy, Debug)]
pub enum Announce {
    /// Before `Setup` is called.
    Before,
    /// So long after.
    After(Duration),
    Never,
}

/// A mount in the making.
pub struct Mounting<'a> {
    host: &'a Host,
    kind: Kind,
    id: String,
    config: HashMap<String, String>,
    uuid: String,
    announce: Announce,
    storage: Storage,
    system: System,
}

impl Mounting<'_> {
    /// Sets a key of `Setup.config`.
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.config.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Nothing is known yet, as when the plugin is registered.
    pub fn registration(mut self) -> Self {
        self.config.clear();
        self.uuid.clear();
        self.storage.fail(Fault::Grpc(
            tonic::Code::Unknown,
            "missing server implementation".to_owned(),
        ));
        self.system.set(|view| {
            view.fault = Some((tonic::Code::Unknown, "missing server implementation".to_owned()));
        });
        self
    }

    /// Uses this id, not a fresh one.
    pub fn id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// Uses the storage of an earlier mount, as after a restart.
    pub fn storage(mut self, storage: &Storage) -> Self {
        self.storage = storage.clone();
        self
    }

    pub fn announce(mut self, announce: Announce) -> Self {
        self.announce = announce;
        self
    }

    /// `Setup` alone; its error is the text for the operator.
    pub async fn setup(self) -> Result<Mount, String> {
        let Self {
            host,
            kind,
            id,
            config,
            uuid,
            announce,
            storage,
            system,
        } = self;
        let broker_id = host.broker.next_id();
        let offer = async {
            let (storage, system) = (storage.clone(), system.clone());
            if host.multiplexed {
                // Knocks before this are refused, and repeated.
                match announce {
                    Announce::After(delay) => tokio::time::sleep(delay).await,
                    Announce::Before => {}
                    Announce::Never => return,
                }
                host.broker.expect_knock(broker_id, storage, system);
            } else {
                let info = host.broker.listen(broker_id, storage, system);
                match announce {
                    Announce::After(delay) => tokio::time::sleep(delay).await,
                    Announce::Before => {}
                    Announce::Never => return,
                }
                host.broker.send(info).await;
            }
        };
        let mount = Mount {
            kind,
            id: id.clone(),
            storage: storage.clone(),
            system: system.clone(),
            client: host.client(),
            channel: host.channel.clone(),
            product: host.product,
        };
        let setup = async {
            let arguments = pb::SetupArgs {
                broker_id,
                config,
                backend_uuid: uuid,
            };
            timeout(PATIENCE, mount.client().setup(with_id(&id, arguments)))
                .await
                .expect("Setup is answered")
        };
        let reply = if matches!(announce, Announce::Before) {
            offer.await;
            setup.await
        } else {
            tokio::join!(setup, offer).0
        };
        let err = reply.map_err(|status| status.to_string())?.into_inner().err;
        if err.is_empty() { Ok(mount) } else { Err(err) }
    }

    /// All that happens when a client mounts the plugin. Storage refuses writes in `Setup`, as OpenBao's does.
    pub async fn mount(self) -> Mount {
        let (host, kind) = (self.host, self.kind);
        let mut support =
            multiplexing::plugin_multiplexing_client::PluginMultiplexingClient::new(host.channel.clone());
        let support = support
            .multiplexing_support(multiplexing::MultiplexingSupportRequest {})
            .await
            .unwrap();
        assert!(support.into_inner().supported, "one process serves many mounts");
        self.storage
            .fail(Fault::Writes("cannot write to storage during setup".to_owned()));
        let mount = self.setup().await.unwrap_or_else(|error| {
            panic!(
                "Setup: {error}\n{:?}\n{}",
                host.broker.refusals(),
                host.process.log.text()
            )
        });
        mount.storage.fail(Fault::None);
        assert_eq!(mount.kind_number().await, kind.number(), "Type");
        mount.special_paths().await;
        mount.initialize().await.expect("Initialize");
        mount
    }
}

async fn dial(address: &std::path::Path, sockets: &Mutex<Vec<StdUnixStream>>) -> io::Result<UnixStream> {
    let socket = UnixStream::connect(address).await?.into_std()?;
    sockets.lock().unwrap().push(socket.try_clone()?);
    UnixStream::from_std(socket)
}

/// TLS as a client, with the checks that Go makes after the handshake.
pub async fn secure(
    io: impl stream::Io + 'static,
    client: Arc<ClientConfig>,
    plugin: &rustls::pki_types::CertificateDer<'static>,
) -> io::Result<stream::Stream> {
    let name = ServerName::try_from("localhost").unwrap();
    let tls = TlsConnector::from(client).connect(name, io).await?;
    let session = tls.get_ref().1;
    identity::check_peer(plugin, session.peer_certificates(), session.alpn_protocol())?;
    Ok(stream::Stream(Box::new(tls)))
}

/// Ten characters, unlike any before.
fn fresh_id() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("mount{:05}", NEXT.fetch_add(1, Ordering::Relaxed))
}
