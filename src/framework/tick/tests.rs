use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::framework::testing::{context_of, services};
use crate::framework::{
    Backend, BackendKind, DisplayAttributes, FixedSystem, Job, MemoryStorage, Operation, Request, Storage,
    StorageError, WalEntry,
};

const MINUTE: Duration = Duration::from_secs(60);

/// What an entry does when it is worked on.
#[derive(Clone, Copy)]
enum Entry {
    Goes,
    Fails,
    Hangs,
    Panics,
    Takes(Duration),
}

/// Entries by name; one that goes is removed.
#[derive(Default)]
struct Entries {
    entries: Mutex<std::collections::BTreeMap<String, Entry>>,
    tried: Mutex<Vec<String>>,
    at_work: AtomicUsize,
    most_at_work: AtomicUsize,
}

impl Entries {
    fn new(entries: impl IntoIterator<Item = (String, Entry)>) -> Arc<Self> {
        Arc::new(Self {
            entries: Mutex::new(entries.into_iter().collect()),
            ..Self::default()
        })
    }

    fn left(&self, prefix: &str) -> usize {
        let entries = self.entries.lock().unwrap();
        entries.keys().filter(|name| name.starts_with(prefix)).count()
    }

    fn tried(&self) -> Vec<String> {
        std::mem::take(&mut self.tried.lock().unwrap())
    }
}

#[async_trait]
impl Job for Entries {
    async fn due(&self, _: &Context) -> Result<Vec<String>, Error> {
        Ok(self.entries.lock().unwrap().keys().cloned().collect())
    }

    async fn work(&self, context: &Context, name: &str) -> Result<(), Error> {
        self.tried.lock().unwrap().push(name.to_owned());
        assert!(context.deadline().remaining() <= TICK_ENTRY);
        let at_work = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_work.fetch_max(at_work, Ordering::SeqCst);
        let entry = *self.entries.lock().unwrap().get(name).unwrap();
        let result = match entry {
            Entry::Goes => Ok(()),
            Entry::Fails => Err(Error::internal("refused")),
            Entry::Hangs => {
                self.at_work.fetch_sub(1, Ordering::SeqCst);
                std::future::pending().await
            }
            Entry::Panics => {
                self.at_work.fetch_sub(1, Ordering::SeqCst);
                panic!("it does")
            }
            Entry::Takes(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
        };
        self.at_work.fetch_sub(1, Ordering::SeqCst);
        if result.is_ok() {
            self.entries.lock().unwrap().remove(name);
        }
        result
    }
}

/// A backend and its storage, ticked as the host does.
struct Mount {
    backend: Backend,
    storage: Arc<dyn Storage>,
}

impl Mount {
    fn new(backend: Backend) -> Self {
        Self {
            backend,
            storage: Arc::new(MemoryStorage::default()),
        }
    }

    fn scheduled(every: Duration, job: &Arc<Entries>) -> Self {
        let backend = Backend::new(BackendKind::Secrets, "").metrics_path(DisplayAttributes::prefix("test"));
        Self::new(backend.schedule("test", every, Arc::clone(job) as Arc<dyn Job>))
    }

    fn context(&self, immediate: bool) -> Context {
        let mut request = Request::new(Operation::Rollback, "");
        if immediate {
            request.data.insert("immediate".to_owned(), json!(true));
        }
        let services = services(Arc::clone(&self.storage), FixedSystem::default());
        context_of(&self.backend, request, services, CancellationToken::new())
    }

    /// One tick; the time until the next one passes. Gives how long it took.
    async fn tick(&self, immediate: bool) -> Duration {
        let started = Instant::now();
        let ticked = self.backend.handle(self.context(immediate)).await.unwrap();
        assert!(ticked.is_none());
        let took = started.elapsed();
        tokio::time::advance(MINUTE.saturating_sub(took)).await;
        took
    }

    /// The values of a series of periodic jobs, as the path `metrics` shows them.
    async fn shown(&self, series: &str) -> Vec<f64> {
        let mut request = Request::new(Operation::Read, "metrics");
        request.data.insert("format".to_owned(), json!("json"));
        let services = services(Arc::clone(&self.storage), FixedSystem::default());
        let context = context_of(&self.backend, request, services, CancellationToken::new());
        let families = self.backend.handle(context).await.unwrap().unwrap().data.unwrap();
        let samples = &families[&format!("vault_plugin_alicloud_periodic_job_{series}")]["samples"];
        let samples = samples.as_array().unwrap().iter();
        samples.map(|sample| sample["value"].as_f64().unwrap()).collect()
    }

