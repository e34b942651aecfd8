//! Freshness, sharing and patience.

use std::sync::Mutex as Lock;

use super::*;
use crate::alicloud::testing::Standing;

/// Gives credentials that live so long, or fails; counts.
#[derive(Debug, Clone, Default)]
struct Source(Arc<Lock<(usize, Option<Duration>)>>, Standing);

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
