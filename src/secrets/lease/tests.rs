//! Leases over any vendor: a cloud in memory, a host that may not take what it asked for, and a clock that is set.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::cloud::testing::FixedClock;
use crate::cloud::{Clock as _, Deadline, budget};
use crate::framework::{
    Context, Error, FixedSystem, Job as _, LeaseTerms, MemoryStorage, Operation, Request, Services, testing,
};
use crate::secrets::lease::cleanup::CleanUp;
use crate::secrets::lease::{self, Issuer, LeaseEngine, LeaseUser, Progress, Removed, issue, renew, revoke};

const HERE: &str = "1234567890123456";

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct User {
    user_name: String,
    user_id: Option<String>,
    account_id: Option<String>,
}

impl LeaseUser for User {
    const SERVICE: &'static str = "the cloud";

    fn name(&self) -> &str {
        &self.user_name
    }

    fn id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    fn account(&self) -> Option<&str> {
        self.account_id.as_deref()
    }

    fn describe(&self) -> String {
        self.user_name.clone()
    }
}

/// The users of the cloud by account and name, with their ids.
type Users = Arc<Mutex<BTreeMap<(String, String), String>>>;

#[derive(Debug, Clone, Default)]
struct Credentials {
    account: Option<String>,
    /// What STS would tell.
    of: String,
    users: Users,
}

#[async_trait]
impl Issuer for Credentials {
    type User = User;
    type Plan = String;
    type Key = ();

    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    fn planned(&self, plan: &String) -> User {
        User {
            user_name: plan.clone(),
            user_id: None,
            account_id: self.account.clone(),
        }
    }

    async fn make(&self, _: &Context, plan: &String, progress: &mut Progress<User>) -> Result<(), Error> {
        let id = format!("id of {plan}");
        self.users
            .lock()
            .unwrap()
            .insert((self.of.clone(), plan.clone()), id.clone());
        progress.may_exist = true;
        progress.user.user_id = Some(id);
        Ok(())
    }

    async fn remove(&self, _: &Context, user: &User) -> Result<Removed, Error> {
        let key = (self.of.clone(), user.user_name.clone());
        let user_found = self.users.lock().unwrap().remove(&key).is_some();
        Ok(Removed {
            user_found,
            all_found: user_found,
        })
    }

    async fn find_renamed(&self, _: &Context, user: &User) -> Result<Option<User>, Error> {
        let users = self.users.lock().unwrap();
        let found = users
            .iter()
            .find(|((account, _), id)| *account == self.of && Some(*id) == user.user_id.as_ref());
        Ok(found.map(|((_, name), _)| User {
            user_name: name.clone(),
            ..user.clone()
        }))
    }
}

#[derive(Debug, Default)]
struct Engine {
    now: Credentials,
    previous: Option<Credentials>,
    mount: lease::Mount,
}

#[async_trait]
impl LeaseEngine for Engine {
    type Issuer = Credentials;

    async fn issuer(&self, _: &Context) -> Result<Credentials, Error> {
        Ok(self.now.clone())
    }

    async fn previous_issuer(&self, _: &Context) -> Result<Option<Credentials>, Error> {
        Ok(self.previous.clone())
    }

    fn advice_for_account(&self, _: &Context, account: &str) -> String {
        format!("configure account {account} again")
    }

    fn mount(&self) -> &lease::Mount {
        &self.mount
    }
}

struct Mount {
    engine: Arc<Engine>,
    clean_up: CleanUp<Engine>,
    clock: FixedClock,
    services: Services,
}

impl Mount {
    fn new() -> Self {
        let clock = FixedClock::default();
        let services = Services {
            clock: Arc::new(clock.clone()),
            ..testing::services(Arc::new(MemoryStorage::default()), FixedSystem::default())
        };
        let engine = Engine {
            now: credentials(Some(HERE), HERE, Users::default()),
            ..Engine::default()
        };
        Self::with(engine, clock, services)
    }

    fn with(engine: Engine, clock: FixedClock, services: Services) -> Self {
        let engine = Arc::new(engine);
        Self {
            clean_up: CleanUp::new(&engine),
            engine,
            clock,
            services,
        }
    }

