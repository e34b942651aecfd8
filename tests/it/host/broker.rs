//! The host's half of the broker: a server of storage and system view for each mount, announced on a stream.

use std::{
    collections::HashMap,
    io,
    os::unix::net::UnixStream as StdUnixStream,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use rustls::{ServerConfig, pki_types::CertificateDer};
use tokio::{
    io::AsyncWriteExt as _,
    net::{UnixListener, UnixStream},
    sync::{Mutex as AsyncMutex, mpsc},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Server};
use vault_plugin_alicloud::{
    protocol::goplugin::{ConnInfo, conn_info::Knock, grpc_broker_client::GrpcBrokerClient},
    protocol::vault::pb::{storage_server::StorageServer, system_view_server::SystemViewServer},
};

use super::{
    identity::check_peer,
    storage::{Storage, System},
    stream::{Io, Stream},
};

type Ready = mpsc::Sender<io::Result<Stream>>;

/// Clones are the same broker.
#[derive(Clone)]
pub struct Broker(Arc<Shared>);

struct Shared {
    tls: TlsAcceptor,
    plugin: CertificateDer<'static>,
    dir: PathBuf,
    next: AtomicU32,
    outgoing: mpsc::Sender<ConnInfo>,
    /// Messages of the plugin that the broker did not take, such as answers to knocks of the test.
    unexpected: AsyncMutex<mpsc::Receiver<ConnInfo>>,
    /// The multiplexed form: who waits behind each id, and which was knocked last.
    knocks: Mutex<(HashMap<u32, Ready>, Option<u32>)>,
    /// Why peers were refused.
    refusals: Mutex<Vec<String>>,
    /// Whether peers are sent away after TLS.
    hang_up: AtomicBool,
    /// Copies of accepted sockets, by which they can be broken.
    sockets: Mutex<Vec<StdUnixStream>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Broker {
    /// Opens the stream; the plugin must answer with headers at once.
    pub async fn open(
        channel: Channel,
        tls: Arc<ServerConfig>,
        plugin: CertificateDer<'static>,
        dir: PathBuf,
    ) -> Self {
        let (outgoing, messages) = mpsc::channel(16);
        let mut incoming = tokio::time::timeout(
            super::process::PATIENCE,
            GrpcBrokerClient::new(channel).start_stream(ReceiverStream::new(messages)),
        )
        .await
        .expect("StartStream is answered before the first message")
        .unwrap()
        .into_inner();
        let (strange, unexpected) = mpsc::channel(16);
        let shared = Arc::new(Shared {
            tls: TlsAcceptor::from(tls),
            plugin,
            dir,
            next: AtomicU32::new(1),
            outgoing,
            unexpected: AsyncMutex::new(unexpected),
            knocks: Mutex::default(),
            refusals: Mutex::default(),
            hang_up: AtomicBool::new(false),
            sockets: Mutex::default(),
            tasks: Mutex::default(),
        });
        let broker = Self(Arc::clone(&shared));
        let task = tokio::spawn({
            let broker = broker.clone();
            async move {
                // An error or the end is usual when the plugin stops.
                while let Ok(Some(info)) = incoming.message().await {
                    match &info.knock {
                        Some(Knock {
                            knock: true,
                            ack: false,
                            ..
                        }) => broker.knocked(info.service_id).await,
                        _ => drop(strange.try_send(info)),
                    }
                }
            }
        });
        broker.keep(task);
        broker
    }

    fn keep(&self, task: JoinHandle<()>) {
        self.0.tasks.lock().unwrap().push(task);
    }

    /// The next id, reserved.
    pub fn next_id(&self) -> u32 {
        self.0.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a message to the plugin.
    pub async fn send(&self, info: ConnInfo) {
        self.0.outgoing.send(info).await.unwrap();
    }

    /// The next message of the plugin that was no knock.
    pub async fn unexpected(&self) -> ConnInfo {
        let mut unexpected = self.0.unexpected.lock().await;
        tokio::time::timeout(super::process::PATIENCE, unexpected.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// Why connections of the plugin were refused so far.
    pub fn refusals(&self) -> Vec<String> {
        self.0.refusals.lock().unwrap().clone()
    }

    /// Begins to serve behind `id` on a socket of its own; the answer is the announcement to send.
    pub fn listen(&self, id: u32, storage: Storage, system: System) -> ConnInfo {
        let path = self.0.dir.join(format!("broker{id}"));
        let listener = UnixListener::bind(&path).unwrap();
        let ready = self.serve(storage, system);
        let broker = self.clone();
        self.keep(tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (broker, ready) = (broker.clone(), ready.clone());
                let socket = socket.into_std().unwrap();
                broker.0.sockets.lock().unwrap().push(socket.try_clone().unwrap());
                let socket = UnixStream::from_std(socket).unwrap();
                tokio::spawn(async move { broker.secure(socket, ready).await });
            }
        }));
        ConnInfo {
            service_id: id,
            network: "unix".to_owned(),
            address: path.to_str().unwrap().to_owned(),
            knock: None,
        }
    }

    /// Begins to serve behind `id` in the multiplexed form.
    pub fn expect_knock(&self, id: u32, storage: Storage, system: System) {
        let ready = self.serve(storage, system);
        self.0.knocks.lock().unwrap().0.insert(id, ready);
    }

    async fn knocked(&self, id: u32) {
        let known = {
            let mut knocks = self.0.knocks.lock().unwrap();
            let known = knocks.0.contains_key(&id);
            if known {
                knocks.1 = Some(id);
            }
            known
        };
        let error = if known {
            String::new()
        } else {
            format!("no listener for ID: {id}")
        };
        let knock = Some(Knock {
            knock: true,
            ack: true,
            error,
        });
        // The plugin may be on its way out.
        let _ = self
            .0
            .outgoing
            .send(ConnInfo {
                service_id: id,
                knock,
                ..ConnInfo::default()
            })
            .await;
    }

    /// Gives each stream that the plugin opens to the id knocked last, as go-plugin's `grpcmux` does.
    pub fn take_streams(&self, mut streams: mpsc::Receiver<Stream>) {
        let broker = self.clone();
        self.keep(tokio::spawn(async move {
            while let Some(stream) = streams.recv().await {
                let ready = {
                    let mut knocks = broker.0.knocks.lock().unwrap();
                    knocks.1.take().and_then(|id| knocks.0.get(&id).cloned())
                };
                let Some(ready) = ready else {
                    broker
                        .0
                        .refusals
                        .lock()
                        .unwrap()
                        .push("a stream without a knock".to_owned());
                    continue;
                };
                let broker = broker.clone();
                tokio::spawn(async move { broker.secure(stream.0, ready).await });
            }
        }));
    }

    /// The gRPC server of one id.
    fn serve(&self, storage: Storage, system: System) -> Ready {
        let (ready, streams) = mpsc::channel(4);
        let server = Server::builder()
            .add_service(StorageServer::new(storage).max_decoding_message_size(usize::MAX))
            .add_service(SystemViewServer::new(system));
        self.keep(tokio::spawn(async move {
            server
                .serve_with_incoming(ReceiverStream::new(streams))
                .await
                .unwrap();
        }));
        ready
    }

    async fn secure(&self, io: impl Io + 'static, ready: Ready) {
        let refused = match self.0.tls.accept(io).await {
            Ok(mut stream) => {
                if self.0.hang_up.load(Ordering::Relaxed) {
                    // Copies of the socket may be kept, so dropping it is not enough.
                    let _ = stream.shutdown().await;
                    return;
                }
                let session = stream.get_ref().1;
                match check_peer(
                    &self.0.plugin,
                    session.peer_certificates(),
                    session.alpn_protocol(),
                ) {
                    Ok(()) => {
                        let _ = ready.send(Ok(Stream(Box::new(stream)))).await;
                        return;
                    }
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        self.0.refusals.lock().unwrap().push(refused.to_string());
    }

    /// From now on the plugin is sent away when TLS is done, as grpc-go does with peers that it does not like.
    pub fn hang_up(&self) {
        self.0.hang_up.store(true, Ordering::Relaxed);
    }

    /// Breaks the brokered connections that have sockets of their own; the plugin may connect again.
    pub fn break_connections(&self) {
        for socket in self.0.sockets.lock().unwrap().drain(..) {
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Stops listening and serving.
    pub fn close(&self) {
        for task in self.0.tasks.lock().unwrap().drain(..) {
            task.abort();
        }
    }
}
