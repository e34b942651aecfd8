//! Metrics as they are shown: families, by name, of samples with labels.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::values::Durations;

/// What the name of every family begins with. It is that of the product, and the same for all mounts: a mount is told by a
/// label that whoever scrapes it gives.
pub(super) const PREFIX: &str = "vault_plugin_alicloud_";

/// A name and a value, both constants of the code.
pub type Label = (&'static str, &'static str);

/// Something that has metrics.
pub trait Collect: Send + Sync {
    /// Adds what they are now.
    fn collect(&self, families: &mut Families);
}

/// Nothing to add.
impl Collect for () {
    fn collect(&self, _: &mut Families) {}
}

/// Families by name, without the common prefix.
#[derive(Debug, Default)]
pub struct Families(BTreeMap<&'static str, Family>);

/// Samples of one name.
#[derive(Debug)]
pub struct Family {
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    pub(super) samples: Vec<Sample>,
}

/// One number.
#[derive(Debug)]
pub(super) struct Sample {
    /// What follows the family's name.
    pub(super) suffix: &'static str,
    pub(super) labels: Vec<Label>,
    pub(super) value: f64,
}

/// The types of Prometheus' text format that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    /// Without quantiles: a sum and a count.
    Summary,
}

impl Kind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Summary => "summary",
        }
    }
}

impl Families {
    /// A family of counters, whose name ends with `_total`. It is the same for everybody who names it.
    pub fn counter(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(Kind::Counter, name, help)
    }

    /// A family of gauges. A name with a unit ends with `_seconds` or `_bytes`.
    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(Kind::Gauge, name, help)
    }

    /// A family of durations in seconds.
    pub(super) fn summary(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(Kind::Summary, name, help)
    }

    fn family(&mut self, kind: Kind, name: &'static str, help: &'static str) -> &mut Family {
        self.0.entry(name).or_insert_with(|| Family {
            kind,
            help,
            samples: Vec::new(),
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Family)> {
        self.0.iter().map(|(name, family)| (*name, family))
    }

    /// As the data of an answer: an object by name.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let of_family = |family: &Family| {
            let samples = family.samples.iter().map(|sample| {
                let labels: Map<_, _> = sample
                    .labels
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), Value::from(*value)))
                    .collect();
                match sample.suffix.strip_prefix('_') {
                    None => json!({ "labels": labels, "value": sample.value }),
                    Some(part) => json!({ "labels": labels, "part": part, "value": sample.value }),
                }
            });
            json!({
                "type": family.kind.word(),
                "help": family.help,
                "samples": samples.collect::<Vec<_>>(),
            })
        };
        self.iter()
            .map(|(name, family)| (format!("{PREFIX}{name}"), of_family(family)))
            .collect()
    }
}

impl Family {
    /// Adds a number. What is not known has no sample, and neither has what is no number.
    pub fn sample(&mut self, labels: &[Label], value: impl Into<Option<f64>>) {
        self.part("", labels, value.into());
    }

    /// Adds a sum and a count.
    pub(super) fn durations(&mut self, labels: &[Label], durations: &Durations) {
        self.part("_sum", labels, Some(durations.seconds()));
        self.part("_count", labels, Some(durations.count()));
    }

    fn part(&mut self, suffix: &'static str, labels: &[Label], value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.samples.push(Sample {
                suffix,
                labels: labels.to_vec(),
                value,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_family_is_the_same_for_everybody_and_has_known_numbers_only() {
        let mut families = Families::default();
        families.gauge("a", "A.").sample(&[("x", "1")], 1.0);
        let family = families.gauge("a", "A.");
        family.sample(&[], None);
        family.sample(&[], f64::NAN);
        family.sample(&[], f64::INFINITY);
        family.sample(&[("x", "2")], Some(2.0));
        assert_eq!(
            Value::Object(families.to_json()),
            json!({ "vault_plugin_alicloud_a": { "type": "gauge", "help": "A.", "samples": [
                { "labels": { "x": "1" }, "value": 1.0 },
                { "labels": { "x": "2" }, "value": 2.0 },
            ] } })
        );
    }

    #[test]
    fn durations_are_a_sum_and_a_count() {
        let durations = Durations::default();
        durations.add(Duration::from_millis(500));
        let mut families = Families::default();
        families.summary("s", "S.").durations(&[], &durations);
        assert_eq!(
            families.to_json()["vault_plugin_alicloud_s"]["samples"],
            json!([
                { "labels": {}, "part": "sum", "value": 0.5 },
                { "labels": {}, "part": "count", "value": 1.0 },
            ])
        );
    }
}
