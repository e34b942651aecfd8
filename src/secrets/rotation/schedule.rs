//! When the next rotation is. Times are seconds since 1970.
//!
//! The next time is planned ahead and stored. A restart changes nothing about it, what was missed while nothing ran is made up
//! for once, and rotations that are carried out late do not move those that follow.

use std::iter;
use std::time::Duration;

use crate::secrets::rotation::cron::Cron;

/// How many times of a schedule are looked at for the shortest time between two: more than a day of hours, and a month of days.
const GAPS: usize = 64;

/// How rotations follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// One after each period, which is longer than zero.
    Every(Duration),
    /// At the times of a cron schedule.
    At {
        /// The times.
        cron: Cron,
        /// How long after such a time a rotation may begin. Without, until it succeeds.
        window: Option<Duration>,
    },
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing: the planned time is yet to come.
    NotYet,
    /// A rotation, which was planned for this time.
    Due(u64),
    /// The window of the planned time is over: the next time is this.
    Missed(u64),
    /// There is no plan, or it was made by a clock that was wrong: the next time is this.
    Unplanned(u64),
}

impl Schedule {
    /// What is to be done now, where the next rotation is planned for that time.
    pub fn turn(&self, planned: Option<u64>, now: u64) -> Turn {
        match planned {
            None => Turn::Unplanned(self.next_after(now)),
            // A clock that goes right has planned no later than for the next time. One time more is let through: a clock that
            // was set back a little must not rotate twice for one time.
            Some(planned) if planned > self.next_after(self.next_after(now)) => {
                Turn::Unplanned(self.next_after(now))
            }
            Some(planned) if planned > now => Turn::NotYet,
            Some(planned) => match self {
                Self::At {
                    window: Some(window), ..
                } if now > planned.saturating_add(window.as_secs()) => Turn::Missed(self.next_after(now)),
                _ => Turn::Due(planned),
            },
        }
    }

    /// The time of the rotation that follows one which was planned for a time and is done now.
    pub fn following(&self, planned: u64, now: u64) -> u64 {
        match self {
            Self::Every(period) => {
                let period = period.as_secs().max(1);
                let missed = now.saturating_sub(planned) / period;
                planned.saturating_add(period.saturating_mul(missed.saturating_add(1)))
            }
            Self::At { .. } => self.next_after(planned.max(now)),
        }
    }

    /// The shortest time between two rotations, as far as the next ones show it.
    pub fn shortest_gap(&self, now: u64) -> Duration {
        match self {
            Self::Every(period) => *period,
            Self::At { cron, .. } => {
                let times = iter::successors(cron.next_after(now), |time| cron.next_after(*time));
                let times: Vec<_> = times.take(GAPS).collect();
                let gaps = times.iter().zip(times.iter().skip(1));
                let shortest = gaps.map(|(one, two)| two - one).min();
                shortest.map_or(Duration::MAX, Duration::from_secs)
            }
        }
    }

