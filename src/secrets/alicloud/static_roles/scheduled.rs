//! Rotations by schedule, and the ends of older keys, at ticks of the server, which come about once a minute and on the active
//! node only.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::framework::{Context, Error, Families, Job, Status};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::rotation::{REST, Trigger};
use crate::secrets::alicloud::static_roles::locked::lock_role;
use crate::secrets::alicloud::static_roles::retire::retire;
use crate::secrets::alicloud::static_roles::role::StaticRole;
use crate::secrets::alicloud::static_roles::rotate::rotate_alone;
use crate::secrets::lease::now;
use crate::secrets::rotation::Turn;

/// Works on the static roles that have something to do.
pub(super) struct ScheduledRotations(Arc<Engine>);

impl ScheduledRotations {
    /// It is looked at each tick what is due.
    pub(super) const EVERY: Duration = Duration::ZERO;

    pub(super) fn new(engine: &Arc<Engine>) -> Self {
        Self(Arc::clone(engine))
    }

    /// Deletes the older key of a role.
    async fn retire(&self, context: &Context, name: &str, mut role: StaticRole) {
        let ended = in_time(context, |context| async move {
            retire(&self.0, &context, name, &mut role).await
        });
        match ended.await {
            Ok(()) => self.0.static_roles.recovered(name),
            Err(error) => {
                let pause = self.0.static_roles.failed(name, &error);
                tracing::warn!(
                    event = "old_static_key_left",
                    role = name,
                    %error,
                    retry_in_seconds = pause.as_secs(),
                    "the older key of a static role could not be deleted; will retry"
                );
            }
        }
    }

    /// Rotates the key of a role.
    async fn rotate(&self, context: &Context, name: &str, role: StaticRole, planned: u64) {
        let rotated = in_time(context, |context| async move {
            rotate_alone(&self.0, &context, name, role, Some(planned)).await
        });
        let outcome = rotated.await;
        let pause = self.0.static_roles.ended(name, Trigger::Schedule, &outcome);
        // A tick that follows says why an older key is still there.
        if let Err(error) = outcome {
            tracing::warn!(
                event = "static_rotation_failed",
                role = name,
                %error,
                retry_in_seconds = pause.as_secs(),
                "the key of a static role could not be rotated by schedule; it still works, will retry"
            );
        }
    }
}

/// Works within the time of a tick, and leaves some of it to note how that ended.
async fn in_time<T, R>(context: &Context, work: impl FnOnce(Context) -> R) -> Result<T, Error>
where
    R: Future<Output = Result<T, Error>>,
{
    let context = context.within(context.deadline().remaining().saturating_sub(REST));
    let deadline = context.deadline();
    deadline.run(work(context)).await.unwrap_or_else(|_| {
        Err(Error::coded(
            Status::UNAVAILABLE,
            "the rotation did not end within the time of a tick",
        ))
    })
}

#[async_trait]
impl Job for ScheduledRotations {
    async fn due(&self, context: &Context) -> Result<Vec<String>, Error> {
        // When the mount goes away, so do its keys.
        if context.request.data.contains_key("immediate") {
            return Ok(Vec::new());
        }
        let mut due = self.0.static_roles.queue.due(context).await?;
        due.retain(|name| !self.0.static_roles.is_paused(name));
        Ok(due)
    }

    async fn work(&self, context: &Context, name: &str) -> Result<(), Error> {
        let statics = &self.0.static_roles;
        let mut locked = lock_role(&self.0, context, name).await?;
        let Some(mut role) = locked.role.take() else {
            statics.queue.remove(name);
            statics.recovered(name);
            return Ok(());
        };
        statics.queue.set(context, name, &role);
        let now = now(context);
        if role.previous.is_some() {
            // Nothing is rotated before it is gone.
            if role.ended_key(now).is_some() {
                self.retire(context, name, role).await;
            }
            return Ok(());
        }
        let next = match role.rotation.turn(now) {
            None | Some(Turn::NotYet) => return Ok(()),
            Some(Turn::Due(planned)) => {
                self.rotate(context, name, role, planned).await;
                return Ok(());
            }
            Some(Turn::Missed(next)) => {
                tracing::warn!(
                    event = "static_rotation_missed",
                    role = name,
                    next,
                    "the key of a static role was not rotated within rotation_window; the next time of rotation_schedule counts"
                );
                next
            }
            Some(Turn::Unplanned(next)) => next,
        };
        role.rotation.next_vault_rotation = Some(next);
        role.store(&*context.storage, name).await?;
        statics.queue.set(context, name, &role);
        Ok(())
    }

    fn collect(&self, entries: Option<f64>, families: &mut Families) {
        self.0.static_roles.collect(entries.is_some(), families);
    }
}
