//! What an engine implements for its cloud: the users that it makes, and how they are made and removed.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::framework::{Context, Error};

/// The kind of the WAL entries of users, made or to be removed. It is in storage for ever.
pub const WAL_KIND: &str = "user";

/// A user that an engine makes for a lease, and all that is known to belong to it. WAL entries and lease records keep it,
/// so what it serializes to is stored for ever.
pub trait LeaseUser: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The service that has the user, as people call it: `RAM`.
    const SERVICE: &'static str;

    /// The name, which is never made twice.
    fn name(&self) -> &str;

    /// The cloud's own id of the user, which no renaming changes, where it is known.
    fn id(&self) -> Option<&str>;

    /// The account that the user was made in, where it is known.
    fn account(&self) -> Option<&str>;

    /// The user and what belongs to it, for an error: `user "x" and its policies ["y"]`.
    fn describe(&self) -> String;
}

/// How far the making of a user came: what an undo has to look at.
#[derive(Debug)]
pub struct Progress<U> {
    /// What was made, or may have been.
    pub user: U,
    /// Whether the user itself was made, or may have been.
    pub may_exist: bool,
    /// There is a user of somebody else by this name.
    pub name_taken: bool,
    /// An answer was lost. The call may still be on its way, and make what an undo right now does not find.
    pub unsure: bool,
}

/// A removal that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Whether the user was there.
    pub user_found: bool,
    /// Whether everything that was to be removed was there, the user included if it was to be removed.
    pub all_found: bool,
}

/// Makes and removes users in one cloud with the credentials of one mount. Each call ends by the context's deadline.
#[async_trait]
pub trait Issuer: Send + Sync {
    /// What is stored of a user.
    type User: LeaseUser;
    /// A user that is to be made.
    type Plan: Send + Sync;
    /// What the caller gets.
    type Key: Send + Sync;

    /// The account that the credentials belong to, unless the cloud did not tell.
    fn account(&self) -> Option<&str>;

    /// Everything that the plan is about to make.
    fn planned(&self, plan: &Self::Plan) -> Self::User;

    /// Makes the user, and waits for all of its calls even when one failed: an undo must not race with what is still
    /// under way. `progress` is kept up to date; its user begins as the [planned](Self::planned) one, is narrowed down to
    /// what may exist, and is complete in the end.
    ///
    /// # Errors
    /// What the cloud refused, for the caller.
    async fn make(
        &self,
        context: &Context,
        plan: &Self::Plan,
        progress: &mut Progress<Self::User>,
    ) -> Result<Self::Key, Error>;

    /// Removes the user and all that belongs to it. What is gone counts as removed, so that it can be repeated.
    ///
    /// # Errors
    /// The first thing that could not be removed.
    async fn remove(&self, context: &Context, user: &Self::User) -> Result<Removed, Error>;

    /// Looks for a user that is not there by its name, and that may have renamed itself. Gives what is to be removed; an
    /// engine that cannot look finds nothing.
    ///
    /// # Errors
    /// The cloud did not answer. Credentials that may not look find nothing.
    async fn find_renamed(&self, _: &Context, _: &Self::User) -> Result<Option<Self::User>, Error> {
        Ok(None)
    }

    /// Removes what was made for the user beside it, and leaves the user. By default nothing is made beside it.
    ///
    /// # Errors
    /// The first thing that could not be removed.
    async fn remove_all_but_user(&self, _: &Context, _: &Self::User) -> Result<Removed, Error> {
        Ok(Removed {
            user_found: false,
            all_found: true,
        })
    }

    /// Whether there is a user by this name that is somebody else's. Where the engine or the mount's credentials cannot
    /// look, the name decides, which is never made twice.
    async fn is_foreign(&self, _: &Context, _: &Self::User) -> bool {
        false
    }
}