    async fn wal_entries(&self) -> usize {
        let listed: Result<Vec<String>, StorageError> = self.storage.list("wal/").await;
        listed.unwrap().len()
    }
}

fn named(prefix: &str, count: usize, entry: Entry) -> impl Iterator<Item = (String, Entry)> {
    (0..count).map(move |number| (format!("{prefix}-{number:03}"), entry))
}

#[tokio::test(start_paused = true)]
async fn entries_that_fail_or_hang_for_ever_hold_up_no_other_for_more_than_three_ticks() {
    for bad in [Entry::Fails, Entry::Hangs, Entry::Panics] {
        let job = Entries::new(named("a-bad", 60, bad).chain(named("b-good", 60, Entry::Goes)));
        let mount = Mount::scheduled(Duration::ZERO, &job);
        for _ in 0..3 {
            assert!(mount.tick(false).await <= MINUTE);
        }
        assert_eq!((job.left("b-good"), job.left("a-bad")), (0, 60));
    }
}

#[tokio::test(start_paused = true)]
async fn one_entry_that_hangs_costs_the_others_no_time() {
    let job = Entries::new(
        [("a".to_owned(), Entry::Hangs)]
            .into_iter()
            .chain(named("b", 500, Entry::Goes)),
    );
    let mount = Mount::scheduled(Duration::ZERO, &job);
    assert_eq!(mount.tick(false).await, TICK_ENTRY);
    assert_eq!(job.left("b"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_is_cut_off_is_gone_on_with_by_the_next() {
    // Each tick has time for 8 at a time, each of which takes 9 of the 50 seconds in which entries are begun.
    let job = Entries::new(named("e", 100, Entry::Takes(Duration::from_secs(9))));
    let mount = Mount::scheduled(Duration::from_secs(3600), &job);
    let mut seen = BTreeSet::new();
    for left in [52, 4, 0] {
        mount.tick(false).await;
        assert_eq!(job.left("e"), left);
        assert_eq!(mount.shown("entries_left").await, [left as f64]);
        for name in job.tried() {
            assert!(
                seen.insert(name.clone()),
                "{name} was tried again before its turn"
            );
        }
    }
    assert_eq!(job.most_at_work.load(Ordering::SeqCst), CONCURRENT);
    // Complete, cut off, not listed.
    assert_eq!(mount.shown("runs_total").await, [1.0, 2.0, 0.0]);
    assert_eq!(mount.shown("entries_processed_total").await, [100.0, 0.0]);
}

#[tokio::test(start_paused = true)]
async fn a_tick_looks_at_so_many_entries_and_the_next_goes_on() {
    let count = TOGETHER * 2 + 1;
    let job = Entries::new(named("e", count, Entry::Fails));
    let mount = Mount::scheduled(Duration::from_secs(3600), &job);
    let mut seen = BTreeSet::new();
    for (together, left) in [(TOGETHER, TOGETHER + 1), (TOGETHER, 1), (1, 0)] {
        mount.tick(false).await;
        let tried = job.tried();
        assert_eq!(tried.len(), together);
        seen.extend(tried);
        assert_eq!(mount.shown("entries_left").await, [left as f64]);
    }
    assert_eq!(seen.len(), count);
    // The mount goes away.
    mount.tick(true).await;
    assert_eq!(job.tried().len(), count);
}

#[tokio::test(start_paused = true)]
async fn the_cursor_passes_what_stays() {
    let job = Entries::new(named("e", 100, Entry::Hangs));
    let mount = Mount::scheduled(Duration::ZERO, &job);
    mount.tick(false).await;
    let first: BTreeSet<String> = job.tried().into_iter().collect();
    mount.tick(false).await;
    let second: BTreeSet<String> = job.tried().into_iter().collect();
    assert_eq!((first.len(), second.len()), (48, 48));
    assert!(first.is_disjoint(&second));
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_fails_is_tried_less_and_less_often_but_at_once_when_the_host_says_so() {
    let job = Entries::new(named("e", 1, Entry::Fails));
    let mount = Mount::scheduled(Duration::ZERO, &job);
    let mut tries = Vec::new();
    for minute in 0..240 {
        mount.tick(false).await;
        if !job.tried().is_empty() {
            tries.push(minute);
        }
    }
    assert_eq!(tries, [0, 1, 2, 4, 8, 16, 32, 64, 124, 184]);
    assert_eq!(mount.shown("entries_failing").await, [1.0]);
    mount.tick(true).await;
    assert_eq!(job.tried().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_rests_between_its_runs() {
    let job = Entries::new(named("e", 1, Entry::Fails));
    let mount = Mount::scheduled(Duration::from_secs(600), &job);
    let mut runs = Vec::new();
    for minute in 0..25 {
        mount.tick(false).await;
        if !job.tried().is_empty() {
            runs.push(minute);
        }
    }
    assert_eq!(runs, [0, 10, 20]);
}

#[tokio::test(start_paused = true)]
async fn jobs_share_a_tick_fairly() {
    let hanging = Entries::new(named("h", 500, Entry::Hangs));
    let other = Entries::new(named("o", 10, Entry::Goes));
    let backend = Backend::new(BackendKind::Secrets, "")
        .schedule("hanging", Duration::ZERO, Arc::clone(&hanging) as Arc<dyn Job>)
        .schedule("other", Duration::ZERO, Arc::clone(&other) as Arc<dyn Job>);
    let mount = Mount::new(backend);
    assert!(mount.tick(false).await <= MINUTE);
    assert_eq!(other.left("o"), 0);
}

#[tokio::test(start_paused = true)]
async fn each_wal_entry_goes_to_the_handler_of_its_kind_and_an_unknown_kind_stays() {
    let rolled_back: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = |prefix: &'static str| {
        move |noted: Arc<Mutex<Vec<String>>>, _: Context, data: u32| async move {
            if data == 13 {
                return Err(Error::internal("unlucky"));
            }
            noted.lock().unwrap().push(format!("{prefix}{data}"));
            Ok(())
        }
    };
    let backend = Backend::new(BackendKind::Secrets, "")
        .wal("user", &rolled_back, note("u"))
        .wal("key", &rolled_back, note("k"));
    let mount = Mount::new(backend);
    let context = mount.context(false);
    for (kind, data) in [("user", json!(1)), ("key", json!(2)), ("user", json!(13))] {
        let _kept = WalEntry::put(&context, kind, &data).await.unwrap();
    }
    let _kept = WalEntry::put(&context, "later", &json!({})).await.unwrap();
    let _kept = WalEntry::put(&context, "user", &json!("no number"))
        .await
        .unwrap();

    // They are too young.
    mount.tick(false).await;
    assert_eq!(mount.wal_entries().await, 5);
    mount.tick(true).await;
    let mut seen = rolled_back.lock().unwrap().clone();
    seen.sort();
    assert_eq!(seen, ["k2", "u1"]);
    assert_eq!(mount.wal_entries().await, 3);
}

#[tokio::test(start_paused = true)]
async fn wal_entries_that_hang_for_ever_do_not_hold_up_the_others() {
    let done = Arc::new(AtomicUsize::new(0));
    let backend = Backend::new(BackendKind::Secrets, "").wal(
        "user",
        &done,
        |done: Arc<AtomicUsize>, _, hangs: bool| async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            done.fetch_add(1, Ordering::SeqCst);
            Ok(())
        },
    );
    let mount = Mount::new(backend);
    for (prefix, hangs) in [("a", true), ("b", false)] {
        for number in 0..60 {
            let stored = json!({"type": "user", "data": hangs, "created_at": 1}).to_string();
            let written: Result<(), StorageError> = mount
                .storage
                .put(&format!("wal/{prefix}{number:02}"), stored.into_bytes())
                .await;
            written.unwrap();
        }
    }
    for _ in 0..3 {
        assert!(mount.tick(false).await <= MINUTE);
    }
    assert_eq!(done.load(Ordering::SeqCst), 60);
    assert_eq!(mount.wal_entries().await, 60);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut progress = Progress::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _guard = runtime.enter();
    for number in 0..=REMEMBERED {
        progress.failed(&number.to_string());
    }
    assert_eq!(progress.failed.len(), REMEMBERED);
    progress.in_turn(vec!["7".to_owned()]);
    assert_eq!(progress.failed.len(), 1);
}
