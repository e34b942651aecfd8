//! The framework's `SystemView` over the host's service of that name.

use std::time::Duration;

use async_trait::async_trait;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::convert::duration;
use super::generated::pb::Empty;
use super::generated::pb::system_view_client::SystemViewClient;
use crate::framework::{Product, ReplicationState, SystemError, SystemView};

pub(super) struct HostSystem {
    client: SystemViewClient<Channel>,
    product: Product,
}

impl HostSystem {
    pub(super) fn new(channel: Channel, product: Product) -> Self {
        Self {
            client: SystemViewClient::new(channel),
            product,
        }
    }
}

#[async_trait]
impl SystemView for HostSystem {
    async fn default_lease_ttl(&self) -> Result<Duration, SystemError> {
        let mut client = self.client.clone();
        let reply = answer("its default lease TTL", client.default_lease_ttl(Empty {})).await?;
        Ok(duration(reply.ttl))
    }

    async fn max_lease_ttl(&self) -> Result<Duration, SystemError> {
        let mut client = self.client.clone();
        let reply = answer("its maximum lease TTL", client.max_lease_ttl(Empty {})).await?;
        Ok(duration(reply.ttl))
    }

    async fn replication_state(&self) -> Result<ReplicationState, SystemError> {
        let mut client = self.client.clone();
        let reply = answer("its replication state", client.replication_state(Empty {})).await?;
        Ok(ReplicationState(reply.state))
    }

    async fn local_mount(&self) -> Result<bool, SystemError> {
        let mut client = self.client.clone();
        let reply = answer("whether the mount is local", client.local_mount(Empty {})).await?;
        Ok(reply.local)
    }

    async fn host_version(&self) -> Result<String, SystemError> {
        let question = "its version";
        let mut client = self.client.clone();
        let reply = answer(question, client.plugin_env(Empty {})).await?;
        let reason = reply.err;
        reply
            .plugin_environment
            .map(|environment| environment.vault_version)
            .ok_or(SystemError { question, reason })
    }

    fn product(&self) -> Product {
        self.product
    }
}

async fn answer<T>(
    question: &'static str,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, SystemError> {
    let reply = call.await.map(Response::into_inner);
    reply.map_err(|status| SystemError {
        question,
        reason: status.message().to_owned(),
    })
}
