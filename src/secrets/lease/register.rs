//! What is registered for every engine whose leases stand for users.

use std::sync::Arc;

use crate::framework::Backend;
use crate::secrets::lease::account::BindAccount;
use crate::secrets::lease::cleanup::CleanUp;
use crate::secrets::lease::engine::LeaseEngine;
use crate::secrets::lease::issuer::WAL_KIND;
use crate::secrets::lease::rollback::roll_back;

/// Registers the metrics of its leases, its WAL kind and its jobs.
#[must_use]
pub fn register<E: LeaseEngine>(backend: Backend, engine: &Arc<E>) -> Backend {
    backend
        .metrics(engine.mount().orphans.clone())
        .wal(WAL_KIND, engine, roll_back)
        .schedule(
            "lease records",
            CleanUp::<E>::EVERY,
            Arc::new(CleanUp::new(engine)),
        )
        .schedule(
            "account",
            BindAccount::<E>::EVERY,
            Arc::new(BindAccount::new(engine)),
        )
}
