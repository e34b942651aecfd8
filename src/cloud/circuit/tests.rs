//! Circuits against a paused clock.

use tokio::time::{advance, sleep};

use super::*;

fn circuit() -> Arc<Circuit> {
    Arc::new(Circuit::new(&Endpoint::parse("sts.example.com").unwrap()))
}

fn late() -> Error {
    Error::new(Kind::Timeout, "X", "no answer in time")
}

/// A request that fails after so long.
async fn fails_after(circuit: &Circuit, time: Duration) {
    let attempt = circuit.enter().await.unwrap();
    sleep(time).await;
    attempt.failed(&late());
}

#[tokio::test(start_paused = true)]
async fn requests_for_a_host_that_answers_queue_and_all_pass() {
    let circuit = circuit();
    let requests: Vec<_> = (0..200)
        .map(|_| {
            let circuit = Arc::clone(&circuit);
            tokio::spawn(async move {
                let attempt = circuit.enter().await?;
                sleep(Duration::from_millis(1500)).await;
                attempt.answered();
                Ok::<(), Silent>(())
            })
        })
        .collect();
    for request in requests {
        request.await.unwrap().unwrap();
    }
    assert_eq!(circuit.permits.available_permits(), IN_FLIGHT);
}

#[tokio::test(start_paused = true)]
async fn requests_for_a_silent_host_do_not_queue() {
    let circuit = circuit();
    let mut hanging = Vec::new();
    for _ in 0..IN_FLIGHT {
        hanging.push(circuit.enter().await.unwrap());
    }
    let start = Instant::now();
    assert_eq!(circuit.enter().await.err(), Some(Silent));
    assert_eq!(start.elapsed(), SILENCE);
    assert_eq!(circuit.enter().await.err(), Some(Silent));
    assert_eq!(start.elapsed(), SILENCE);
    // One that is answered makes way for another.
    hanging.pop().unwrap().answered();
    assert!(circuit.enter().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_circuit_opens_and_lets_one_at_a_time_try_again() {
    let circuit = circuit();
    for _ in 0..FAILURES {
        fails_after(&circuit, Duration::from_secs(10)).await;
    }
    let start = Instant::now();
    assert_eq!(circuit.enter().await.err(), Some(Silent));
    assert_eq!(start.elapsed(), Duration::ZERO);
    advance(FIRST_PAUSE).await;
    let tries = circuit.enter().await.unwrap();
    assert_eq!(circuit.enter().await.err(), Some(Silent));
    sleep(Duration::from_secs(10)).await;
    tries.failed(&late());
    advance(FIRST_PAUSE).await;
    assert_eq!(circuit.enter().await.err(), Some(Silent), "the pause has doubled");
    advance(FIRST_PAUSE).await;
    circuit.enter().await.unwrap().answered();
    assert!(circuit.enter().await.is_ok() && circuit.state().failures == 0);
}

#[tokio::test(start_paused = true)]
async fn requests_that_hang_together_open_a_circuit_once() {
    let circuit = circuit();
    let mut hanging = Vec::new();
    for _ in 0..IN_FLIGHT {
        hanging.push(circuit.enter().await.unwrap());
    }
    sleep(Duration::from_secs(10)).await;
    for attempt in hanging {
        attempt.failed(&late());
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(circuit.enter().await.err(), Some(Silent));
    advance(FIRST_PAUSE).await;
    circuit.enter().await.unwrap().answered();
}

#[tokio::test(start_paused = true)]
async fn pauses_are_bounded() {
    let circuit = circuit();
    for _ in 0..50 {
        advance(MAX_PAUSE).await;
        fails_after(&circuit, Duration::from_secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_hold_nobody_up_open_no_circuit() {
    let circuit = circuit();
    for _ in 0..100 {
        fails_after(&circuit, Duration::from_millis(10)).await;
    }
    assert!(circuit.enter().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_dropped_count_too() {
    let circuit = circuit();
    for _ in 0..FAILURES {
        let attempt = circuit.enter().await.unwrap();
        sleep(Duration::from_secs(5)).await;
        drop(attempt);
    }
    assert_eq!(circuit.enter().await.err(), Some(Silent));
}

#[test]
fn circuits_are_shared_and_not_kept_for_ever() {
    let circuits = Circuits::default();
    let of = |number: u32| circuits.get(&Endpoint::parse(&format!("sts-{number}.example.com")).unwrap());
    let kept = of(0);
    assert!(Arc::ptr_eq(&kept, &of(0)));
    for number in 1..1000 {
        of(number);
    }
    assert!(circuits.0.lock().unwrap().len() <= MAX_CIRCUITS);
    assert!(Arc::ptr_eq(&kept, &of(0)), "it is in use");
}
