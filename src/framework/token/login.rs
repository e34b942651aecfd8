//! What a role's token parameters mean for a login and for a renewal.

use std::net::IpAddr;

use crate::framework::error::{Error, Status};
use crate::framework::response::Auth;
use crate::framework::token::address::{self, BoundAddress};
use crate::framework::token::parameters::TokenParameters;

impl TokenParameters {
    /// Whether a login from this address may go on.
    ///
    /// # Errors
    /// "Permission denied" when there are bounds and the address is unknown or outside of all.
    pub fn check_address(&self, client: Option<&str>) -> Result<(), Error> {
        if self.addresses().is_empty() && !self.strictly_bind_ip {
            return Ok(());
        }
        let Some(client) = client.and_then(address::client) else {
            tracing::warn!(
                event = "client_address_missing",
                "a role has bound CIDRs, but the server did not say where the login came from"
            );
            return Err(denied(
                "the client's address is not known, and the role is bound to addresses",
            ));
        };
        let within = |addresses: &[BoundAddress]| addresses.iter().any(|bound| bound.contains(client));
        if self.addresses().is_empty() || within(self.addresses()) {
            return Ok(());
        }
        Err(denied(
            "the client's address is not within the role's token_bound_cidrs",
        ))
    }

    /// Fills in what the role says about the token. The alias must already be there; of its metadata, what is there
    /// stays.
    ///
    /// # Errors
    /// "Permission denied" when the token is to be bound to a client's address that is not known.
    pub fn populate(&self, auth: &mut Auth, client: Option<&str>) -> Result<(), Error> {
        auth.bound_cidrs = if self.strictly_bind_ip {
            let address: Option<IpAddr> = client.and_then(address::client);
            vec![
                address
                    .ok_or_else(|| denied("the client's address is not known"))?
                    .to_string(),
            ]
        } else {
            self.addresses().iter().map(ToString::to_string).collect()
        };
        auth.explicit_max_ttl = self.explicit_max_ttl;
        auth.lease.max_ttl = self.max_ttl;
        auth.no_default_policy = self.no_default_policy;
        auth.period = self.period;
        auth.policies = self.policies.clone().unwrap_or_default();
        auth.lease.renewable = true;
        auth.token_type = self.token_type;
        auth.lease.ttl = self.ttl;
        auth.num_uses = self.num_uses;
        if let Some(alias) = &mut auth.alias {
            for (name, value) in &self.alias_metadata {
                alias
                    .metadata
                    .entry(name.clone())
                    .or_insert_with(|| value.clone());
            }
        }
        Ok(())
    }

    /// Sets the terms of a token's renewal to what the role says now. Everything else of a token stays as its login
    /// made it.
    pub fn renew(&self, auth: &mut Auth) {
        auth.lease.ttl = self.ttl;
        auth.lease.max_ttl = self.max_ttl;
        auth.period = self.period;
    }
}

fn denied(reason: &str) -> Error {
    Error::coded(Status::FORBIDDEN, format!("permission denied: {reason}"))
}