    /// The same storage and cloud under a new process, with these credentials.
    fn restarted(self, now: Credentials, previous: Option<Credentials>) -> Self {
        let engine = Engine {
            now,
            previous,
            ..Engine::default()
        };
        Self::with(engine, self.clock, self.services)
    }

    fn context(&self) -> Context {
        Context::new(
            Request::new(Operation::Read, "creds/dev"),
            self.services.clone(),
            Deadline::after(budget::REQUEST),
            CancellationToken::new(),
        )
    }

    fn users(&self) -> Users {
        Arc::clone(&self.engine.now.users)
    }

    fn has(&self, user: &str) -> bool {
        let users = self.users();
        let users = users.lock().unwrap();
        users.keys().any(|(_, name)| name == user)
    }

    async fn issue(&self, user: &str, terms: LeaseTerms) -> User {
        let plan = || Ok(user.to_owned());
        let (user, ()) = issue(&self.engine.now, &self.context(), terms, plan)
            .await
            .unwrap();
        user
    }

    async fn revoke(&self, user: &User) -> Result<(), Error> {
        revoke(&*self.engine, &self.context(), user).await
    }

    /// A tick that looks at every record. Its failures are for the log.
    async fn tick(&self) {
        let context = self.context();
        for user in self.clean_up.due(&context).await.unwrap() {
            let _ = self.clean_up.work(&context, &user).await;
        }
    }

    async fn records(&self) -> Vec<String> {
        self.services.storage.list("issued/").await.unwrap()
    }
}

fn credentials(account: Option<&str>, of: &str, users: Users) -> Credentials {
    Credentials {
        account: account.map(str::to_owned),
        of: of.to_owned(),
        users,
    }
}

const TERMS: LeaseTerms = LeaseTerms {
    ttl: Duration::from_secs(3600),
    max_ttl: Duration::from_secs(86_400),
};

/// What may happen to a lease.
#[derive(Debug, Clone)]
enum Event {
    /// The host asks for a renewal, and takes the answer or not.
    Renewal {
        increment: u64,
        taken: bool,
    },
    /// Time passes.
    Wait(u64),
    Tick,
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (prop_oneof![Just(0), 1..100_u64, 1..100_000_u64], any::<bool>())
            .prop_map(|(increment, taken)| Event::Renewal { increment, taken }),
        3 => prop_oneof![1..700_u64, 1..10_000_u64].prop_map(Event::Wait),
        3 => Just(Event::Tick),
        1 => Just(Event::Restart),
    ]
}

/// The host's own lease: when it ends, unless it is renewed. In seconds.
struct HostLease {
    issued: i64,
    ends: i64,
}

impl HostLease {
    fn renew(&mut self, now: i64, granted: i64) {
        let longest = self.issued + i64::try_from(TERMS.max_ttl.as_secs()).unwrap();
        self.ends = (now + granted).min(longest);
    }
}

