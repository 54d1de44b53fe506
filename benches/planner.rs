//! How soon the planner sees what happens: a seeded simulation, no network, no clock.
//!
//! Run with `cargo bench --bench planner`; a seed may be given as argument, then one agency size. For each agency size and rate it
//! prints the delay from a call-out within four hours of a start to the read that shows it, and from a missed
//! check-in's deadline to the first verdict that has its evidence; beside naive round robin, and beside an oracle
//! that knows which client changed and asks it in the next free slot. S is one naive sweep, clients / rate.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a simulation in seconds as floats; nothing here meets real input"
)]

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant as WallInstant},
};

use chrono::TimeDelta;
use chrono_tz::America::Denver;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use shiftwatch::{
    model::{AgencyName, ClientId, Instant, local_time::from_micros},
    source::{
        fetched::{Batch, Fetched, Read, Rows, Span},
        planner::{ClientPlan, Next, PlanSettings, Planner},
        status::EncounterScope,
    },
};

const SEED: u64 = 20_260_706;
/// Simulated time; what happens in the first part is not counted.
const WARM_UP: f64 = 6.0 * 3600.0;
const MEASURED: f64 = 24.0 * 3600.0;
/// The shipped rule's grace.
const GRACE: f64 = 15.0 * 60.0;
/// The shipped bands of uncovered shifts.
const BANDS: [f64; 4] = [72.0 * 3600.0, 24.0 * 3600.0, 4.0 * 3600.0, 0.0];

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let seed = numbers.next().unwrap_or(SEED);
    let only = numbers.next();
    println!("planner: delay from what happens to the read that shows it; seed {seed}");
    println!(
        "{} h simulated after {} h of warm-up; in seconds, and as a share of S\n",
        MEASURED / 3600.0,
        WARM_UP / 3600.0
    );
    println!(
        "{:>7} {:>5} {:>7} {:>7} | {:^31} | {:^31} | {:^15}",
        "clients", "req/s", "S", "within", "call-out: planner", "naive", "oracle"
    );
    println!(
        "{:>29} | {:>7} {:>7} {:>7} {:>7} | {:>7} {:>7} {:>7} {:>7} | {:>7} {:>7}",
        "", "p50", "p99", "p50/S", "p99/S", "p50", "p99", "p50/S", "p99/S", "p50", "p99"
    );
    let mut results = Vec::new();
    for n in [200, 2_000, 10_000].into_iter().filter(|n| only.is_none_or(|only| only == u64::from(*n))) {
        for rate in [1.0, 2.0, 5.0, 10.0] {
            let world = World::new(n, seed);
            let sweep = f64::from(n) / rate;
            // Small enough that the cap binds.
            let within = (sweep / 20.0).min(300.0);
            let began = WallInstant::now();
            let per_client = world.run(within, rate, EncounterScope::PerClient, seed);
            let wall = began.elapsed();
            let agency_wide = world.run(within, rate, EncounterScope::AgencyWide, seed);
            let naive = world.naive(rate, seed);
            let oracle = world.oracle(rate);
            println!(
                "{n:>7} {rate:>5} {sweep:>7.0} {within:>7.1} | {} | {} | {:>7.1} {:>7.1}",
                columns(&per_client.call_outs, sweep),
                columns(&naive.call_outs, sweep),
                quantile(&oracle.call_outs, 0.5),
                quantile(&oracle.call_outs, 0.99),
            );
            results.push((n, rate, sweep, per_client, agency_wide, naive, oracle, wall));
        }
    }
    println!(
        "\n{:>7} {:>5} {:>7} | {:^31} | {:^31} | {:^15} | {:^15}",
        "clients", "req/s", "S", "missed check-in: by client", "naive", "agency-wide", "oracle"
    );
    println!(
        "{:>21} | {:>7} {:>7} {:>7} {:>7} | {:>7} {:>7} {:>7} {:>7} | {:>7} {:>7} | {:>7} {:>7}",
        "", "p50", "p99", "p50/S", "p99/S", "p50", "p99", "p50/S", "p99/S", "p50", "p99", "p50", "p99"
    );
    for (n, rate, sweep, per_client, agency_wide, naive, oracle, _) in &results {
        println!(
            "{n:>7} {rate:>5} {sweep:>7.0} | {} | {} | {:>7.1} {:>7.1} | {:>7.1} {:>7.1}",
            columns(&per_client.missed, *sweep),
            columns(&naive.missed, *sweep),
            quantile(&agency_wide.missed, 0.5),
            quantile(&agency_wide.missed, 0.99),
            quantile(&oracle.missed, 0.5),
            quantile(&oracle.missed, 0.99),
        );
    }
    println!("\nsamples, requests used, and the planner's own cost");
    for (n, rate, _, per_client, _, _, _, wall) in &results {
        let per_read = wall.as_secs_f64() * 1e6 / per_client.reads.max(1) as f64;
        println!(
            "{n:>7} {rate:>5}   {:>6} call-outs {:>6} missed   {:>5.2} req/s   {per_read:.1} us a read, simulation included",
            per_client.call_outs.len(),
            per_client.missed.len(),
            per_client.rate
        );
    }
    println!("\nat detect_within 5m, 2 req/s: what it takes while the cap does not bind");
    for n in [50, 200, 1_000] {
        let run = World::new(n, seed).run(300.0, 2.0, EncounterScope::PerClient, seed);
        println!(
            "{n:>7} clients: {:.2} req/s used; call-out p50 {:.0} s, p99 {:.0} s; missed check-in p99 {:.0} s",
            run.rate,
            quantile(&run.call_outs, 0.5),
            quantile(&run.call_outs, 0.99),
            quantile(&run.missed, 0.99)
        );
    }
    println!();
    let worst = |of: fn(&Outcome) -> &Vec<f64>, q: f64| {
        results.iter().map(|row| quantile(of(&row.3), q) / row.2).fold(0.0, f64::max)
    };
    goal("call-out p50", worst(|run| &run.call_outs, 0.5), 0.28, "S");
    goal("call-out p99", worst(|run| &run.call_outs, 0.99), 0.9, "S");
    goal("missed check-in by client p50", worst(|run| &run.missed, 0.5), 0.02, "S");
    goal("missed check-in by client p99", worst(|run| &run.missed, 0.99), 0.15, "S");
    let wide = results.iter().map(|row| quantile(&row.4.missed, 0.99)).fold(0.0, f64::max);
    goal("missed check-in agency-wide p99", wide, 2.0, "s");
}

