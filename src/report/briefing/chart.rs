//! Four weeks as a picture: the shares of visits made, and of those on time, day by day.

use super::{Day, text::kpis};
use crate::report::png::Picture;

/// Size in points: shown at half of it, so that it is sharp on a phone.
pub const SIZE: (u32, u32) = (640, 200);
/// The lowest share that is drawn.
const FLOOR: f64 = 0.5;

const PAPER: [u8; 3] = [255, 255, 255];
const RULE: [u8; 3] = [208, 212, 218];
const MADE: [u8; 3] = [31, 95, 139];
const ON_TIME: [u8; 3] = [200, 122, 0];

/// The picture as a PNG file; `None` while no day of it is known.
#[must_use]
pub fn png(days: &[Day]) -> Option<Vec<u8>> {
    let kpis = kpis(days);
    let (made, on_time) = (&kpis.first()?.days, &kpis.get(1)?.days);
    made.iter().chain(on_time).flatten().next()?;
    let mut picture = Picture::new(SIZE.0, SIZE.1, [PAPER, RULE, MADE, ON_TIME]);
    let (left, top) = (10, 14);
    let (width, height) = (620, 172);
    for share in [0.5, 0.75, 1.0] {
        picture.fill((left, y(share, top, height)), (width, 2), 1);
    }
    for (colour, values) in [(3, on_time), (2, made)] {
        line(&mut picture, values, colour, (left, top), (width, height));
    }
    Some(picture.encode())
}

#[expect(clippy::cast_possible_truncation, reason = "a share of a height in points")]
fn y(share: f64, top: i32, height: i32) -> i32 {
    let up = ((share.clamp(FLOOR, 1.0) - FLOOR) / (1.0 - FLOOR) * f64::from(height)).round() as i32;
    top + height - up
}

fn line(
    picture: &mut Picture,
    values: &[Option<f64>],
    colour: u8,
    (left, top): (i32, i32),
    (width, height): (i32, i32),
) {
    let steps = i32::try_from(values.len()).unwrap_or(i32::MAX).max(2) - 1;
    let mut before = None;
    for (n, value) in (0_i32..).zip(values) {
        let at = value.map(|share| (left + width * n / steps, y(share, top, height)));
        if let Some(at) = at {
            picture.fill((at.0 - 4, at.1 - 4), (9, 9), colour);
            if let Some(before) = before {
                picture.line(before, at, colour);
            }
        }
        // A day that is not known leaves a hole.
        before = at;
    }
}

/// What the picture shows, for whoever does not see it.
#[must_use]
pub fn alt(days: &[Day]) -> String {
    let kpis = kpis(days);
    let each = kpis.iter().take(2).map(|kpi| {
        let days: Vec<String> = kpi.days.iter().map(|value| kpi.says(*value)).collect();
        format!("{}: {}", kpi.name, days.join(", "))
    });
    format!("The last {} days, the oldest first. {}.", days.len(), each.collect::<Vec<_>>().join(". "))
}
