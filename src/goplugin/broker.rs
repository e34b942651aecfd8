//! The way to the services that the host serves to the plugin.
//!
//! For each of them the host listens on a socket of its own and announces it, with a number, on a stream that it opens
//! at the start (`GRPCBroker.StartStream`). The number also comes in a call of the plugin's own service, and either
//! message may be the first. In the multiplexed form there are no addresses; see [`super::knock`].
//!
//! Follows `grpc_broker.go` of hashicorp/go-plugin.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt as _;
use rustls::pki_types::ServerName;
use tokio::{
    io::AsyncBufReadExt as _,
    net::TcpStream,
    sync::{Notify, mpsc},
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    channel::{Channel, Failure},
    generated::{
        ConnInfo,
        conn_info::Knock,
        grpc_broker_server::{GrpcBroker, GrpcBrokerServer},
    },
    knock::{Knocker, Outgoing},
    mux::Session,
    offers::{Offer, Offers},
    stream::Io,
    tls::{SERVER_NAME, Tls},
    unix_stream::UnixStream,
};

/// Time for the announcement of an id to arrive, as in Go.
const ANNOUNCEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for connecting and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for the host's first bytes after TLS.
const FIRST_BYTES_TIMEOUT: Duration = Duration::from_secs(2);
/// Numbers and a path.
const LARGEST_MESSAGE: usize = 64 << 10;
/// Knocks and answers to knocks that wait to be sent.
const OUTGOING: usize = 64;

/// A handle by which the plugin reaches the host's services; clones are the same broker.
#[derive(Clone)]
pub struct Broker {
    shared: Arc<Shared>,
}

struct Shared {
    tls: TlsConnector,
    name: ServerName<'static>,
    offers: Mutex<Offers>,
    arrived: Notify,
    /// Set in the multiplexed form.
    knocker: Option<Knocker>,
}

/// Why a service of the host cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The host announced a kind of network that is not known here.
    #[error("the host offers service {id} on a network of type {network:?}, only unix and tcp are known")]
    Network {
        /// The number of the service.
        id: u32,
        /// What the host said.
        network: String,
    },
    /// The host did not announce the service, or it was claimed before.
    #[error("timeout waiting for connection info of service {0}: the host did not say where it listens")]
    NotOffered(u32),
    /// No connection, or no agreement on TLS.
    #[error("cannot connect to service {id} of the host: {source}")]
    Unreachable {
        /// The number of the service.
        id: u32,
        /// Why not.
        source: Failure,
    },
}

