//! RAM roles, as far as a session's length depends on them.

use serde::Deserialize;

use super::Ram;
use crate::cloud::{Parameters, Result};

#[derive(Deserialize)]
struct Role {
    #[serde(rename = "MaxSessionDuration")]
    max_session_seconds: Option<u32>,
}

impl Ram {
    /// The longest session of a role in seconds, 3,600 to 43,200, if the answer says so.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such role, and every other kind.
    pub async fn max_session_seconds(&self, role: &str) -> Result<Option<u32>> {
        let parameters = Parameters::new().with("RoleName", role);
        let role: Role = self.one("GetRole", parameters).await?;
        Ok(role.max_session_seconds)
    }
}
