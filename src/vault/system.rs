//! The framework's `SystemView` over the host's service of that name.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use prost::Message;

use super::convert::duration;
use super::generated::logical;
use super::generated::pb::{
    Empty, EntityInfoArgs, EntityInfoReply, GroupsForEntityReply, LocalMountReply, PluginEnvReply,
    ReplicationStateReply, TtlReply,
};
use crate::framework::{Entity, EntityAlias, Product, ReplicationState, SystemError, SystemView};
use crate::goplugin::Channel;

pub(super) struct HostSystem {
    channel: Channel,
    product: Product,
}

impl HostSystem {
    pub(super) fn new(channel: Channel, product: Product) -> Self {
        Self { channel, product }
    }

    fn ask<M: Message, A: Message + Default>(
        &self,
        question: &'static str,
        method: &'static str,
        message: &M,
    ) -> impl Future<Output = Result<A, SystemError>> + Send + use<M, A> {
        self.channel.call(method, message).map(move |reply| {
            reply.map_err(|status| SystemError {
                question,
                reason: status.message().to_owned(),
            })
        })
    }
}

#[async_trait]
impl SystemView for HostSystem {
    async fn default_lease_ttl(&self) -> Result<Duration, SystemError> {
        let reply: TtlReply = self
            .ask(
                "its default lease TTL",
                "/pb.SystemView/DefaultLeaseTTL",
                &Empty {},
            )
            .await?;
        Ok(duration(reply.ttl))
    }

    async fn max_lease_ttl(&self) -> Result<Duration, SystemError> {
        let reply: TtlReply = self
            .ask("its maximum lease TTL", "/pb.SystemView/MaxLeaseTTL", &Empty {})
            .await?;
        Ok(duration(reply.ttl))
    }

    async fn replication_state(&self) -> Result<ReplicationState, SystemError> {
        let reply: ReplicationStateReply = self
            .ask(
                "its replication state",
                "/pb.SystemView/ReplicationState",
                &Empty {},
            )
            .await?;
        Ok(ReplicationState(reply.state))
    }

    async fn local_mount(&self) -> Result<bool, SystemError> {
        let reply: LocalMountReply = self
            .ask(
                "whether the mount is local",
                "/pb.SystemView/LocalMount",
                &Empty {},
            )
            .await?;
        Ok(reply.local)
    }

    async fn host_version(&self) -> Result<String, SystemError> {
        let question = "its version";
        let reply: PluginEnvReply = self.ask(question, "/pb.SystemView/PluginEnv", &Empty {}).await?;
        let reason = reply.err;
        reply
            .plugin_environment
            .map(|environment| environment.vault_version)
            .ok_or(SystemError { question, reason })
    }

    async fn entity(&self, id: &str) -> Result<Option<Entity>, SystemError> {
        let question = "who the caller is";
        let entity_id = id.to_owned();
        let reply: EntityInfoReply = self
            .ask(
                question,
                "/pb.SystemView/EntityInfo",
                &EntityInfoArgs { entity_id },
            )
            .await?;
        refused(question, reply.err)?;
        Ok(reply.entity.map(entity_from))
    }

    async fn groups_of_entity(&self, id: &str) -> Result<Vec<String>, SystemError> {
        let question = "the caller's groups";
        let entity_id = id.to_owned();
        let reply: GroupsForEntityReply = self
            .ask(
                question,
                "/pb.SystemView/GroupsForEntity",
                &EntityInfoArgs { entity_id },
            )
            .await?;
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
