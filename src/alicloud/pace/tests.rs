//! Lines against a paused clock.

use super::*;

/// Lets calls pass until the time is over; the moments at which they began, in seconds.
async fn pass_for(line: &Arc<Line>, priority: Priority, time: Duration) -> Vec<f64> {
    let start = Instant::now();
    let mut begun = Vec::new();
    while tokio::time::timeout_at(start + time, line.pass(priority, false))
        .await
        .is_ok()
    {
        begun.push(start.elapsed().as_secs_f64());
    }
    begun
}

fn line(documented: f64) -> Arc<Line> {
    Arc::new(Line::new(documented))
}

#[tokio::test(start_paused = true)]
async fn no_second_has_more_calls_than_the_documents_allow() {
    let begun = pass_for(&line(10.0), Priority::Foreground, Duration::from_secs(20)).await;
    for (call, tenth_later) in begun.iter().zip(begun.iter().skip(10)) {
        assert!(tenth_later - call > 1.05, "{call} and {tenth_later}");
    }
    assert!(begun.len() >= 180, "{}", begun.len());
    // A role with ten policies need not wait.
    assert!(begun[9] < 0.01);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_slows_the_line_and_time_heals_it() {
    let line = line(10.0);
    for _ in 0..5 {
        // Calls that were refused together count once.
        line.was_throttled(None);
    }
    assert_eq!(line.pace().rate, 7.5);
    for _ in 0..20 {
        tokio::time::advance(WINDOW).await;
        line.was_throttled(None);
    }
    assert!(line.pace().rate < 5.0);
    let begun = pass_for(&line, Priority::Foreground, Duration::from_secs(20)).await;
    assert_eq!(line.pace().rate, 10.0);
    assert!((150..180).contains(&begun.len()), "{}", begun.len());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_repeated_never_stops_the_line() {
    let line = line(10.0);
    for _ in 0..100 {
        line.pass(Priority::Foreground, true).await;
        line.was_throttled(None);
    }
    assert!(line.pace().rate >= 1.0);
}

#[tokio::test(start_paused = true)]
async fn the_wish_of_the_cloud_closes_the_line_within_reason() {
    let line = line(10.0);
    for (wish, least) in [(2, 2), (3600, 30)] {
        line.was_throttled(Some(Duration::from_secs(wish)));
        let start = Instant::now();
        line.pass(Priority::Foreground, false).await;
        assert!(start.elapsed() >= Duration::from_secs(least));
        assert!(start.elapsed() < Duration::from_secs(least + 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_is_used_up_grows_until_it_is_refused_and_then_stays() {
    let line = line(10.0);
    let keep_busy = async |time: Duration| {
        let end = Instant::now() + time;
        let mut calls = 0;
        while Instant::now() < end {
            line.pass(Priority::Foreground, false).await;
            line.went_well();
            calls += 1;
        }
        calls
    };
    assert!(keep_busy(Duration::from_secs(30)).await > 500);
    let grown = line.pace().rate;
    assert!(grown > 30.0);
    line.was_throttled(None);
    keep_busy(Duration::from_secs(30)).await;
    assert_eq!(line.pace().rate, grown * SLOWED);
    keep_busy(CAUTION).await;
    assert!(line.pace().rate > grown * SLOWED);
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_is_not_used_up_does_not_grow() {
    let line = line(10.0);
    for _ in 0..300 {
        line.pass(Priority::Foreground, false).await;
        line.went_well();
        tokio::time::advance(Duration::from_millis(200)).await;
    }
    assert_eq!(line.pace().rate, 10.0);
}

#[tokio::test(start_paused = true)]
async fn foreground_goes_first_and_background_is_not_starved() {
    let line = line(10.0);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut calls = Vec::new();
    for (priority, count) in [(Priority::Background, 100), (Priority::Foreground, 60)] {
        for number in 0..count {
            let (line, order) = (Arc::clone(&line), Arc::clone(&order));
            calls.push(tokio::spawn(async move {
                line.pass(priority, false).await;
                order.lock().unwrap().push((priority, number));
            }));
            // Each stands in line before the next comes.
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
    // The first ten found the line empty.
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
async fn a_call_that_comes_again_does_not_stand_in_line_again() {
    let line = line(10.0);
    let waiting: Vec<_> = (0..200)
        .map(|_| {
            let line = Arc::clone(&line);
            tokio::spawn(async move { line.pass(Priority::Background, false).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    line.pass(Priority::Background, true).await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    for call in waiting {
        call.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_gives_the_place_back() {
    let line = line(1.0);
    line.pass(Priority::Foreground, false).await;
    let waiting: Vec<_> = [Priority::Foreground, Priority::Background]
        .into_iter()
        .cycle()
        .take(20)
        .map(|priority| {
            let line = Arc::clone(&line);
            tokio::spawn(async move { line.pass(priority, false).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for call in waiting {
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
    let start = Instant::now();
    line.pass(Priority::Background, false).await;
    assert!(start.elapsed() <= WINDOW, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn lines_are_shared_by_account_and_operation_and_are_not_kept_for_ever() {
    let lines = Lines::default();
    let (one, other): (Arc<str>, Arc<str>) = ("LTAI1".into(), "LTAI2".into());
    let line = lines.line(&one, "DeleteUser");
    assert!(Arc::ptr_eq(&line, &lines.line(&one, "DeleteUser")));
    assert!(!Arc::ptr_eq(&line, &lines.line(&other, "DeleteUser")));
    assert!(!Arc::ptr_eq(&line, &lines.line(&one, "CreateUser")));
    for number in 0..1000 {
        lines.line(&format!("LTAI-{number}").into(), "DeleteUser");
    }
    assert!(lines.0.lock().unwrap().len() <= LINES);
    assert!(
        Arc::ptr_eq(&line, &lines.line(&one, "DeleteUser")),
        "it is in use"
    );
}

#[test]
fn every_operation_has_a_rate() {
    for (operation, rate) in [
        ("AttachPolicyToUser", 10.0),
        ("DetachPolicyFromUser", 10.0),
        ("CreateUser", 20.0),
        ("DeleteAccessKey", 20.0),
        ("ListAccessKeys", 100.0),
        ("GetCallerIdentity", 100.0),
        ("AssumeRoleWithOIDC", 100.0),
    ] {
        assert_eq!(documented(operation), rate, "{operation}");
    }
}
