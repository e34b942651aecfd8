//! Freshness, sharing, and pauses after failures.

use std::sync::Mutex as Lock;

use super::*;
use crate::cloud::testing::FixedClock;

/// Gives credentials that live so long, or fails; counts.
#[derive(Debug, Clone, Default)]
struct Source(Arc<Lock<(usize, Option<Duration>)>>, FixedClock);

#[async_trait]
impl Provider for Source {
    async fn load(&self) -> Outcome {
        tokio::time::sleep(Pause::from_millis(100)).await;
        let mut inner = self.0.lock().unwrap();
        inner.0 += 1;
        let lifetime = inner.1.ok_or_else(|| ProviderError::new("test", "broken"))?;
        let mut credentials = Credentials::new(format!("key-{}", inner.0), "secret");
        credentials.expiration = Some(self.1.now() + lifetime);
        Ok(Some(credentials))
    }
}

impl Source {
    fn set(&self, lifetime: Option<Duration>) {
        self.0.lock().unwrap().1 = lifetime;
    }

    fn loads(&self) -> usize {
        self.0.lock().unwrap().0
    }
}

fn cached(lifetime: Duration) -> (Source, Cached<Source>) {
    let source = Source::default();
    source.set(Some(lifetime));
    let clock = Arc::new(source.1.clone());
    (source.clone(), Cached::new(source, clock))
}

async fn key(cached: &Cached<Source>) -> String {
    cached.load().await.unwrap().unwrap().access_key_id
}

#[tokio::test(start_paused = true)]
async fn they_are_refreshed_ahead_of_their_end() {
    let (source, cached) = cached(Duration::hours(6));
    assert_eq!(key(&cached).await, "key-1");
    source.1.advance(Duration::minutes(344));
    assert_eq!(key(&cached).await, "key-1");
    source.1.advance(Duration::minutes(2));
    assert_eq!(key(&cached).await, "key-2");
}

#[tokio::test(start_paused = true)]
async fn a_short_session_is_fresh_for_four_fifths_of_its_life() {
    let (source, cached) = cached(Duration::minutes(15));
    key(&cached).await;
    source.1.advance(Duration::minutes(11));
    assert_eq!(key(&cached).await, "key-1");
    source.1.advance(Duration::minutes(2));
    assert_eq!(key(&cached).await, "key-2");
}

