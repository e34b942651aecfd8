//! The framework's `SystemView` over the host's service of that name.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use tonic::{Response, Status};

use super::convert::duration;
use super::generated::logical;
use super::generated::pb::system_view_client::SystemViewClient;
use super::generated::pb::{Empty, EntityInfoArgs};
use crate::framework::{Entity, EntityAlias, Product, ReplicationState, SystemError, SystemView};
use crate::goplugin::{Channel, origin};

pub(super) struct HostSystem {
    client: SystemViewClient<Channel>,
    product: Product,
}

impl HostSystem {
    pub(super) fn new(channel: Channel, product: Product) -> Self {
        Self {
            client: SystemViewClient::with_origin(channel, origin()),
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

    async fn entity(&self, id: &str) -> Result<Option<Entity>, SystemError> {
        let question = "who the caller is";
        let mut client = self.client.clone();
        let entity_id = id.to_owned();
        let reply = answer(question, client.entity_info(EntityInfoArgs { entity_id })).await?;
        refused(question, reply.err)?;
        Ok(reply.entity.map(entity_from))
    }

    async fn groups_of_entity(&self, id: &str) -> Result<Vec<String>, SystemError> {
        let question = "the caller's groups";
        let mut client = self.client.clone();
        let entity_id = id.to_owned();
        let reply = answer(question, client.groups_for_entity(EntityInfoArgs { entity_id })).await?;
        refused(question, reply.err)?;
        Ok(reply.groups.into_iter().map(|group| group.name).collect())
    }

    fn product(&self) -> Product {
        self.product
    }
}

fn refused(question: &'static str, reason: String) -> Result<(), SystemError> {
    if reason.is_empty() {
        return Ok(());
    }
    Err(SystemError { question, reason })
}

fn entity_from(entity: logical::Entity) -> Entity {
    let aliases = entity.aliases.into_iter();
    Entity {
        id: entity.id,
        name: entity.name,
        metadata: entity.metadata.into_iter().collect(),
        aliases: aliases
            .map(|alias| EntityAlias {
                mount_accessor: alias.mount_accessor,
                name: alias.name,
                metadata: alias.metadata.into_iter().collect(),
            })
            .collect(),
    }
}

/// An async function would hold the call twice.
fn answer<T>(
    question: &'static str,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> impl Future<Output = Result<T, SystemError>> {
    call.map(move |reply| {
        reply.map(Response::into_inner).map_err(|status| SystemError {
            question,
            reason: status.message().to_owned(),
        })
    })
}
