//! The framework's `SystemView` over the host's service of that name.

use std::time::Duration;

use async_trait::async_trait;
use tonic::Status;
use tonic::transport::Channel;

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
        let reply = self.client.clone().default_lease_ttl(Empty {}).await;
        Ok(duration(
            reply.map_err(failed("its default lease TTL"))?.into_inner().ttl,
        ))
    }

    async fn max_lease_ttl(&self) -> Result<Duration, SystemError> {
        let reply = self.client.clone().max_lease_ttl(Empty {}).await;
        Ok(duration(
            reply.map_err(failed("its maximum lease TTL"))?.into_inner().ttl,
        ))
    }

    async fn replication_state(&self) -> Result<ReplicationState, SystemError> {
        let reply = self.client.clone().replication_state(Empty {}).await;
        Ok(ReplicationState(
            reply.map_err(failed("its replication state"))?.into_inner().state,
        ))
    }

    async fn local_mount(&self) -> Result<bool, SystemError> {
        let reply = self.client.clone().local_mount(Empty {}).await;
        Ok(reply
            .map_err(failed("whether the mount is local"))?
            .into_inner()
            .local)
    }

    async fn host_version(&self) -> Result<String, SystemError> {
        let reply = self.client.clone().plugin_env(Empty {}).await;
        let reply = reply.map_err(failed("its version"))?.into_inner();
        match reply.plugin_environment {
            Some(environment) => Ok(environment.vault_version),
            None => Err(SystemError {
                question: "its version",
                reason: reply.err,
            }),
        }
    }

    fn product(&self) -> Product {
        self.product
    }
}

fn failed(question: &'static str) -> impl FnOnce(Status) -> SystemError {
    move |status| SystemError {
        question,
        reason: status.message().to_owned(),
    }
}