impl Broker {
    pub(super) fn new(tls: &Tls, multiplexed: bool) -> Result<Self, rustls::pki_types::InvalidDnsNameError> {
        let shared = Shared {
            tls: TlsConnector::from(Arc::clone(&tls.client)),
            name: ServerName::try_from(SERVER_NAME)?,
            offers: Mutex::default(),
            arrived: Notify::new(),
            knocker: multiplexed.then(Knocker::default),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Connects to the service that the host calls `id`. Waits five seconds for the host to announce it; each
    /// announcement is good for one call.
    ///
    /// The channel has no keepalive: grpc-go takes frequent pings for abuse. Limits on the size of messages are set on the
    /// client that is made of it.
    pub async fn dial(&self, id: u32) -> Result<Channel, BrokerError> {
        let route = match self.shared.knocker {
            Some(_) => Route::Knock(id),
            None => Route::to(id, self.offer(id).await?)?,
        };
        let (shared, route) = (Arc::clone(&self.shared), Arc::new(route));
        Channel::new(move || {
            let (shared, route) = (Arc::clone(&shared), Arc::clone(&route));
            async move { shared.connect(&route).await }
        })
        .await
        .map_err(|source| BrokerError::Unreachable { id, source })
    }

    /// Waits for the announcement of `id` and claims it.
    async fn offer(&self, id: u32) -> Result<Offer, BrokerError> {
        let deadline = Instant::now() + ANNOUNCEMENT_TIMEOUT;
        loop {
            let mut arrived = std::pin::pin!(self.shared.arrived.notified());
            // Enlisted before the look, so that nothing can arrive unseen in between.
            arrived.as_mut().enable();
            if let Some(offer) = self.with_offers(|offers| offers.take(id, Instant::now())) {
                return Ok(offer);
            }
            timeout_at(deadline, arrived)
                .await
                .map_err(|_| BrokerError::NotOffered(id))?;
        }
    }

    fn with_offers<T>(&self, change: impl FnOnce(&mut Offers) -> T) -> T {
        // Changes leave the map whole even if one should panic.
        change(&mut self.shared.offers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn use_session(&self, session: Session) {
        if let Some(knocker) = &self.shared.knocker {
            knocker.use_session(session);
        }
    }

    /// The service on which the host opens its stream; the stream ends when `stop` is cancelled.
    pub(super) fn server(&self, stop: CancellationToken) -> GrpcBrokerServer<BrokerService> {
        let service = BrokerService {
            broker: self.clone(),
            stop,
        };
        GrpcBrokerServer::new(service).max_decoding_message_size(LARGEST_MESSAGE)
    }

    async fn receive(&self, info: ConnInfo, outgoing: &Outgoing) {
        let ConnInfo {
            service_id: id,
            network,
            address,
            knock,
        } = info;
        match (knock, &self.shared.knocker) {
            (Some(Knock { ack: true, error, .. }), Some(knocker)) => knocker.acknowledged(id, error),
            (Some(Knock { ack: true, .. }), None) => {
                tracing::debug!(
                    id,
                    "the host acknowledged a knock, and nobody knocks in this form"
                );
            }
            (Some(_), _) => {
                // The host wants a stream of ours, as it may from plugins that listen; this one does not.
                let error = format!("there is no listener for service {id}");
                let knock = Some(Knock {
                    knock: true,
                    ack: true,
                    error,
                });
                let answer = ConnInfo {
                    service_id: id,
                    knock,
                    ..ConnInfo::default()
                };
                if outgoing.send(Ok(answer)).await.is_err() {
                    tracing::debug!(id, "the broker stream ended before a knock was answered");
                }
            }
            (None, _) => {
                self.with_offers(|offers| offers.insert(id, Offer { network, address }, Instant::now()));
                self.shared.arrived.notify_waiters();
            }
        }
    }
}

/// Where a service of the host is.
#[derive(Debug)]
enum Route {
    Knock(u32),
    Tcp(String),
    Unix(String),
}

impl Route {
    fn to(id: u32, offer: Offer) -> Result<Self, BrokerError> {
        match offer.network.as_str() {
            "tcp" => Ok(Self::Tcp(offer.address)),
            "unix" => Ok(Self::Unix(offer.address)),
            _ => Err(BrokerError::Network {
                id,
                network: offer.network,
            }),
        }
    }
}

impl Shared {
    async fn connect(&self, route: &Route) -> io::Result<TlsStream<Box<dyn Io>>> {
        let connecting = async {
            match route {
                Route::Knock(id) => match &self.knocker {
                    Some(knocker) => {
                        knocker
                            .open(*id, async |stream| self.secure(Box::new(stream)).await)
                            .await
                    }
                    None => Err(io::Error::other("knocking without a multiplexed connection")),
                },
                Route::Tcp(address) => self.secure(Box::new(TcpStream::connect(address).await?)).await,
                Route::Unix(address) => self.secure(Box::new(UnixStream::connect(address).await?)).await,
            }
        };
        // The knocking form has time limits of its own, and its turns to wait for.
        if let Route::Knock(_) = route {
            return connecting.await;
        }
        let late = || io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
        timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| late())?
    }

    /// TLS, and then the host's first bytes. With TLS 1.3 a client is done before the server has looked at its
    /// certificate, so only they show that the host has accepted it. Without this look a host that hangs up would be
    /// dialled again and again by the channel, without a pause or an error.
    async fn secure(&self, io: Box<dyn Io>) -> io::Result<TlsStream<Box<dyn Io>>> {
        let mut stream = self.tls.connect(self.name.clone(), io).await?;
        // HTTP/2 lets a server wait for the client's first bytes. grpc-go does not, but nothing depends on it.
        if let Ok(first) = timeout(FIRST_BYTES_TIMEOUT, stream.fill_buf()).await
            && first?.is_empty()
        {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the host hung up after the TLS handshake",
            ));
        }
        Ok(stream)
    }
}

/// The broker as the host sees it.
pub(super) struct BrokerService {
    broker: Broker,
    stop: CancellationToken,
}

#[tonic::async_trait]
impl GrpcBroker for BrokerService {
    type StartStreamStream = Pin<Box<dyn Stream<Item = Result<ConnInfo, Status>> + Send>>;

