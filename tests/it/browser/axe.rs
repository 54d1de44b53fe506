//! axe-core on a page: WCAG 2.2 AA and its good practices.
//!
//! Given: a page in a browser. Gives: what axe finds, in words. The engine is in `tests/vendor/axe-core`.
//! Does not: let anything pass by name.

use serde_json::{Value, json};

use super::driver::Browser;

const ENGINE: &str = include_str!("../../vendor/axe-core/axe.min.js");
/// What is asked.
const TAGS: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

impl Browser {
    /// What axe finds on the page as it is now, one line a fault.
    pub async fn faults(&self) -> Vec<String> {
        if self.js("return typeof axe").await == json!("undefined") {
            self.js(ENGINE).await;
        }
        let script = "const done = arguments[arguments.length - 1];
            axe.run(document, { runOnly: { type: 'tag', values: arguments[0] }, resultTypes: ['violations'] })
              .then(found => done({ rules: found.passes.length, violations: found.violations }), fault => done({ fault: String(fault) }));";
        let found = self.session.run_async(script, vec![json!(TAGS)]).await.expect("axe answers");
        assert!(found["rules"].as_u64() > Some(10), "axe looked at little: {found}");
        let violations = found["violations"].as_array().expect("a list");
        violations.iter().map(line).collect()
    }
}

fn line(violation: &Value) -> String {
    let nodes = violation["nodes"].as_array().expect("nodes").iter().take(4);
    let nodes: Vec<String> = nodes.map(|node| format!("{} {}", node["html"], node["failureSummary"])).collect();
    format!("{}: {} [{}]", violation["id"], violation["help"], nodes.join(" | "))
}
