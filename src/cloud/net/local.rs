//! HTTP without TLS, for services on this machine or beside it.
//!
//! Local addresses only, no proxy, no redirect, no retry: what is asked is asked directly, and nobody is trusted to send the
//! question elsewhere.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, retry};
use tokio::time::Instant;

use super::client::{AGENT, SendError, answer_of, move_login};
use super::connect_error::{ConnectError, cause};
use super::connector::{Target, look_up};
use super::names::{Names, is_local};
use crate::cloud::names::LookupError;
use crate::cloud::transport::Answer;

/// So much earlier than connecting as a whole a look-up times out, so that its own error is the one that is told.
const EARLIER: Duration = Duration::from_millis(50);

/// A client of such services. It keeps no connection.
#[derive(Debug)]
pub(crate) struct LocalClient(reqwest::Result<Client>);

impl LocalClient {
    /// The time is for name and TCP together.
    pub(crate) fn new(names: Arc<dyn Names>, connect_timeout: Duration) -> Self {
        let names = LocalNames {
            names,
            timeout: connect_timeout.saturating_sub(EARLIER),
        };
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .retry(retry::never())
            .referer(false)
            .dns_resolver(names)
            .connect_timeout(connect_timeout)
            .pool_max_idle_per_host(0)
            .user_agent(AGENT);
        Self(client.build())
    }

    /// Sends a request to an absolute URI and reads the answer, up to so many bytes of its body. The caller bounds the
    /// time by dropping the future.
    ///
    /// # Errors
    /// There is no answer, or it is too long.
    pub(crate) async fn send(&self, mut request: Request<Bytes>, limit: usize) -> Result<Answer, SendError> {
        let unsent = |cause: &str| SendError::Connect(ConnectError::new(cause));
        let address = Target::of(request.uri()).and_then(|target| target.host.parse::<IpAddr>().ok());
        if address.is_some_and(|address| !is_local(address)) {
            return Err(unsent(&LookupError::NotLocal.to_string()));
        }
        move_login(&mut request);
        let client = self
            .0
            .as_ref()
            .map_err(|_| unsent("no HTTP client can be made"))?;
        let request = reqwest::Request::try_from(request);
        let request = request.map_err(|_| unsent("the address cannot be used in a request"))?;
        let answer = client.execute(request).await.map_err(|error| sorted(&error))?;
        answer_of(answer.into(), limit).await
    }
}

fn sorted(error: &reqwest::Error) -> SendError {
    if !error.is_connect() {
        return SendError::Interrupted;
    }
    SendError::Connect(match (cause(error), cause::<io::Error>(error)) {
        (Some(told), _) => ConnectError::clone(told),
        (None, Some(error)) => ConnectError::of_io(error),
        (None, None) if error.is_timeout() => ConnectError::new("connecting timed out"),
        (None, None) => ConnectError::new("no connection"),
    })
}

/// Finds the local addresses of a name, and no others.
struct LocalNames {
    names: Arc<dyn Names>,
    timeout: Duration,
}

impl Resolve for LocalNames {
    fn resolve(&self, name: Name) -> Resolving {
        let names = Arc::clone(&self.names);
        let deadline = Instant::now() + self.timeout;
        Box::pin(async move {
            // The client puts the port in.
            let mut addresses = look_up(&*names, name.as_str(), 0, deadline).await?;
            addresses.retain(|address| is_local(address.ip()));
            if addresses.is_empty() {
                return Err(ConnectError::new(LookupError::NotLocal.to_string()).into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::SocketAddr;

    use async_trait::async_trait;
    use tokio::net::{TcpSocket, TcpStream};
    use tokio::time::timeout;

    use super::*;
    use crate::cloud::net::testing::TestNames;

    async fn told(names: Arc<dyn Names>, url: &str) -> String {
        let client = LocalClient::new(names, Duration::from_millis(400));
        let request = Request::get(url).body(Bytes::new()).unwrap();
        match client.send(request, 100).await {
            Err(SendError::Connect(error)) => error.to_string(),
            Err(error) => format!("{error:?}"),
            Ok(answer) => answer.status.to_string(),
        }
    }

    #[tokio::test]
    async fn what_is_not_reached_is_told_in_words() {
        let names = [("far.test", "192.0.2.1:0"), ("near.test", "127.0.0.1:0")];
        let names = names.map(|(name, address)| (name.to_owned(), address.parse::<SocketAddr>().unwrap()));
        let names: Arc<dyn Names> = Arc::new(TestNames(HashMap::from(names)));
        for (url, text) in [
            ("http://near.test:1/", ": connection refused"),
            ("http://[::1]:1/", ": connection refused"),
            ("http://far.test/", ": plain http goes to local addresses only"),
            ("http://192.0.2.1/", ": plain http goes to local addresses only"),
        ] {
            let told = told(Arc::clone(&names), url).await;
            assert!(told.starts_with(text), "{url}: {told}");
        }
    }

    #[derive(Debug)]
    struct SilentNames;

    #[async_trait]
    impl Names for SilentNames {
        async fn find(&self, _: &str, _: u16) -> Result<Vec<SocketAddr>, LookupError> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_without_end_is_told() {
        let told = told(Arc::new(SilentNames), "http://near.test/").await;
        assert_eq!(told, ": resolving the name timed out");
    }

    #[tokio::test]
    async fn a_service_that_accepts_no_connection_is_told() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        // Nobody accepts, so that the queue is full at some time.
        let mut queue = Vec::new();
        while let Ok(stream) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            queue.push(stream.unwrap());
        }
        let told = told(Arc::new(SilentNames), &format!("http://{address}/")).await;
        assert_eq!(told, ": connecting timed out");
    }
}
