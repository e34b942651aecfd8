//! The signatures that logged somebody in, so that none does so twice at this node.
//!
//! STS takes each nonce once, but V1 does not sign the host, and whether STS's hosts share their memory of nonces is not
//! documented. What is kept here holds for one process: other nodes of a cluster, and this node after a restart, have
//! only STS's rule and the `server_id`. Standbys hand logins on to the active node, so that it sees them all.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use time::OffsetDateTime;

use super::signed_request::Signature;
use crate::cloud::random;

/// How many signatures are kept. Each is kept for 20 minutes at most, so that these are 54 logins a second.
const LIMIT: usize = 65_536;

/// Half of a keyed hash: the key is drawn at the start, so that nobody can find two signatures with the same hash, or
/// learn a signature from the memory.
type Digest = [u8; 16];

/// The signatures of one process.
pub struct UsedSignatures {
    key: String,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Of logins that STS is being asked about. As many as there are permits for logins.
    in_use: HashSet<Digest>,
    used: HashSet<Digest>,
    /// The same as `used`, with the second in which they stop being good, earliest first.
    by_end: BTreeSet<(i64, Digest)>,
}

/// The signature logged somebody in before, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signed request was used before; sign a new one")]
pub(super) struct UsedBefore;

/// A signature that nobody else can use as long as this lives.
pub(super) struct InUse<'a> {
    signatures: &'a UsedSignatures,
    digest: Digest,
    good_until: i64,
}

impl UsedSignatures {
    /// No signature was used yet.
    ///
    /// # Errors
    /// The operating system gave no random bytes.
    pub fn new() -> Result<Self, getrandom::Error> {
        Ok(Self {
            key: random::nonce()?,
            kept: Mutex::default(),
        })
    }

    /// Begins to use a signature. If the login fails, it can be used again.
    pub(super) fn begin(&self, signature: &Signature, now: OffsetDateTime) -> Result<InUse<'_>, UsedBefore> {
        let digest = self.digest(signature.value());
        let mut kept = self.kept();
        kept.forget_until(now.unix_timestamp());
        if kept.used.contains(&digest) || !kept.in_use.insert(digest) {
            return Err(UsedBefore);
        }
        Ok(InUse {
            signatures: self,
            digest,
            good_until: signature.good_until().unix_timestamp(),
        })
    }

    fn digest(&self, signature: &str) -> Digest {
        #[allow(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(signature.as_bytes());
        let hash: [u8; 32] = mac.finalize().into_bytes().into();
        let mut digest = Digest::default();
        for (to, from) in digest.iter_mut().zip(hash) {
            *to = from;
        }
        digest
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Drops what is refused for its age by now.
    fn forget_until(&mut self, now: i64) {
        while let Some((end, digest)) = self.by_end.first().copied() {
            if end >= now {
                break;
            }
            self.forget(end, digest);
        }
    }

    fn forget(&mut self, end: i64, digest: Digest) {
        self.by_end.remove(&(end, digest));
        self.used.remove(&digest);
    }
}

impl InUse<'_> {
    /// The signature has logged somebody in, and is kept as long as its date is good. When there are too many, that one goes
    /// which is good for the shortest time: a login is never refused for the number of others.
    pub(super) fn accept(self) {
        // Dropped before `self`, which locks again.
        let mut kept = self.signatures.kept();
        if kept.used.len() >= LIMIT
            && let Some((end, digest)) = kept.by_end.first().copied()
        {
            kept.forget(end, digest);
        }
        kept.used.insert(self.digest);
        kept.by_end.insert((self.good_until, self.digest));
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        self.signatures.kept().in_use.remove(&self.digest);
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_709_251_199).unwrap()
    }

    fn signature(value: &str) -> Signature {
        Signature::of(value, now())
    }

    fn log_in(signatures: &UsedSignatures, value: &str, at: OffsetDateTime) -> Result<(), UsedBefore> {
        signatures.begin(&signature(value), at).map(InUse::accept)
    }

    #[test]
    fn a_signature_logs_in_once() {
        let signatures = UsedSignatures::new().unwrap();
        assert_eq!(log_in(&signatures, "one", now()), Ok(()));
        assert_eq!(log_in(&signatures, "one", now()), Err(UsedBefore));
        assert_eq!(log_in(&signatures, "two", now()), Ok(()));
        // Until the last second in which its date is good.
        let last = now() + Duration::minutes(15);
        assert_eq!(log_in(&signatures, "one", last), Err(UsedBefore));
    }

    #[test]
    fn the_second_of_two_at_the_same_time_is_refused() {
        let signatures = UsedSignatures::new().unwrap();
        let first = signatures.begin(&signature("one"), now()).unwrap();
        assert!(signatures.begin(&signature("one"), now()).is_err());
        assert!(signatures.begin(&signature("two"), now()).is_ok());
        // A login that failed may be tried again; STS decides whether it saw the nonce.
        drop(first);
        assert!(signatures.begin(&signature("one"), now()).is_ok());
    }

    #[test]
    fn nothing_is_kept_of_logins_that_fail_nor_of_dates_that_are_past() {
        let signatures = UsedSignatures::new().unwrap();
        for value in 0..100 {
            drop(signatures.begin(&signature(&value.to_string()), now()).unwrap());
        }
        assert!(signatures.kept().used.is_empty() && signatures.kept().in_use.is_empty());
        for value in 0..100 {
            log_in(&signatures, &value.to_string(), now()).unwrap();
        }
        let later = now() + Duration::minutes(16);
        signatures
            .begin(&Signature::of("later", later), later)
            .unwrap()
            .accept();
        let kept = signatures.kept();
        assert_eq!((kept.used.len(), kept.by_end.len(), kept.in_use.len()), (1, 1, 0));
    }

    #[test]
    fn with_too_many_the_one_that_ends_first_goes() {
        let signatures = UsedSignatures::new().unwrap();
        for value in 0..=LIMIT {
            let at = now() + Duration::milliseconds(i64::try_from(value).unwrap());
            signatures
                .begin(&Signature::of(&value.to_string(), at), now())
                .unwrap()
                .accept();
        }
        let kept = signatures.kept();
        assert_eq!((kept.used.len(), kept.by_end.len()), (LIMIT, LIMIT));
        drop(kept);
        let last = Signature::of(&LIMIT.to_string(), now());
        assert!(signatures.begin(&last, now()).is_err());
    }
}
