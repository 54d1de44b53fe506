//! `inhibit_rules`: which alert speaks for which.

use super::{
    reading::{Fields, Reading},
    routes::read_matchers,
    tree::Node,
};
use crate::alerts::{inhibit::InhibitRule, matcher::Matcher};

/// Without `inhibit_rules:`: a shift's worse alert speaks for its milder ones. The shipped bands of one kind nest, so
/// without these one uncovered shift would be told once for every band. `inhibit_rules: []` = none.
#[must_use]
pub fn shipped() -> Vec<InhibitRule> {
    let rule = |source: &str, targets: &str| InhibitRule {
        source_matchers: written(&format!(r#"severity="{source}",shift!="""#)),
        target_matchers: written(&format!(r#"severity=~"{targets}",shift!="""#)),
        equal: vec!["agency".into(), "shift".into()],
    };
    vec![rule("critical", "page|warning|info"), rule("page", "warning|info"), rule("warning", "info")]
}

fn written(text: &str) -> Vec<Matcher> {
    Matcher::parse(text).unwrap_or_default()
}

/// Reads `inhibit_rules:`.
pub fn read_list(node: &Node, cx: &mut Reading<'_>) -> Vec<InhibitRule> {
    let Some(items) = cx.list(node, "inhibit_rules") else { return Vec::new() };
    items.iter().enumerate().filter_map(|(n, item)| read(item, &format!("inhibit_rules[{n}]"), cx)).collect()
}

fn read(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<InhibitRule> {
    let mut fields = Fields::of(node, path, cx)?;
    // A name that newer Alertmanagers let a rule have; nothing here refers to it.
    fields.knows(["name"]);
    let n_faults = cx.faults.len();
    let source_matchers = read_matchers(&mut fields, &["source_matchers", "source_match", "source_match_re"], cx);
    let target_matchers = read_matchers(&mut fields, &["target_matchers", "target_match", "target_match_re"], cx);
    let mut equal = Vec::new();
    if let Some(node) = fields.get("equal") {
        for (label, _) in cx.words(node, &format!("{path}.equal")).unwrap_or_default() {
            equal.push(label);
        }
    }
    for (side, matchers) in [("source_matchers", &source_matchers), ("target_matchers", &target_matchers)] {
        if matchers.is_empty() && cx.faults.len() == n_faults {
            let what = format!("{path} has no {side}: it picks every alert");
            cx.warn(fields.at, what, format!("write {side}"));
        }
    }
    fields.finish(&[], cx);
    Some(InhibitRule { source_matchers, target_matchers, equal })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::alert::Labels;

    #[test]
    fn the_shipped_rules_let_the_worse_mute_the_milder_of_a_shift() {
        let shift = |severity: &str| -> Labels {
            [("severity", severity), ("shift", "1@x")].map(|(k, v)| (k.into(), v.into())).into()
        };
        let order = ["info", "warning", "page", "critical"];
        for (worse, source) in order.iter().enumerate() {
            for (milder, target) in order.iter().enumerate() {
                let mutes = shipped().iter().any(|rule| {
                    rule.source_matchers.iter().all(|matcher| matcher.matches(&shift(source)))
                        && rule.target_matchers.iter().all(|matcher| matcher.matches(&shift(target)))
                });
                assert_eq!(mutes, worse > milder, "{source} over {target}");
            }
        }
        assert!(shipped().iter().all(|rule| rule.source_matchers.len() == 2 && rule.target_matchers.len() == 2));
    }
}