fn goal(what: &str, worst: f64, limit: f64, unit: &str) {
    println!(
        "goal: {what} <= {limit} {unit}: worst {worst:.3} {unit}: {}",
        if worst <= limit { "met" } else { "MISSED" }
    );
}

fn columns(delays: &[f64], sweep: f64) -> String {
    let (p50, p99) = (quantile(delays, 0.5), quantile(delays, 0.99));
    format!("{p50:>7.1} {p99:>7.1} {:>7.3} {:>7.3}", p50 / sweep, p99 / sweep)
}

fn quantile(delays: &[f64], q: f64) -> f64 {
    let mut sorted = delays.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * q).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// Seconds since the simulation began, Sunday midnight in Denver.
fn at(seconds: f64) -> Instant {
    from_micros(1_783_231_200_000_000) + TimeDelta::microseconds((seconds * 1e6) as i64)
}

fn seconds(at_instant: Instant) -> f64 {
    (at_instant - at(0.0)).as_seconds_f64()
}

struct Shift {
    start: f64,
    end: f64,
    call_out: Option<f64>,
    check_in: Option<f64>,
}

struct World {
    clients: Vec<Vec<Shift>>,
}

#[derive(Default)]
struct Outcome {
    call_outs: Vec<f64>,
    missed: Vec<f64>,
    reads: usize,
    rate: f64,
}

impl World {
    /// A believable week's part: most clients daily, some thrice a week, some not at all; half of all shifts start
    /// on the hour; 85 % are checked in ten minutes after the start, 92 % after fifteen, 3 % never.
    fn new(n: u32, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let hours = [6, 7, 7, 8, 8, 8, 9, 9, 10, 11, 12, 12, 13, 14, 16, 17, 17, 18, 18, 19, 20, 22];
        let clients = (0..n).map(|_| {
            let kind: f64 = rng.random_range(0.0..1.0);
            let per_day = match kind {
                twice if twice < 0.25 => 2,
                once if once < 0.9 => 1,
                _ => 0,
            };
            let daily = kind < 0.6;
            let mut shifts: Vec<Shift> = Vec::new();
            let usual: Vec<(i32, f64, f64)> = (0..per_day)
                .map(|_| {
                    let minute = match rng.random_range(0.0..1.0) {
                        x if x < 0.5 => 0.0,
                        x if x < 0.75 => 30.0,
                        x if x < 0.87 => 15.0,
                        _ => 45.0,
                    };
                    (hours[rng.random_range(0..hours.len())], minute, [1.0, 2.0, 3.0, 4.0, 8.0][rng.random_range(0..5)])
                })
                .collect();
            for day in 0..4 {
                if !daily && rng.random_range(0.0..1.0) > 3.0 / 7.0 {
                    continue;
                }
                for (hour, minute, length) in &usual {
                    let start = f64::from(day * 24 + hour) * 3600.0 + minute * 60.0;
                    let called_out = rng.random_range(0.0..1.0) < 0.2;
                    let call_out = called_out.then(|| start - rng.random_range(0.0..4.0 * 3600.0));
                    let luck: f64 = rng.random_range(0.0..1.0);
                    let within = |rng: &mut StdRng, from: f64, to: f64| Some(start + rng.random_range(from..to) * 60.0);
                    let check_in = match luck {
                        x if x < 0.85 => within(&mut rng, -5.0, 10.0),
                        x if x < 0.92 => within(&mut rng, 10.0, 15.0),
                        x if x < 0.97 => within(&mut rng, 15.0, 45.0),
                        _ => None,
                    };
                    shifts.push(Shift { start, end: start + length * 3600.0, call_out, check_in });
                }
            }
            shifts
        });
        Self { clients: clients.collect() }
    }

