//! The metrics of the process, which all its mounts show.

use std::sync::Arc;

use super::admission::Admission;
use crate::cloud::{Clock as _, SystemClock};
use crate::framework::{Collect, Families};

/// What the process is, and the requests that it admits.
pub(super) struct ProcessMetrics {
    version: &'static str,
    /// In seconds since 1970.
    started_at: f64,
    admission: Arc<Admission>,
}

impl ProcessMetrics {
    /// Of a process that begins now.
    pub(super) fn new(version: &'static str, admission: &Arc<Admission>) -> Self {
        Self {
            version,
            started_at: SystemClock.now().unix_timestamp() as f64,
            admission: Arc::clone(admission),
        }
    }
}

impl Collect for ProcessMetrics {
    fn collect(&self, families: &mut Families) {
        families
            .gauge("build_info", "Always 1; the version of the plugin is a label.")
            .sample(&[("version", self.version)], 1.0);
        families
            .gauge(
                "process_start_time_seconds",
                "When the plugin process began, since 1970. All counters began at zero then.",
            )
            .sample(&[], self.started_at);
        self.admission.collect(families);
    }
}
