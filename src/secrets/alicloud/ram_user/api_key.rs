//! API keys of RAM users for single services (service credentials): how they are made, and what a lease of one holds.

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::alicloud::Subject;
use crate::alicloud::ims::{Ims, NewServiceCredential, ServiceName};
use crate::cloud::timestamp;
use crate::framework::{Context, Error, LeaseTerms, object};
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::key_expiration::{EXPIRATION, within};
use crate::secrets::alicloud::ram_user::attachments::{is_unsettled, principal_name};
use crate::secrets::alicloud::ram_user::plan::{ApiKeyPlan, Plan};
use crate::secrets::alicloud::role::credential_type::DAY;
use crate::secrets::lease::settled;

/// In the data of an answer, and in a lease. The Go plugin has no such leases.
pub(in crate::secrets::alicloud) const ID: &str = "service_credential_id";

/// An API key that is to be made, and whose it is to be.
pub(super) struct NewApiKey<'a> {
    plan: &'a ApiKeyPlan,
    /// RAM's name of the user, and that of IMS.
    user: &'a str,
    principal: String,
}

/// An API key that was made.
pub(in crate::secrets::alicloud) struct ApiKey {
    credential: NewServiceCredential,
    service: ServiceName,
    /// When it ends by itself.
    expiration: OffsetDateTime,
}

/// Asks IMS how it calls the user. `None`: the plan has no API key.
///
/// # Errors
/// IMS does not tell.
pub(super) async fn api_key<'a>(
    ims: &Ims,
    context: &Context,
    plan: &'a Plan,
    user_id: Option<&str>,
) -> Result<Option<NewApiKey<'a>>, Error> {
    let Some(wanted) = &plan.api_key else {
        return Ok(None);
    };
    Ok(Some(NewApiKey {
        plan: wanted,
        user: &plan.user,
        principal: principal_name(ims, context, user_id).await?,
    }))
}

impl NewApiKey<'_> {
    /// Makes the key. It is called as its user is.
    ///
    /// # Errors
    /// What IMS refused. There may be a key that nobody knows.
    pub(super) async fn make(&self, ims: &Ims, context: &Context) -> Result<ApiKey, Error> {
        let ApiKeyPlan { service, days } = self.plan;
        let begin = context.clock.now();
        let credential = settled(context, is_unsettled(&[Subject::User]), || {
            ims.create_only_service_credential(&self.principal, service, self.user, *days)
        })
        .await
        .map_err(failed_call)?;
        Ok(ApiKey {
            expiration: credential
                .expiration
                .unwrap_or_else(|| begin + DAY * u32::from(*days)),
            credential,
            service: service.clone(),
        })
    }
}

impl ApiKey {
    /// What the caller gets.
    pub(in crate::secrets::alicloud) fn data(&self) -> Map<String, Value> {
        object([
            (ID, Value::from(self.credential.id.as_str())),
            (
                "service_credential_secret",
                self.credential.secret.expose_secret().into(),
            ),
            ("service_name", self.service.as_str().into()),
            (EXPIRATION, timestamp(self.expiration).into()),
        ])
    }

    /// What the lease has to know later.
    pub(in crate::secrets::alicloud) fn internal(&self) -> Map<String, Value> {
        object([
            (ID, Value::from(self.credential.id.as_str())),
            (EXPIRATION, timestamp(self.expiration).into()),
        ])
    }

    /// The terms of a lease that begins now, within the key's life.
    pub(in crate::secrets::alicloud) fn limit(
        &self,
        terms: LeaseTerms,
        now: OffsetDateTime,
    ) -> (LeaseTerms, Option<String>) {
        within(terms, self.expiration, now)
    }
}
