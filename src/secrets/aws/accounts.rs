//! Which account the mount's credentials belong to.
//!
//! None of the ten operations asks that. IAM tells it by the way: with the ARN of each user that it makes, and of the
//! caller that it refuses. What was told is stored, for it does not change as long as the key is the same; and a key of
//! today, whose id holds its account, is taken for one of the same account as the key before it where that fits.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::framework::{Context, Error};

const KEY: &str = "root-account";

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    access_key: String,
    account_id: String,
}

/// What this process knows.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    known: Mutex<Option<Told>>,
}

impl Accounts {
    /// The account of an access key, if IAM has told it.
    ///
    /// # Errors
    /// Storage cannot be read.
    pub(super) async fn of(&self, context: &Context, access_key: &str) -> Result<Option<String>, Error> {
        let told = match self.known() {
            Some(told) if told.access_key == access_key => Some(told),
            // Another node may have been told more.
            _ => context.storage.get_json::<Told>(KEY).await?,
        };
        let Some(told) = told else { return Ok(None) };
        let same = told.access_key == access_key
            || account_in(access_key).is_some_and(|account| account == told.account_id);
        if same {
            self.remember(&told);
        }
        Ok(same.then_some(told.account_id))
    }

    /// IAM has told the account of an access key.
    ///
    /// # Errors
    /// Storage cannot be read or written.
    pub(super) async fn learn(
        &self,
        context: &Context,
        access_key: &str,
        account: &str,
    ) -> Result<(), Error> {
        let told = Told {
            access_key: access_key.to_owned(),
            account_id: account.to_owned(),
        };
        if self.known().as_ref() == Some(&told) {
            return Ok(());
        }
        context.storage.put_json(KEY, &told).await?;
        self.remember(&told);
        Ok(())
    }

    fn known(&self) -> Option<Told> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, told: &Told) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(told.clone());
    }
}

/// The account that the id of an access key holds, as ids do since 2019. No document of AWS says so: it is only compared.
///
/// Behind the four letters of its type an id has 16 digits to base 32, and the account is bits 1 to 40 of their 80.
fn account_in(access_key: &str) -> Option<String> {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digits = access_key
        .as_bytes()
        .get(4..)
        .filter(|digits| digits.len() == 16)?;
    let mut number: u128 = 0;
    for digit in digits {
        let value = DIGITS.iter().position(|known| known == digit)?;
        number = number << 5 | value as u128;
    }
    Some(format!("{:012}", number >> 39 & 0xff_ffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_today_hold_their_account() {
        // Published by AWS's users together with their accounts.
        assert_eq!(
            account_in("ASIAQNZGKIQY56JQ7WML").as_deref(),
            Some("029608264753")
        );
        for access_key in [
            "",
            "AKIA",
            "AKIAshort",
            "AKIA0000000000000000",
            "ülü1ABCDEFGHIJKLMNO",
        ] {
            assert_eq!(account_in(access_key), None, "{access_key}");
        }
    }
}
