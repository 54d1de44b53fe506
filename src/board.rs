//! The board: what a person sees of the agent in a browser, as values and templates.
//!
//! Given: the latest [`View`], what the store remembers, and the names that may be shown.
//! Gives: pages as parts, each a piece of HTML with a hash of what it says, so that an open page is sent only what
//! changed. Every number says how old it is, and what is not known looks unknown.
//! Does not: do I/O, look at a clock, judge, or know how a page reaches a browser. Names come in only where
//! `people` were asked for them; without sign-in nobody asks.

use std::sync::{Arc, LazyLock};

use minijinja::{Environment, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

use crate::{
    model::Instant,
    pulse::{Loop, Pulses},
    view::{View, words},
};

pub mod alert;
pub mod api;
pub mod assets;
pub mod briefing;
pub mod card;
pub mod exceptions;
pub mod headline;
pub mod history;
pub mod hours;
pub mod kpis;
pub mod link;
pub mod lookup;
pub mod now;
pub mod on_call;
pub mod on_call_log;
pub mod people;
pub mod silences;
pub mod story;
pub mod timeline;
pub mod why;

/// One piece of a page.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// Its element's id.
    pub id: String,
    /// What stands in the element.
    pub html: Arc<str>,
    /// Two parts with one hash say the same, ages apart.
    pub hash: String,
}

/// A page, drawn.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// What stands in the window's title.
    pub title: String,
    /// Which entry of the navigation it belongs to.
    pub place: &'static str,
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// What stands below the first part and is never replaced: a form.
    pub fixed: Option<Arc<str>>,
    /// When it was drawn, agent clock.
    pub at: Instant,
}

/// An instant and how long ago it is, or how far ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ago {
    /// RFC 3339, UTC.
    pub at: String,
    /// `40 s ago`, `in 3 h 55`.
    pub says: String,
}

impl Ago {
    /// `at`, as seen from `now`.
    #[must_use]
    pub fn of(at: Instant, now: Instant) -> Self {
        Self { at: at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true), says: words::relative(at, now) }
    }
}

/// A text from outside as a page holds it: at most so many characters. Senders of alerts set no bounds, and a page goes
/// to every open board.
pub(crate) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}\u{2026}", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

const TEMPLATES: [(&str, &str); 31] = [
    ("briefing.html", include_str!("board/templates/briefing.html")),
    ("link_frame.html", include_str!("board/templates/link_frame.html")),
    ("link.html", include_str!("board/templates/link.html")),
    ("link_nothing.html", include_str!("board/templates/link_nothing.html")),
    ("link.css", include_str!("board/templates/link.css")),
    ("macros.html", include_str!("board/templates/macros.html")),
    ("page.html", include_str!("board/templates/page.html")),
    ("headline.html", include_str!("board/templates/headline.html")),
    ("needs.html", include_str!("board/templates/needs.html")),
    ("today.html", include_str!("board/templates/today.html")),
    ("agencies.html", include_str!("board/templates/agencies.html")),
    ("ages.html", include_str!("board/templates/ages.html")),
    ("alert.html", include_str!("board/templates/alert.html")),
    ("acknowledge.html", include_str!("board/templates/acknowledge.html")),
    ("api.html", include_str!("board/templates/api.html")),
    ("story.html", include_str!("board/templates/story.html")),
    ("past.html", include_str!("board/templates/past.html")),
    ("on_call.html", include_str!("board/templates/on_call.html")),
    ("policies.html", include_str!("board/templates/policies.html")),
    ("on_call_log.html", include_str!("board/templates/on_call_log.html")),
    ("disposition.html", include_str!("board/templates/disposition.html")),
    ("exceptions.html", include_str!("board/templates/exceptions.html")),
    ("kpis.html", include_str!("board/templates/kpis.html")),
    ("hours.html", include_str!("board/templates/hours.html")),
    ("history.html", include_str!("board/templates/history.html")),
    ("silences.html", include_str!("board/templates/silences.html")),
    ("silence.html", include_str!("board/templates/silence.html")),
    ("cover.html", include_str!("board/templates/cover.html")),
    ("people.html", include_str!("board/templates/people.html")),
    ("person.html", include_str!("board/templates/person.html")),
    ("problem.html", include_str!("board/templates/problem.html")),
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    for (name, text) in TEMPLATES {
        // A template that does not parse is found by the first test that renders it.
        let _ = environment.add_template(name, text);
    }
    environment
});

/// Renders one of the board's templates. A fault in a template shows as a sentence in its place, never as a lost page.
#[must_use]
pub fn render(template: &str, context: impl Serialize) -> String {
    let rendered = ENVIRONMENT.get_template(template).and_then(|found| found.render(Serde(context)));
    rendered.unwrap_or_else(|fault| {
        tracing::error!(template, error = %fault, "board: a part of a page could not be drawn");
        "<p class=\"fault\">This part of the page could not be drawn; the log says why. Ask <code>shiftwatch alerts</code> meanwhile.</p>".to_owned()
    })
}

impl Part {
    /// A part from its template.
    #[must_use]
    pub fn of(id: impl Into<String>, template: &str, context: impl Serialize) -> Self {
        let html = render(template, context);
        Self { id: id.into(), hash: hash(&html), html: html.into() }
    }
}

impl Drawn {
    /// The whole page.
    #[must_use]
    pub fn page(&self, frame: &Frame<'_>) -> String {
        #[derive(Serialize)]
        struct Context<'a> {
            title: &'a str,
            place: &'static str,
            parts: &'a [Part],
            fixed: Option<&'a str>,
            now_ms: i64,
            frame: &'a Frame<'a>,
            styles: String,
            script: String,
        }
        render(
            "page.html",
            Context {
                title: &self.title,
                place: self.place,
                parts: &self.parts,
                fixed: self.fixed.as_deref(),
                now_ms: self.at.timestamp_millis(),
                frame,
                styles: assets::STYLES.link(),
                script: assets::SCRIPT.link(),
            },
        )
    }
}

/// What a page is set in, besides what it says.
#[derive(Debug, Clone, Serialize)]
pub struct Frame<'a> {
    /// The address its changes come from.
    pub live: &'a str,
    /// Who is signed in, for the form's name.
    pub user: Option<&'a str>,
    /// Whether names may be shown.
    pub names: bool,
    /// How many times as fast as the machine's the agent's clock runs.
    pub speed: u32,
}

/// A part's hash, ages apart: what stands inside an element with `data-ago` moves by itself.
fn hash(html: &str) -> String {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |text: &str| {
        for byte in text.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    let mut rest = html;
    while let Some(at) = rest.find("data-ago>") {
        let (before, after) = rest.split_at(at);
        add(before);
        rest = after.find('<').map_or("", |end| &after[end..]);
    }
    add(rest);
    format!("{state:016x}")
}

/// How old a picture may be before a page says that it stands still. It is replaced every two seconds, real time.
pub const PICTURE_STALE: chrono::TimeDelta = chrono::TimeDelta::seconds(15);

/// Since when the picture stands still, if it does. Two clocks must agree: on a faster one a picture of two seconds is
/// old, and the tick, which takes it, has still gone round.
#[must_use]
pub fn stands_still_since(view: &View, pulses: &Pulses, now: Instant, real_now: Instant) -> Option<Ago> {
    let silent = pulses.silence(Loop::Tick, real_now) > PICTURE_STALE;
    (silent && now - view.at > PICTURE_STALE).then(|| Ago::of(view.at, now))
}

#[cfg(test)]
mod tests;
