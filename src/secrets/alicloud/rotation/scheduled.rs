//! Rotations by schedule, at ticks of the server, which come about once a minute and on the active node only.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::framework::{Context, Error, Families, Job, Status};
use crate::secrets::alicloud::config::{Config, STORAGE_KEY};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::rotation::root::rotate_alone;
use crate::secrets::alicloud::rotation::status::Trigger;
use crate::secrets::lease::now;
use crate::secrets::rotation::Turn;

/// What is kept of the tick's time to note how a rotation ended.
pub(in crate::secrets::alicloud) const REST: Duration = Duration::from_millis(500);

/// Rotates the key in `config` when it is time.
pub(in crate::secrets::alicloud) struct ScheduledRotation(Arc<Engine>);

impl ScheduledRotation {
    /// It is looked at each tick whether it is time.
    pub(in crate::secrets::alicloud) const EVERY: Duration = Duration::ZERO;

    pub(in crate::secrets::alicloud) fn new(engine: &Arc<Engine>) -> Self {
        Self(Arc::clone(engine))
    }

    async fn rotate(&self, context: &Context, planned: u64) {
        let context = &context.within(context.deadline().remaining().saturating_sub(REST));
        let rotated = context
            .deadline()
            .run(rotate_alone(&self.0, context, Some(planned)));
        let outcome = rotated.await.unwrap_or_else(|_| {
            Err(Error::coded(
                Status::UNAVAILABLE,
                "the rotation did not end within the time of a tick",
            ))
        });
        let pause = self.0.root.ended(Trigger::Schedule, &outcome);
        match outcome {
            Ok(rotated) => {
                if let Some(error) = rotated.unfinished {
                    tracing::warn!(event = "old_root_key_left", %error, "the root key was rotated, but the old one is still there; will retry");
                }
            }
            Err(error) => tracing::warn!(
                event = "root_rotation_failed",
                %error,
                retry_in_seconds = pause.as_secs(),
                "the root key could not be rotated by schedule; the key in config still works, will retry"
            ),
        }
    }
}

#[async_trait]
impl Job for ScheduledRotation {
    async fn due(&self, context: &Context) -> Result<Vec<String>, Error> {
        let config = Config::load(&*context.storage).await?.unwrap_or_default();
        self.0.root.seen(&config.rotation);
        // When the mount goes away, so does the new key.
        let is_last = context.request.data.contains_key("immediate");
        let is_due = !is_last
            && !self.0.root.is_paused()
            && config
                .rotation
                .turn(now(context))
                .is_some_and(|turn| turn != Turn::NotYet);
        Ok(if is_due {
            vec![STORAGE_KEY.to_owned()]
        } else {
            vec![]
        })
    }

    async fn work(&self, context: &Context, _: &str) -> Result<(), Error> {
        let _one_writer = context.unless_cancelled(self.0.locks.lock(STORAGE_KEY)).await?;
        let mut config = Config::load(&*context.storage).await?.unwrap_or_default();
        let next = match config.rotation.turn(now(context)) {
            None | Some(Turn::NotYet) => return Ok(()),
            Some(Turn::Due(planned)) => {
                self.rotate(context, planned).await;
                return Ok(());
            }
            Some(Turn::Missed(next)) => {
                tracing::warn!(
                    event = "root_rotation_missed",
                    next,
                    "the root key was not rotated within rotation_window; the next time of rotation_schedule counts"
                );
                next
            }
            Some(Turn::Unplanned(next)) => next,
        };
        config.rotation.next_vault_rotation = Some(next);
        config.store(&*context.storage).await
    }

    fn collect(&self, entries: Option<f64>, families: &mut Families) {
        self.0.root.collect(entries.is_some(), families);
    }
}