async fn live(events: Vec<Event>) {
    let mut mount = Mount::new();
    let now = |mount: &Mount| mount.clock.now().unix_timestamp();
    let user = mount.issue("vault-u", TERMS).await;
    let ttl = i64::try_from(TERMS.ttl.as_secs()).unwrap();
    let mut lease = HostLease {
        issued: now(&mount),
        ends: now(&mount) + ttl,
    };
    for event in events {
        match event {
            Event::Renewal { increment, taken } if now(&mount) < lease.ends => {
                let granted = if increment == 0 {
                    TERMS.ttl.as_secs()
                } else {
                    increment
                };
                let (kept, context) = (&mount.engine.mount, mount.context());
                let asked = Duration::from_secs(granted);
                renew(
                    kept,
                    &context,
                    user.clone(),
                    asked,
                    TERMS.max_ttl,
                    Some(lease.issued),
                )
                .await
                .unwrap();
                if taken {
                    lease.renew(now(&mount), i64::try_from(granted).unwrap());
                }
            }
            Event::Renewal { .. } => {}
            Event::Wait(seconds) => mount
                .clock
                .advance(time::Duration::seconds(i64::try_from(seconds).unwrap())),
            Event::Tick => mount.tick().await,
            Event::Restart => {
                let now = mount.engine.now.clone();
                mount = mount.restarted(now, None);
            }
        }
        assert!(
            mount.has("vault-u") || now(&mount) >= lease.ends,
            "the user of a living lease was removed"
        );
    }
    // A lease that the host has lost is cleaned up in the end.
    mount.clock.advance(time::Duration::days(2));
    mount.tick().await;
    assert!(!mount.has("vault-u"));
    assert!(mount.records().await.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_order_of_events_ends_a_living_lease(events in prop::collection::vec(event(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(live(events));
    }
}

#[tokio::test]
async fn an_ended_record_of_an_earlier_process_is_extended_once() {
    let mount = Mount::new();
    mount.issue("vault-u", TERMS).await;
    mount.clock.advance(time::Duration::seconds(3600 + 601));
    let now = mount.engine.now.clone();
    let mount = mount.restarted(now, None);
    for _ in 0..3 {
        mount.tick().await;
        assert!(
            mount.has("vault-u"),
            "the Go plugin may have renewed it meanwhile"
        );
    }
    mount.clock.advance(time::Duration::seconds(3600 + 601));
    mount.tick().await;
    assert!(!mount.has("vault-u"));
}

#[tokio::test]
async fn a_user_is_removed_in_its_own_account_only() {
    let mount = Mount::new();
    let user = mount.issue("vault-u", TERMS).await;
    assert_eq!(user.account_id.as_deref(), Some(HERE));
    let users = mount.users();
    let other = credentials(Some("99"), "99", Arc::clone(&users));
    let mount = mount.restarted(other.clone(), None);
    let error = mount.revoke(&user).await.unwrap_err();
    for text in [HERE, "99", "configure account 1234567890123456 again"] {
        assert!(error.message().contains(text), "{error}");
    }
    mount.clock.advance(time::Duration::days(2));
    mount.tick().await;
    assert!(mount.has("vault-u"));
    assert_eq!(mount.records().await, ["vault-u"]);
    // The credentials of before are told, too.
    let mount = mount.restarted(other, Some(credentials(Some(HERE), HERE, users)));
    mount.revoke(&user).await.unwrap();
    assert!(!mount.has("vault-u"));
    assert!(mount.records().await.is_empty());
}

#[tokio::test]
async fn a_lease_that_says_no_account_is_bound_to_the_first_one() {
    let mount = Mount::new();
    let user = mount.issue("vault-u", TERMS).await;
    let old = User {
        account_id: None,
        ..user
    };
    mount
        .engine
        .mount
        .binding
        .bind(&mount.context(), HERE)
        .await
        .unwrap();
    let other = credentials(Some("99"), "99", mount.users());
    let mount = mount.restarted(other, None);
    let error = mount.revoke(&old).await.unwrap_err();
    assert!(error.message().contains(HERE), "{error}");
    assert!(mount.has("vault-u"));
}

#[tokio::test]
async fn while_the_account_is_not_told_only_what_is_found_is_done() {
    let mount = Mount::new();
    let user = mount.issue("vault-u", TERMS).await;
    let gone = User {
        user_name: "vault-gone".to_owned(),
        user_id: Some("id of vault-gone".to_owned()),
        ..user.clone()
    };
    let silent = credentials(None, HERE, mount.users());
    let mount = mount.restarted(silent, None);
    mount.revoke(&user).await.unwrap();
    assert!(!mount.has("vault-u"));
    let error = mount.revoke(&gone).await.unwrap_err();
    assert!(error.message().contains("repeated"), "{error}");
    // What is issued meanwhile says no account, and is revoked as before.
    let user = mount.issue("vault-v", TERMS).await;
    assert_eq!(user.account_id, None);
    mount.revoke(&user).await.unwrap();
    assert!(!mount.has("vault-v"));
}

#[tokio::test]
async fn a_user_that_renamed_itself_goes_with_its_lease() {
    let mount = Mount::new();
    let user = mount.issue("vault-u", TERMS).await;
    let id = user.user_id.clone().unwrap();
    let users = mount.users();
    users
        .lock()
        .unwrap()
        .remove(&(HERE.to_owned(), "vault-u".to_owned()));
    users
        .lock()
        .unwrap()
        .insert((HERE.to_owned(), "mallory".to_owned()), id);
    mount.revoke(&user).await.unwrap();
    assert!(!mount.has("mallory"));
    assert!(mount.records().await.is_empty());
}
