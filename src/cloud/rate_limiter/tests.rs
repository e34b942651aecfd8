//! Rate limiters against a paused clock.

use super::*;

/// Begins calls until the time is over; the moments at which they began, in seconds.
async fn run_for(limiter: &Arc<RateLimiter>, priority: Priority, time: Duration) -> Vec<f64> {
    let start = Instant::now();
    let mut begun = Vec::new();
    while tokio::time::timeout_at(start + time, limiter.wait(priority, false))
        .await
        .is_ok()
    {
        begun.push(start.elapsed().as_secs_f64());
    }
    begun
}

fn limiter(documented: u32) -> Arc<RateLimiter> {
    Arc::new(RateLimiter::new(documented))
}

#[tokio::test(start_paused = true)]
async fn no_second_has_more_calls_than_the_documents_allow() {
    let begun = run_for(&limiter(10), Priority::Foreground, Duration::from_secs(20)).await;
    for (call, tenth_later) in begun.iter().zip(begun.iter().skip(10)) {
        assert!(tenth_later - call > 1.05, "{call} and {tenth_later}");
    }
    assert!(begun.len() >= 180, "{}", begun.len());
    // A role with ten policies need not wait.
    assert!(begun[9] < 0.01);
}

#[tokio::test(start_paused = true)]
async fn calls_that_come_close_to_each_other_begin_together_in_the_next_window() {
    let limiter = limiter(2);
    let wait = || limiter.wait(Priority::Foreground, false);
    wait().await;
    tokio::time::advance(TOGETHER / 2).await;
    wait().await;
    let start = Instant::now();
    tokio::join!(wait(), wait());
    assert_eq!(start.elapsed(), WINDOW - TOGETHER / 2);
    assert!(WINDOW - TOGETHER > Duration::from_millis(1050));
}

#[tokio::test(start_paused = true)]
async fn throttling_slows_the_limiter_and_time_restores_the_documented_rate() {
    let limiter = limiter(10);
    for _ in 0..5 {
        // Calls that were throttled together count once.
        limiter.throttled(None);
    }
    assert_eq!(limiter.rate().current, 7.5);
    for _ in 0..20 {
        tokio::time::advance(WINDOW).await;
        limiter.throttled(None);
    }
    assert!(limiter.rate().current < 5.0);
    let begun = run_for(&limiter, Priority::Foreground, Duration::from_secs(20)).await;
    assert_eq!(limiter.rate().current, 10.0);
    assert!((150..180).contains(&begun.len()), "{}", begun.len());
}

#[tokio::test(start_paused = true)]
async fn repeated_throttling_never_stops_the_limiter() {
    let limiter = limiter(10);
    for _ in 0..100 {
        limiter.wait(Priority::Foreground, true).await;
        limiter.throttled(None);
    }
    assert!(limiter.rate().current >= 1.0);
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_asks_to_wait_stops_the_limiter_within_reason() {
    let limiter = limiter(10);
    for (asked, least) in [(2, 2), (3600, 30)] {
        limiter.throttled(Some(Duration::from_secs(asked)));
        let start = Instant::now();
        limiter.wait(Priority::Foreground, false).await;
        assert!(start.elapsed() >= Duration::from_secs(least));
        assert!(start.elapsed() < Duration::from_secs(least + 2));
    }
}

#[tokio::test(start_paused = true)]
async fn foreground_goes_first_and_background_is_not_starved() {
    let limiter = limiter(10);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut calls = Vec::new();
    for (priority, count) in [(Priority::Background, 100), (Priority::Foreground, 60)] {
        for number in 0..count {
            let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
            calls.push(tokio::spawn(async move {
                limiter.wait(priority, false).await;
                order.lock().unwrap().push((priority, number));
            }));
            // Each queues before the next comes.
            tokio::task::yield_now().await;
        }
    }
    for call in calls {
        call.await.unwrap();
    }
    let order = order.lock().unwrap();
    let numbers = |wanted| {
        let of_class = order.iter().filter(move |(priority, _)| *priority == wanted);
        of_class.map(|(_, number)| *number).collect::<Vec<i32>>()
    };
    for class in [Priority::Foreground, Priority::Background] {
        assert!(numbers(class).is_sorted(), "first come, first served");
    }
    // The first ten found the queue empty.
    let contested = &order[10..];
    let last_in_front = contested
        .iter()
        .rposition(|(priority, _)| *priority == Priority::Foreground)
        .unwrap();
    let behind = contested[..last_in_front]
        .iter()
        .filter(|(priority, _)| *priority == Priority::Background);
    assert!((15..=25).contains(&behind.count()), "{contested:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_does_not_queue_again() {
    let limiter = limiter(10);
    let waiting: Vec<_> = (0..200)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { limiter.wait(Priority::Background, false).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    limiter.wait(Priority::Background, true).await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    for call in waiting {
        call.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaves_the_queue() {
    let limiter = limiter(1);
    limiter.wait(Priority::Foreground, false).await;
    let waiting: Vec<_> = [Priority::Foreground, Priority::Background]
        .into_iter()
        .cycle()
        .take(20)
        .map(|priority| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { limiter.wait(priority, false).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for call in waiting {
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
    let start = Instant::now();
    limiter.wait(Priority::Background, false).await;
    assert!(start.elapsed() <= WINDOW, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn limiters_are_shared_by_account_and_operation_and_are_not_kept_for_ever() {
    let limiters = RateLimiters::default();
    let (one, other): (Arc<str>, Arc<str>) = ("LTAI1".into(), "LTAI2".into());
    let limiter = limiters.get(&one, "DeleteUser", 20);
    assert!(Arc::ptr_eq(&limiter, &limiters.get(&one, "DeleteUser", 20)));
    assert!(!Arc::ptr_eq(&limiter, &limiters.get(&other, "DeleteUser", 20)));
    assert!(!Arc::ptr_eq(&limiter, &limiters.get(&one, "CreateUser", 20)));
    for number in 0..1000 {
        limiters.get(&format!("LTAI-{number}").into(), "DeleteUser", 20);
    }
    assert!(limiters.0.lock().unwrap().len() <= MAX_LIMITERS);
    assert!(
        Arc::ptr_eq(&limiter, &limiters.get(&one, "DeleteUser", 20)),
        "it is in use"
    );
}