    fn measured(moment: f64) -> bool {
        (WARM_UP..WARM_UP + MEASURED).contains(&moment)
    }

    /// The facts the mirror would give: what was seen checked in needs no more reads.
    fn plan(&self, client: usize, seen: &[bool], now: f64) -> ClientPlan {
        let shifts = &self.clients[client];
        let span = |shift: &Shift| Span { from: at(shift.start), until: at(shift.end) };
        let unseen = || shifts.iter().zip(seen).filter(|(_, seen)| !**seen).map(|(shift, _)| shift);
        let awaited = unseen().filter(|shift| shift.start + GRACE <= now && now < shift.start + 7200.0);
        ClientPlan {
            shifts: shifts.iter().filter(|shift| shift.end > now).map(span).collect(),
            edges: shifts
                .iter()
                .flat_map(|shift| BANDS.map(|band| shift.start - band).into_iter().chain([shift.start + GRACE]))
                .filter(|edge| *edge > now)
                .map(at)
                .collect(),
            shifts_within_30_days: !shifts.is_empty(),
            deadlines: unseen()
                .map(|shift| shift.start + GRACE)
                .filter(|deadline| *deadline > now - 3600.0)
                .map(at)
                .collect(),
            awaiting_visit: awaited
                .map(|shift| at(shift.start + 7200.0))
                .max()
                .map(|until| Span { from: at(now), until }),
            ..ClientPlan::default()
        }
    }

    fn run(&self, within: f64, rate: f64, scope: EncounterScope, seed: u64) -> Outcome {
        let settings = PlanSettings::new(Duration::from_secs_f64(within), rate, Denver, seed);
        let lead = settings.evidence_lead.as_secs_f64();
        let mut planner = Planner::new(settings, at(0.0));
        planner.set_encounter_scope(scope, at(0.0));
        let names: Vec<ClientId> = (0..self.clients.len()).map(|n| ClientId::new(n.to_string())).collect();
        let mut seen: Vec<Vec<bool>> = self.clients.iter().map(|shifts| vec![false; shifts.len()]).collect();
        let mut told: Vec<Vec<bool>> = seen.clone();
        let mut called: Vec<Vec<bool>> = seen.clone();
        let mut visits_at = vec![f64::MIN; self.clients.len()];
        // When a deadline passes unseen, the mirror tells the planner that an answer is awaited.
        let mut deadlines = BinaryHeap::new();
        for (client, shifts) in self.clients.iter().enumerate() {
            planner.update_client(&names[client], self.plan(client, &seen[client], 0.0), at(0.0));
            deadlines.extend(shifts.iter().map(|shift| Reverse(((shift.start + GRACE) as i64, client))));
        }
        let mut outcome = Outcome::default();
        let mut n_measured = 0;
        let end = WARM_UP + MEASURED + 4.0 * 3600.0;
        let mut now = 0.0;
        while now < end {
            while let Some(Reverse((deadline, client))) = deadlines.peek().copied() {
                if deadline as f64 > now {
                    break;
                }
                deadlines.pop();
                self.judge(client, now, lead, visits_at[client], &mut told[client], &mut outcome);
                planner.update_client(&names[client], self.plan(client, &seen[client], now), at(now));
            }
            let wake = deadlines.peek().map_or(end, |Reverse((deadline, _))| *deadline as f64 + 0.001);
            match planner.next(at(now)) {
                Next::Wait(later) => now = seconds(later).min(wake).max(now + 0.001),
                Next::Read(read) => {
                    outcome.reads += 1;
                    n_measured += usize::from(Self::measured(now));
                    let mut changed = Vec::new();
                    match &read {
                        Read::Shifts { client, .. } => {
                            let client: usize = client.as_str().parse().unwrap_or(0);
                            for (n, shift) in self.clients[client].iter().enumerate() {
                                if let Some(call_out) = shift.call_out.filter(|call_out| *call_out <= now)
                                    && !called[client][n]
                                {
                                    called[client][n] = true;
                                    if Self::measured(call_out) {
                                        outcome.call_outs.push(now - call_out);
                                    }
                                }
                            }
                        }
                        Read::Visits { client: Some(client), .. } => changed.push(client.as_str().parse().unwrap_or(0)),
                        Read::Visits { client: None, .. } => changed.extend(0..self.clients.len()),
                        _ => {}
                    }
                    planner.done(&answered(read, now));
                    for client in changed {
                        visits_at[client] = now;
                        let mut news = false;
                        for (n, shift) in self.clients[client].iter().enumerate() {
                            if !seen[client][n] && shift.check_in.is_some_and(|check_in| check_in <= now) {
                                seen[client][n] = true;
                                news = true;
                            }
                        }
                        self.judge(client, now, lead, now, &mut told[client], &mut outcome);
                        if news {
                            planner.update_client(&names[client], self.plan(client, &seen[client], now), at(now));
                        }
                    }
                }
            }
        }
        outcome.rate = n_measured as f64 / MEASURED;
        outcome
    }

