use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::*;
use crate::framework::Kind;

const COUNTED: [RequestClass; 5] = [
    RequestClass::Login,
    RequestClass::Issue,
    RequestClass::CloudCall,
    RequestClass::Revoke,
    RequestClass::Storage,
];

fn cloud_call() -> Bounds {
    Bounds::of(RequestClass::CloudCall).unwrap()
}

async fn enter(admission: &Admission, class: RequestClass, keys: &[&str]) -> Result<Permit, Error> {
    let mut ticket = admission.ticket(class, Deadline::after(class.budget()))?;
    ticket.reserve(2048).await?;
    ticket
        .permit(keys.iter().map(ToString::to_string).collect())
        .await
}

fn is_busy(result: Result<Permit, Error>) -> bool {
    matches!(result, Err(error) if error.kind() == Kind::Coded(Status::UNAVAILABLE))
}

#[tokio::test(start_paused = true)]
async fn no_class_can_use_up_the_permits_of_another() {
    for flooded in COUNTED {
        let admission = Admission::default();
        let mut held = Vec::new();
        let mut address = 0;
        // Each from another address, until none is left.
        while let Ok(Ok(permit)) = timeout(
            Duration::from_millis(1),
            enter(&admission, flooded, &[&address.to_string()]),
        )
        .await
        {
            held.push(permit);
            address += 1;
        }
        let started = Instant::now();
        for class in COUNTED.into_iter().filter(|class| *class != flooded) {
            let _permit = enter(&admission, class, &["0"]).await.unwrap();
        }
        for class in [RequestClass::Tick, RequestClass::Static] {
            let _permit = enter(&admission, class, &[]).await.unwrap();
        }
        assert_eq!(started.elapsed(), Duration::ZERO, "{flooded:?}");
        assert!(is_busy(enter(&admission, flooded, &["0"]).await));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_finds_no_permit_waits_and_one_too_many_is_refused_at_once() {
    let admission = Arc::new(Admission::default());
    let mut held = Vec::new();
    for _ in 0..cloud_call().permits {
        held.push(enter(&admission, RequestClass::CloudCall, &[]).await.unwrap());
    }
    let waiting: Vec<_> = (0..cloud_call().queue)
        .map(|_| {
            let admission = Arc::clone(&admission);
            tokio::spawn(async move { enter(&admission, RequestClass::CloudCall, &[]).await.map(drop) })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let started = Instant::now();
    let error = enter(&admission, RequestClass::CloudCall, &[])
        .await
        .err()
        .unwrap();
    assert_eq!(started.elapsed(), Duration::ZERO);
    for number in ["32", "128", "look at the cloud"] {
        assert!(error.message().contains(number), "{error}");
    }
    held.pop();
    for waited in waiting {
        waited.await.unwrap().unwrap();
    }
    drop(held);
    // Whoever gives up leaves the queue.
    let all = &admission.0[&RequestClass::CloudCall];
    assert_eq!(
        all.admitted.available_permits(),
        cloud_call().permits + cloud_call().queue
    );
    assert_eq!(all.small_kib.available_permits(), SMALL_KIB);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_queue_timeout_and_leaves_nothing_behind() {
    let admission = Admission::default();
    let mut held = Vec::new();
    for _ in 0..cloud_call().permits {
        held.push(enter(&admission, RequestClass::CloudCall, &[]).await.unwrap());
    }
    let started = Instant::now();
    assert!(is_busy(enter(&admission, RequestClass::CloudCall, &[]).await));
    assert_eq!(started.elapsed(), budget::QUEUE);
}

/// More requests of one key than a class lets in, which hang for ever.
fn flood(admission: &Arc<Admission>, class: RequestClass, key: &'static str) -> JoinSet<Result<(), Error>> {
    let mut requests = JoinSet::new();
    for _ in 0..700 {
        let admission = Arc::clone(admission);
        requests.spawn(async move {
            let _permit = enter(&admission, class, &[key]).await?;
            std::future::pending().await
        });
    }
    requests
}

#[tokio::test(start_paused = true)]
async fn one_role_cannot_hold_all_permits_for_credentials() {
    let admission = Arc::new(Admission::default());
    let _flood = flood(&admission, RequestClass::Issue, "mount/creds/a");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let started = Instant::now();
    let others = (0..64).map(|_| enter(&admission, RequestClass::Issue, &["mount/creds/b"]));
    let held = futures_util::future::join_all(others).await;
    assert!(held.iter().all(Result::is_ok));
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn one_path_cannot_hold_all_permits_for_cloud_calls() {
    let admission = Arc::new(Admission::default());
    let _flood = flood(&admission, RequestClass::CloudCall, "mount/rotate-role/a");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let started = Instant::now();
    let mut held = Vec::new();
    for path in ["mount/config", "mount/rotate-role/b", "other/rotate-role/a"] {
        held.push(enter(&admission, RequestClass::CloudCall, &[path]).await.unwrap());
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert!(is_busy(
        enter(&admission, RequestClass::CloudCall, &["mount/rotate-role/a"]).await
    ));
}

#[tokio::test(start_paused = true)]
async fn one_address_or_role_cannot_hold_all_permits_for_logins() {
    let admission = Arc::new(Admission::default());
    // Logins from one address that hang for ever.
    let flood: Vec<_> = (0..700)
        .map(|_| {
            let admission = Arc::clone(&admission);
            tokio::spawn(async move {
                let _permit = enter(&admission, RequestClass::Login, &["address a", "role r"]).await?;
                std::future::pending::<Result<(), Error>>().await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let started = Instant::now();
    let good = enter(&admission, RequestClass::Login, &["address b", "role s"])
        .await
        .unwrap();
    assert_eq!(started.elapsed(), Duration::ZERO);
    flood.iter().for_each(tokio::task::JoinHandle::abort);
    for aborted in flood {
        drop(aborted.await);
    }
    drop(good);
    assert!(admission.0[&RequestClass::Login].keys.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_bodies_hold_is_bounded() {
    let admission = Admission::default();
    let deadline = || Deadline::after(budget::REQUEST);
    let mut held = Vec::new();
    let refused = loop {
        let mut ticket = admission.ticket(RequestClass::Login, deadline()).unwrap();
        match ticket.reserve(SMALL).await {
            Ok(()) => held.push(ticket),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), Kind::Coded(Status::UNAVAILABLE));
    assert!(held.len() * SMALL <= 4 << 20, "{}", held.len());
    let mut large = Vec::new();
    for _ in 0..LARGE_PERMITS {
        let mut ticket = admission.ticket(RequestClass::Storage, deadline()).unwrap();
        ticket.reserve(1 << 20).await.unwrap();
        large.push(ticket);
    }
    let mut ticket = admission.ticket(RequestClass::Storage, deadline()).unwrap();
    assert!(
        timeout(Duration::from_secs(1), ticket.reserve(1 << 20))
            .await
            .is_err()
    );
    let mut ticket = admission.ticket(RequestClass::Storage, deadline()).unwrap();
    ticket.reserve(SMALL).await.unwrap();
}
