//! The text format, for families that are written from the view.
//!
//! By hand because a scrape of ten thousand series must cost about a millisecond: the `prometheus` crate's way through
//! a structure with two strings a label costs several times that. A family without samples leaves no trace.

use std::fmt::Write;

use super::family::{Family, Kind};

/// A page of samples that grows.
pub(super) struct Page {
    text: String,
}

/// The samples of one family.
pub(super) struct Samples<'page> {
    page: &'page mut Page,
    family: &'static Family,
    begun: bool,
}

impl Page {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes) }
    }

    /// Begins a family; each is begun once.
    pub(super) fn family(&mut self, family: &'static Family) -> Samples<'_> {
        Samples { page: self, family, begun: false }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Samples<'_> {
    /// A whole number.
    pub(super) fn count(&mut self, values: &[&str], n: u64) {
        self.series(values);
        let _ = writeln!(self.page.text, "{n}");
    }

    /// A flag as 1 or 0.
    pub(super) fn flag(&mut self, values: &[&str], flag: bool) {
        self.count(values, u64::from(flag));
    }

    /// A measure. What is not a number is not known, and left out.
    pub(super) fn measure(&mut self, values: &[&str], value: f64) {
        if value.is_finite() {
            self.series(values);
            let _ = writeln!(self.page.text, "{value}");
        }
    }

    /// A measure that may be unknown.
    pub(super) fn maybe(&mut self, values: &[&str], value: Option<f64>) {
        if let Some(value) = value {
            self.measure(values, value);
        }
    }

    fn series(&mut self, values: &[&str]) {
        debug_assert_eq!(values.len(), self.family.labels.len(), "{}", self.family.name);
        let text = &mut self.page.text;
        if !self.begun {
            self.begun = true;
            let Family { name, help, kind, .. } = self.family;
            let kind = match kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
                Kind::Histogram => "histogram",
            };
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        }
        text.push_str(self.family.name);
        let mut before = '{';
        for (label, value) in self.family.labels.iter().zip(values) {
            text.push(before);
            text.push_str(label);
            text.push_str("=\"");
            escape(text, value);
            text.push('"');
            before = ',';
        }
        if before == ',' {
            text.push('}');
        }
        text.push(' ');
    }
}

fn escape(text: &mut String, value: &str) {
    if !value.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        text.push_str(value);
        return;
    }
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::family, *};

    #[test]
    fn an_empty_family_leaves_no_trace_and_what_is_no_number_is_left_out() {
        let mut page = Page::with_capacity(0);
        page.family(&family::SWEEP).maybe(&["main"], None);
        page.family(&family::PROMISE).measure(&["main"], f64::NAN);
        assert_eq!(page.into_text(), "");
    }

    #[test]
    fn values_are_escaped() {
        let mut page = Page::with_capacity(0);
        page.family(&family::SWEEP).measure(&["a\\b\"c\nd"], 1.5);
        let text = page.into_text();
        assert!(text.ends_with("shiftwatch_sweep_seconds{agency=\"a\\\\b\\\"c\\nd\"} 1.5\n"), "{text}");
    }
}