    /// Answers at once, before the first message: the host waits for the answer's headers. A second stream takes the
    /// place of the first.
    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        let (outgoing, replies) = mpsc::channel(OUTGOING);
        if let Some(knocker) = &self.broker.shared.knocker {
            knocker.use_outgoing(outgoing.clone());
        }
        let (broker, mut incoming) = (self.broker.clone(), request.into_inner());
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let receive = async {
                loop {
                    match incoming.message().await {
                        Ok(Some(info)) => broker.receive(info, &outgoing).await,
                        Ok(None) => break,
                        // Usual when the host leaves.
                        Err(error) => {
                            tracing::debug!(%error, "the broker stream broke");
                            break;
                        }
                    }
                }
            };
            tokio::select! {
                () = receive => {}
                () = stop.cancelled() => {}
            }
        });
        let end = self.stop.clone().cancelled_owned();
        Ok(Response::new(Box::pin(
            ReceiverStream::new(replies).take_until(end),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goplugin::tls::tests::pair;

    fn info(id: u32, network: &str, address: &str) -> ConnInfo {
        ConnInfo {
            service_id: id,
            network: network.to_owned(),
            address: address.to_owned(),
            knock: None,
        }
    }

    fn broker() -> (Broker, Outgoing, mpsc::Receiver<Result<ConnInfo, Status>>) {
        let (outgoing, sent) = mpsc::channel(4);
        (Broker::new(&pair().ours, false).unwrap(), outgoing, sent)
    }

    #[tokio::test(start_paused = true)]
    async fn an_announcement_may_come_before_the_call_or_after_it() {
        let (broker, outgoing, _sent) = broker();
        broker.receive(info(1, "unix", "/first"), &outgoing).await;
        assert_eq!(broker.offer(1).await.unwrap().address, "/first");

        let waiting = tokio::spawn({
            let broker = broker.clone();
            async move { broker.offer(2).await }
        });
        tokio::time::sleep(Duration::from_secs(4)).await;
        broker.receive(info(3, "unix", "/third"), &outgoing).await;
        broker.receive(info(2, "unix", "/second"), &outgoing).await;
        assert_eq!(waiting.await.unwrap().unwrap().address, "/second");
        assert_eq!(broker.offer(3).await.unwrap().address, "/third");
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_that_is_never_announced_times_out_and_none_is_used_twice() {
        let (broker, outgoing, _sent) = broker();
        broker.receive(info(1, "unix", "/first"), &outgoing).await;
        broker.offer(1).await.unwrap();
        let start = Instant::now();
        let error = broker.dial(1).await.unwrap_err();
        assert!(matches!(error, BrokerError::NotOffered(1)), "{error}");
        assert_eq!(start.elapsed(), ANNOUNCEMENT_TIMEOUT);
    }

    #[tokio::test]
    async fn an_unreachable_or_unknown_address_fails_at_once_and_says_why() {
        let (broker, outgoing, _sent) = broker();
        let start = Instant::now();
        broker
            .receive(info(1, "unix", "/nowhere/at/all"), &outgoing)
            .await;
        let error = broker.dial(1).await.unwrap_err().to_string();
        assert!(error.contains("No such file"), "{error}");
        broker.receive(info(2, "carrier pigeon", "x"), &outgoing).await;
        let error = broker.dial(2).await.unwrap_err().to_string();
        assert!(error.contains("carrier pigeon"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_foreign_knock_is_answered_with_a_refusal() {
        let (broker, outgoing, mut sent) = broker();
        let knock = Some(Knock {
            knock: true,
            ack: false,
            error: String::new(),
        });
        broker
            .receive(
                ConnInfo {
                    knock,
                    ..info(9, "", "")
                },
                &outgoing,
            )
            .await;
        let answer = sent.recv().await.unwrap().unwrap();
        assert_eq!(answer.service_id, 9);
        let knock = answer.knock.unwrap();
        assert!(knock.ack && !knock.error.is_empty(), "{knock:?}");
    }
}