    /// The first time after now, where nothing was planned or a rotation was asked for.
    pub fn next_after(&self, now: u64) -> u64 {
        match self {
            Self::Every(period) => now.saturating_add(period.as_secs().max(1)),
            Self::At { cron, .. } => cron.next_after(now).unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    /// 2024-01-01T00:00:00Z, in a leap year.
    const NEW_YEAR: u64 = 1_704_067_200;

    fn at(cron: &str, window: Option<u64>) -> Schedule {
        Schedule::At {
            cron: cron.parse().unwrap(),
            window: window.map(Duration::from_secs),
        }
    }

    /// Ticks at these times, in order. The times for which rotations were planned, with the time at which they were done.
    fn rotations(schedule: &Schedule, ticks: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
        let mut planned = None;
        let mut done = Vec::new();
        for now in ticks {
            match schedule.turn(planned, now) {
                Turn::NotYet => {}
                Turn::Due(time) => {
                    done.push((time, now));
                    planned = Some(schedule.following(time, now));
                }
                Turn::Missed(next) | Turn::Unplanned(next) => planned = Some(next),
            }
        }
        done
    }

    #[test]
    fn a_leap_year_has_a_rotation_each_day_of_a_daily_schedule_and_of_a_daily_period() {
        // Divides no day: within a year, ticks come at each second of it, the planned one among them.
        const TICK: usize = 359;
        let ticks = || (NEW_YEAR..=NEW_YEAR + 366 * DAY).step_by(TICK);
        for schedule in [
            at("0 2 * * *", None),
            at("0 2 * * *", Some(HOUR)),
            Schedule::Every(Duration::from_secs(DAY)),
        ] {
            let done = rotations(&schedule, ticks());
            let offset = done[0].0 % DAY;
            let expected = if let Schedule::Every(_) = schedule {
                365
            } else {
                366
            };
            assert_eq!(done.len(), expected, "{schedule:?}");
            for (day, (time, now)) in done.iter().enumerate() {
                assert_eq!(*time, done[0].0 + u64::try_from(day).unwrap() * DAY);
                assert!(
                    time % DAY == offset && now - time < TICK as u64,
                    "{schedule:?}: {time} at {now}"
                );
            }
        }
        // The first tick of the next year is after the 366th period has ended.
        let done = rotations(&at("0 0 29 * *", None), ticks());
        assert_eq!(done.len(), 12);
    }

    #[test]
    fn the_shortest_time_between_two_rotations_is_found() {
        for (schedule, gap) in [
            (Schedule::Every(Duration::from_secs(90)), 90),
            (at("0 2 * * *", None), DAY),
            (at("0 2,5 * * SUN", None), 3 * HOUR),
            (at("59 23 28 2 *", None), 365 * DAY),
        ] {
            assert_eq!(
                schedule.shortest_gap(NEW_YEAR),
                Duration::from_secs(gap),
                "{schedule:?}"
            );
        }
    }

    #[test]
    fn what_was_missed_while_nothing_ran_is_made_up_for_once() {
        for (schedule, next) in [
            (Schedule::Every(Duration::from_secs(DAY)), NEW_YEAR + 11 * DAY),
            (at("0 0 * * *", None), NEW_YEAR + 11 * DAY),
        ] {
            let planned = NEW_YEAR + DAY;
            let now = NEW_YEAR + 10 * DAY + HOUR;
            assert_eq!(schedule.turn(Some(planned), now), Turn::Due(planned));
            assert_eq!(schedule.following(planned, now), next);
        }
    }

    #[test]
    fn outside_of_the_window_the_next_time_counts() {
        let schedule = at("0 0 * * *", Some(HOUR));
        assert_eq!(
            schedule.turn(Some(NEW_YEAR), NEW_YEAR + HOUR),
            Turn::Due(NEW_YEAR)
        );
        assert_eq!(
            schedule.turn(Some(NEW_YEAR), NEW_YEAR + HOUR + 1),
            Turn::Missed(NEW_YEAR + DAY)
        );
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_rotates_once_for_each_time() {
        let schedule = at("0 2 * * *", None);
        let ticks = (NEW_YEAR..NEW_YEAR + 2 * HOUR + 3 * MINUTE)
            .step_by(60)
            .chain((NEW_YEAR + HOUR + 50 * MINUTE..NEW_YEAR + 3 * DAY).step_by(60));
        let times: Vec<_> = rotations(&schedule, ticks)
            .iter()
            .map(|(time, _)| *time)
            .collect();
        assert_eq!(times, [2, 26, 50].map(|hours| NEW_YEAR + hours * HOUR));
    }

    #[test]
    fn a_plan_of_a_clock_that_was_years_ahead_is_made_anew() {
        for schedule in [at("0 0 * * *", None), Schedule::Every(Duration::from_secs(DAY))] {
            let ahead = NEW_YEAR + 3 * 366 * DAY;
            let planned = schedule.following(NEW_YEAR + DAY, ahead);
            assert_eq!(
                schedule.turn(Some(planned), NEW_YEAR + 2 * DAY),
                Turn::Unplanned(NEW_YEAR + 3 * DAY)
            );
        }
    }

    proptest! {
        /// Whatever ticks, pauses and small steps of the clock there are, rotations keep to the grid of their times, and no
        /// time has two.
        #[test]
        fn no_time_has_two_rotations_and_none_is_off_the_grid(
            steps in proptest::collection::vec((-600_i64..5000, 0..20_u8), 1..400),
            period in 3600_u64..200_000,
            use_cron in any::<bool>(),
        ) {
            let schedule = if use_cron {
                at("17 */7 * * *", None)
            } else {
                Schedule::Every(Duration::from_secs(period))
            };
            let mut now = NEW_YEAR;
            // Now and then nothing runs for days.
            let ticks = steps.into_iter().map(|(step, pause)| {
                let step = if pause == 0 { step.abs() * 100 } else { step };
                now = now.saturating_add_signed(step);
                now
            });
            let done = rotations(&schedule, ticks);
            for (one, two) in done.iter().zip(done.iter().skip(1)) {
                prop_assert!(one.0 < two.0, "{done:?}");
                match &schedule {
                    Schedule::Every(_) => prop_assert_eq!((two.0 - one.0) % period, 0),
                    Schedule::At { .. } => prop_assert_eq!(two.0 % HOUR, 17 * MINUTE),
                }
            }
        }
    }
}
