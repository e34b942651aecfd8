//! Static roles: the access key of a RAM user that exists already, which the engine replaces by schedule.
//!
//! | path | file |
//! |---|---|
//! | `static-roles/<name>`, `static-roles` | `path` |
//! | `static-creds/<name>` | `path_creds` |
//! | `rotate-role/<name>` | `path_rotate` |
//!
//! A role is one entry in storage ([`mod@role`]), which has its settings, its key, when that is replaced next, and which older key
//! is still live and until when. A replacement is a rotation as that of the root key (`rotation/`), whose [`Holder`] is the role
//! (`holder`). The step from one key to the next is one write of the entry: afterwards the older key is the entry's to end
//! (`retire`), at once, or at the end of `rotation_grace_period`.
//!
//! Keys that the engine has not made, and was not told of by `import_access_key`, are never touched: a user that has one gets no
//! further one, for RAM allows two, and the next rotation would have no place.
//!
//! Who writes an entry holds the lock of the role. Who makes or deletes keys holds that of the user, too (`locked`). Reads take none.
//!
//! [`Holder`]: crate::secrets::alicloud::rotation::Holder

mod create;
mod delete;
mod holder;
mod locked;
mod path;
mod path_creds;
mod path_rotate;
mod queue;
mod retire;
mod role;
mod rotate;
mod scheduled;
mod settings;
mod state;
mod update;
mod user;

use std::sync::Arc;

use crate::framework::{Backend, Context, Error};
use crate::secrets::alicloud::engine::Engine;

pub(super) use holder::are_in;
pub(super) use role::STORAGE_PREFIX;
pub(super) use state::StaticRoles;

/// Adds the paths of static roles, their WAL entries and their periodic job.
pub(super) fn register(backend: Backend, engine: &Arc<Engine>) -> Backend {
    backend
        .path(path::list_path(engine))
        .path(path::path(engine))
        .path(path_creds::path(engine))
        .path(path_rotate::path(engine))
        .wal(holder::WAL_KIND, engine, holder::roll_back)
        .initialize(engine, initialize)
        .schedule(
            "static roles",
            scheduled::ScheduledRotations::EVERY,
            Arc::new(scheduled::ScheduledRotations::new(engine)),
        )
}

/// The mount was set up, or the node became the active one: what is due is read from storage again.
async fn initialize(engine: Arc<Engine>, _: Context, (): ()) -> Result<(), Error> {
    engine.static_roles.queue.reload();
    Ok(())
}