    /// Deadlines whose verdict has its evidence now: read after them, or shortly enough before.
    fn judge(&self, client: usize, now: f64, lead: f64, read_at: f64, told: &mut [bool], outcome: &mut Outcome) {
        for (n, shift) in self.clients[client].iter().enumerate() {
            let deadline = shift.start + GRACE;
            let missed = shift.check_in.is_none_or(|check_in| check_in > deadline);
            if !told[n] && missed && deadline <= now && read_at >= deadline - lead {
                told[n] = true;
                if Self::measured(deadline) {
                    // The tick that follows the deadline is part of the agent, not of the planner.
                    outcome.missed.push((now - deadline - 0.01).max(0.0));
                }
            }
        }
    }

    /// Every client in turn, the same number of requests; shifts and visits each get a sweep of their own.
    fn naive(&self, rate: f64, seed: u64) -> Outcome {
        let sweep = self.clients.len() as f64 / rate;
        let mut rng = StdRng::seed_from_u64(seed);
        let mut outcome = Outcome::default();
        for shifts in &self.clients {
            let phase = rng.random_range(0.0..sweep);
            let next = |moment: f64| (phase - moment).rem_euclid(sweep);
            for shift in shifts {
                outcome.call_outs.extend(shift.call_out.filter(|moment| Self::measured(*moment)).map(next));
                let deadline = shift.start + GRACE;
                if shift.check_in.is_none_or(|check_in| check_in > deadline) && Self::measured(deadline) {
                    outcome.missed.push(next(deadline));
                }
            }
        }
        outcome
    }

    /// Whoever changed is asked in the next free slot.
    fn oracle(&self, rate: f64) -> Outcome {
        let queue = |mut moments: Vec<f64>| {
            moments.sort_by(f64::total_cmp);
            let mut free_at = 0.0_f64;
            moments
                .into_iter()
                .map(|moment| {
                    let asked_at = free_at.max(moment);
                    free_at = asked_at + 1.0 / rate;
                    asked_at - moment
                })
                .collect()
        };
        let all = || self.clients.iter().flatten();
        let call_outs = all().filter_map(|shift| shift.call_out).filter(|moment| Self::measured(*moment)).collect();
        let missed = all()
            .filter(|shift| shift.check_in.is_none_or(|check_in| check_in > shift.start + GRACE))
            .map(|shift| shift.start + GRACE)
            .filter(|moment| Self::measured(*moment))
            .collect();
        Outcome { call_outs: queue(call_outs), missed: queue(missed), ..Outcome::default() }
    }
}

fn answered(read: Read, now: f64) -> Fetched {
    Fetched {
        agency: AgencyName::from("main"),
        read,
        started_at: at(now),
        finished_at: at(now),
        outcome: Ok(Rows { batch: Batch::Shifts(Vec::new()), complete: true, rejected: Vec::new() }),
        shift_tasks: Vec::new(),
        requests: Vec::new(),
    }
}