#[tokio::test(start_paused = true)]
async fn many_callers_share_one_refresh() {
    let (source, cached) = cached(Duration::hours(1));
    let cached = Arc::new(cached);
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let cached = Arc::clone(&cached);
            tokio::spawn(async move { key(&cached).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "key-1");
    }
    assert_eq!(source.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_one_refreshes_the_others_use_the_old_ones() {
    let (source, cached) = cached(Duration::hours(1));
    key(&cached).await;
    source.1.advance(Duration::minutes(55));
    let (first, second) = tokio::join!(key(&cached), key(&cached));
    assert_eq!((first.as_str(), second.as_str()), ("key-2", "key-1"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_keeps_the_old_ones_to_their_end_and_not_longer() {
    let (source, cached) = cached(Duration::hours(1));
    key(&cached).await;
    source.set(None);
    source.1.advance(Duration::minutes(55));
    assert_eq!(key(&cached).await, "key-1");
    // The source is left alone for a while.
    let loads = source.loads();
    assert_eq!(key(&cached).await, "key-1");
    assert_eq!(source.loads(), loads);
    source.1.advance(Duration::minutes(5));
    assert!(cached.load().await.is_err());
    tokio::time::advance(Pause::from_secs(61)).await;
    source.set(Some(Duration::hours(1)));
    assert!(cached.load().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_remembered_for_a_while() {
    let (source, cached) = cached(Duration::hours(1));
    source.set(None);
    for _ in 0..10 {
        assert_eq!(cached.load().await.unwrap_err().to_string(), "test: broken");
    }
    assert_eq!(source.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_refresh_leaves_the_cache_usable() {
    let (source, cached) = cached(Duration::hours(1));
    assert!(
        tokio::time::timeout(Pause::from_millis(10), cached.load())
            .await
            .is_err()
    );
    assert_eq!(source.loads(), 0);
    assert_eq!(key(&cached).await, "key-1");
}

/// As `Source`, looked at every five seconds; says what it is told to about changes, and counts the looks.
#[derive(Debug, Clone, Default)]
struct Watched(Source, Arc<Lock<(usize, bool)>>);

#[async_trait]
impl Provider for Watched {
    async fn load(&self) -> Outcome {
        self.0.load().await
    }

    fn look_every(&self) -> Option<Pause> {
        Some(Pause::from_secs(5))
    }

    async fn has_changed(&self) -> bool {
        let mut inner = self.1.lock().unwrap();
        inner.0 += 1;
        inner.1
    }
}

fn watched() -> (Watched, Cached<Watched>) {
    let source = Watched::default();
    source.0.set(Some(Duration::hours(6)));
    let clock = Arc::new(source.0.1.clone());
    (source.clone(), Cached::new(source, clock))
}

async fn id(cached: &Cached<Watched>) -> String {
    cached.load().await.unwrap().unwrap().access_key_id
}

#[tokio::test(start_paused = true)]
async fn a_change_is_noticed_at_the_next_look_by_one_caller() {
    let (source, cached) = watched();
    assert_eq!(id(&cached).await, "key-1");
    source.1.lock().unwrap().1 = true;
    tokio::time::advance(Pause::from_secs(4)).await;
    assert_eq!(
        (id(&cached).await.as_str(), source.1.lock().unwrap().0),
        ("key-1", 0)
    );
    tokio::time::advance(Pause::from_secs(2)).await;
    let (looks, others) = tokio::join!(id(&cached), id(&cached));
    assert_eq!((looks.as_str(), others.as_str()), ("key-2", "key-1"));
    assert_eq!(source.1.lock().unwrap().0, 1);
    assert_eq!(id(&cached).await, "key-2");
}

#[tokio::test(start_paused = true)]
async fn no_change_is_no_load() {
    let (source, cached) = watched();
    id(&cached).await;
    for looks in 1..4 {
        tokio::time::advance(Pause::from_secs(6)).await;
        assert_eq!(id(&cached).await, "key-1");
        assert_eq!(id(&cached).await, "key-1");
        assert_eq!((source.0.loads(), source.1.lock().unwrap().0), (1, looks));
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_keeps_what_there_is() {
    let (source, cached) = watched();
    id(&cached).await;
    source.1.lock().unwrap().1 = true;
    source.0.set(None);
    tokio::time::advance(Pause::from_secs(6)).await;
    assert_eq!(id(&cached).await, "key-1");
    source.0.set(Some(Duration::hours(6)));
    tokio::time::advance(Pause::from_secs(2)).await;
    assert_eq!(id(&cached).await, "key-3");
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_refused_is_replaced_at_once_for_everybody() {
    let (source, cached) = cached(Duration::hours(1));
    let refused = cached.load().await.unwrap().unwrap();
    cached.invalidate(&refused);
    let (first, second) = tokio::join!(key(&cached), key(&cached));
    assert_eq!((first.as_str(), second.as_str()), ("key-2", "key-2"));
    // Late news of the old ones says nothing about the new.
    cached.invalidate(&refused);
    assert_eq!((key(&cached).await.as_str(), source.loads()), ("key-2", 2));
    // The new ones may be refused too, at once.
    let refused = cached.load().await.unwrap().unwrap();
    cached.invalidate(&refused);
    assert_eq!(key(&cached).await, "key-3");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_nothing_better_is_asked_every_few_seconds() {
    /// Gives the same for ever.
    #[derive(Debug, Clone, Default)]
    struct Same(Source);
    #[async_trait]
    impl Provider for Same {
        async fn load(&self) -> Outcome {
            let mut found = self.0.load().await;
            if let Ok(Some(credentials)) = &mut found {
                credentials.access_key_id = "same".to_owned();
            }
            found
        }
    }
    let same = Same::default();
    same.0.set(Some(Duration::hours(1)));
    let cached = Cached::new(same.clone(), Arc::new(same.0.1.clone()));
    for _ in 0..10 {
        let found = cached.load().await.unwrap().unwrap();
        cached.invalidate(&found);
    }
    assert_eq!(same.0.loads(), 2);
    tokio::time::advance(Pause::from_secs(6)).await;
    cached.invalidate(&cached.load().await.unwrap().unwrap());
    cached.load().await.unwrap();
    assert_eq!(same.0.loads(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_while_the_source_is_down_leaves_the_old_ones_in_use() {
    let (source, cached) = cached(Duration::hours(1));
    let refused = cached.load().await.unwrap().unwrap();
    source.set(None);
    cached.invalidate(&refused);
    assert_eq!(key(&cached).await, "key-1");
    source.set(Some(Duration::hours(1)));
    tokio::time::advance(Pause::from_secs(2)).await;
    assert_eq!(key(&cached).await, "key-3");
}
