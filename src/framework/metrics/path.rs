//! `metrics`: what the mount and its process count.

use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;

use super::families::{Collect, Families};
use super::text::{CONTENT_TYPE, text};
use crate::framework::error::Error;
use crate::framework::field::{Field, FieldKind};
use crate::framework::path::{DisplayAttributes, HandlerResult, Path};
use crate::framework::request::{Context, Operation};
use crate::framework::response::Response;

const SYNOPSIS: &str = "Metrics of this mount and of its plugin process on this node.";

const DESCRIPTION: &str = "
Shows what has been counted since the plugin process began, in Prometheus' text format, or with \"format=json\" as the
data of an ordinary answer. Each node counts for itself. Nothing is read from storage: numbers of entries are those of
the last periodic run.

Let a scraper read it with a token whose policy has the capability \"read\" on this path. People use curl, or
\"read -format=raw\": without it, the command line expects JSON and fails at the first \"#\".
";

/// Everything that has metrics of one mount.
#[derive(Default)]
pub(in crate::framework) struct Registry(RwLock<Vec<Arc<dyn Collect>>>);

impl Registry {
    pub(in crate::framework) fn add(&self, collect: Arc<dyn Collect>) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(collect);
    }

    fn collect(&self, context: &Context) -> Families {
        let mut families = Families::default();
        context.collect_process(&mut families);
        for collect in &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            collect.collect(&mut families);
        }
        families
    }
}

/// The path of a mount. `display` is what the engine's OpenAPI operation ids begin with.
pub(in crate::framework) fn path(display: DisplayAttributes, registry: &Arc<Registry>) -> Path {
    Path::new("metrics")
        .field(
            Field::new("format", FieldKind::String)
                .describe("The format: \"prometheus\" (the default) or \"json\".")
                .allowed(&["prometheus", "json"])
                .in_query(),
        )
        .display(display.suffix("metrics"))
        .on(Operation::Read, registry, read)
        // Metrics must stay readable during a flood of requests.
        .needs_nothing()
        .help(SYNOPSIS, DESCRIPTION)
}

#[derive(Debug, Deserialize)]
struct Arguments {
    format: Option<String>,
}

async fn read(registry: Arc<Registry>, context: Context, arguments: Arguments) -> HandlerResult {
    let families = || registry.collect(&context);
    match arguments.format.as_deref().unwrap_or_default() {
        "" | "prometheus" => Ok(Some(Response::raw(CONTENT_TYPE, &text(&families())))),
        "json" => Ok(Some(Response::data(families().to_json()))),
        _ => Err(Error::bad_request(
            "unknown format: \"prometheus\" (the default) and \"json\" are supported",
        )),
    }
}
