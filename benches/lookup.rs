//! What a look-up costs: building the index, and searches by name, nearly right, by phone and by id. Run with
//! `cargo bench --bench lookup`.
//!
//! Prints p50 and p99 in process at two sizes; then the same searches over HTTP. The people are invented, on a seed.

#![allow(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]

use std::{
    hint::black_box,
    time::{Duration, Instant as Stopwatch},
};

use shiftwatch::{
    model::{Caregiver, CaregiverId, Client, ClientId, Person, Phi},
    report::lookup::index::Index,
};

mod nobody;
#[path = "lookup/over_http.rs"]
mod over_http;

const GIVEN: [&str; 24] = [
    "Avery",
    "Blake",
    "Casey",
    "Drew",
    "Emery",
    "Finley",
    "Harper",
    "Jamie",
    "Kendall",
    "Logan",
    "Morgan",
    "Parker",
    "Quinn",
    "Riley",
    "Sage",
    "Taylor",
    "José",
    "Zoë",
    "Søren",
    "Алёна",
    "أحمد",
    "小明",
    "Núria",
    "Katharine",
];
const PARTS: [&str; 20] = [
    "ber", "san", "mil", "tor", "ken", "lo", "var", "es", "hal", "din", "gar", "mo", "ria", "stein", "wood", "ley",
    "son", "man", "ova", "ez",
];

/// A small generator: the same numbers each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % n
    }
}

fn name(dice: &mut Dice) -> String {
    let family: String = (0..2 + dice.roll(2)).map(|_| PARTS[dice.roll(PARTS.len())]).collect();
    format!("{} {}{}", GIVEN[dice.roll(GIVEN.len())], family[..1].to_uppercase(), &family[1..])
}

fn person(dice: &mut Dice) -> Person {
    let phones = (0..=dice.roll(2)).map(|_| format!("20255{:05}", dice.roll(100_000))).collect();
    Person { name: Phi::new(name(dice)), phones: Phi::new(phones), ..Person::default() }
}

fn people(n_clients: usize, n_caregivers: usize) -> (Vec<Client>, Vec<Caregiver>, Vec<String>) {
    let (mut dice, mut asked) = (Dice(7), Vec::new());
    let clients = (0..n_clients).map(|n| {
        let person = person(&mut dice);
        Client {
            id: ClientId::new(format!("7{n:06}")),
            active: Some(true),
            is_client: Some(true),
            status: None,
            location: None,
            tags: Vec::new(),
            vendor_agency: None,
            person,
        }
    });
    let clients: Vec<Client> = clients.collect();
    let caregivers = (0..n_caregivers).map(|n| {
        let person = person(&mut dice);
        Caregiver {
            id: CaregiverId::new(format!("8{n:06}")),
            active: Some(true),
            hired: Some(true),
            status: None,
            location: None,
            tags: Vec::new(),
            person,
        }
    });
    let caregivers: Vec<Caregiver> = caregivers.collect();
    let mut again = Dice(7);
    for n in 0..n_clients.min(2_000) {
        let known = name(&mut again);
        for _ in 0..=again.roll(2) {
            let phone = format!("20255{:05}", again.roll(100_000));
            asked.push(match n % 4 {
                0 => known.clone(),
                1 => nearly(&known, n),
                2 => format!("({}) {}-{}", &phone[..3], &phone[3..6], &phone[6..]),
                _ => phone[6..].to_owned(),
            });
        }
        asked.push(format!("7{n:06}"));
        let turned: Vec<&str> = known.split(' ').rev().collect();
        asked.push(turned.join(" "));
        asked.push(known.chars().take(3).collect());
    }
    (clients, caregivers, asked)
}

/// With one letter left out.
fn nearly(name: &str, n: usize) -> String {
    let letters: Vec<char> = name.chars().collect();
    let out = 1 + n % (letters.len() - 1);
    letters.iter().enumerate().filter(|(place, _)| *place != out).map(|(_, letter)| *letter).collect()
}

fn main() {
    println!(
        "| clients + caregivers | index made in | searches | found | p50 | p99 | worst (each the least of three) |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (n_clients, n_caregivers) in [(2_000, 1_000), (20_000, 10_000)] {
        let (clients, caregivers, asked) = people(n_clients, n_caregivers);
        let stopwatch = Stopwatch::now();
        let index = Index::of(&clients, &caregivers);
        let made = stopwatch.elapsed();
        let mut took: Vec<Duration> = Vec::new();
        let mut n_found = 0;
        for asked in &asked {
            // The least of three: what else the machine does is no part of it.
            let once = || {
                let stopwatch = Stopwatch::now();
                black_box(index.find(asked, 20));
                stopwatch.elapsed()
            };
            took.extend([once(), once(), once()].into_iter().min());
            let (hits, _) = index.find(asked, 20);
            n_found += usize::from(!hits.is_empty());
        }
        took.sort_unstable();
        let at = |share: usize| took[took.len() * share / 100];
        println!(
            "| {n_clients} + {n_caregivers} | {made:.1?} | {} | {} % | {:.1?} | {:.1?} | {:.1?} |",
            took.len(),
            100 * n_found / took.len(),
            at(50),
            at(99),
            took[took.len() - 1]
        );
    }
    println!("goal at 2 000 clients and 1 000 caregivers: p99 under 1 ms\n");
    println!("| clients + caregivers | requests over HTTP | p50 | p99 | worst |");
    println!("|---|---|---|---|---|");
    for (n_clients, n_caregivers) in [(2_000, 900), (20_000, 9_000)] {
        let (clients, caregivers, asked) = people(n_clients, n_caregivers);
        let took = over_http::measure(&clients, &caregivers, &asked);
        let at = |share: usize| took[took.len() * share / 100];
        let worst = took[took.len() - 1];
        println!("| {n_clients} + {n_caregivers} | {} | {:.1?} | {:.1?} | {worst:.1?} |", took.len(), at(50), at(99));
    }
    println!("goal at 2 000 clients and 900 caregivers: p99 under 5 ms, each look written down on the disk first\n");
    let (clients, caregivers, _) = people(2_000, 900);
    let took = over_http::cover_once(&clients, &caregivers);
    println!(
        "who could take one shift, of 900 caregivers with 47 shifts each: {took:.1?}; a step works out twenty at most"
    );
}
