//! The one place where the configuration asks other parts whether their little languages read well.
//!
//! Each answers with the thing itself or with a sentence that says what is wrong.

use minijinja::Environment;
use regex::Regex;

use crate::{
    alerts::matcher::{MatchOp, Matcher},
    rules::where_clause::Where,
};

/// Reads one matcher, or several between commas (and braces), as Alertmanager writes them.
pub fn matchers(text: &str) -> Result<Vec<Matcher>, String> {
    let text = text.trim();
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    split_outside_quotes(inner)?.iter().map(|part| matcher(part)).collect()
}

/// A matcher whose value must match a regular expression from end to end.
pub fn regex_matcher(name: &str, expression: &str) -> Result<Matcher, String> {
    Ok(Matcher { name: name.to_owned(), op: MatchOp::Regex(anchored(expression)?) })
}

/// Where a template stands, and so what it may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplatePlace {
    /// A rule's annotation.
    Annotation,
    /// A message that shows nobody in care: every text, mail's subject, mail by default.
    Message,
    /// The body of a mail with `phi: true`.
    GrantedMail,
}

/// Checks a template's syntax and, as far as can be seen without an alert, its names.
pub fn template(source: &str, place: TemplatePlace) -> Result<(), String> {
    if let Some(found) = go_action(source) {
        return Err(format!(
            "this is a Go template (\"{found}\"); write it for minijinja: {{{{ common_labels.severity }}}}"
        ));
    }
    check_size(source)?;
    let environment = Environment::new();
    let template = environment.template_from_str(source).map_err(|error| {
        let line = error.line().map(|line| format!(" in its line {line}")).unwrap_or_default();
        format!("the template does not read{line}: {}", error.detail().unwrap_or("wrong syntax"))
    })?;
    let phi = ["name", "phone", "phones", "address", "birth_date", "first_name", "last_name"];
    for variable in template.undeclared_variables(true) {
        let mut parts = variable.split('.');
        let protected = parts.next().is_some_and(|root| matches!(root, "client" | "caregiver"))
            && parts.next().is_some_and(|field| phi.contains(&field));
        if protected && place != TemplatePlace::GrantedMail {
            return Err(format!("{variable} identifies a person; only mail with phi: true may show it"));
        }
    }
    Ok(())
}

/// minijinja bounds nesting too high for the two megabytes of a runtime's thread (150 levels), and follows chains
/// (`a.b.c`, `--1`, `elif`) for as long as there is stack. These bounds keep well inside.
const EXPRESSION_BYTES_MAX: usize = 400;
const BRACKETS_MAX: usize = 32;
const ELIFS_MAX: usize = 100;

fn check_size(source: &str) -> Result<(), String> {
    for (at, _) in ["{{", "{%"].into_iter().flat_map(|opening| source.match_indices(opening)) {
        let inside = &source[at + 2..];
        let end = ["}}", "%}"].iter().filter_map(|end| inside.find(end)).min().unwrap_or(inside.len());
        if end > EXPRESSION_BYTES_MAX || n_brackets(&inside[..end]) > BRACKETS_MAX {
            return Err(format!(
                "an expression has more than {EXPRESSION_BYTES_MAX} bytes or {BRACKETS_MAX} opening brackets"
            ));
        }
    }
    if source.matches("elif").count() > ELIFS_MAX {
        return Err(format!("there are more than {ELIFS_MAX} elifs"));
    }
    Ok(())
}

/// The first thing in double braces that only a Go template says.
fn go_action(source: &str) -> Option<String> {
    source.match_indices("{{").find_map(|(at, _)| {
        let inside = source[at + 2..].trim_start_matches('-').trim_start();
        let word: String = inside.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let rest = &inside[word.len()..];
        let after = rest.trim_start().trim_start_matches('-');
        let is_go = match word.as_str() {
            "" => inside.starts_with(['.', '$']),
            "end" | "else" => after.starts_with("}}"),
            "range" | "template" | "define" | "with" | "if" | "block" => {
                rest.starts_with(char::is_whitespace) && !after.starts_with(['}', '|'])
            }

            _ => false,
        };
        is_go.then(|| format!("{{{{ {}", if word.is_empty() { &inside[..1] } else { &word }))
    })
}

/// Compiles a `where:` expression.
pub fn where_clause(source: &str) -> Result<Where, String> {
    if source.len() > WHERE_BYTES_MAX || n_brackets(source) > WHERE_BRACKETS_MAX {
        return Err(format!(
            "the expression has more than {WHERE_BYTES_MAX} bytes or {WHERE_BRACKETS_MAX} opening brackets"
        ));
    }
    on_a_deep_stack(|| compile(source)).unwrap_or_else(|| Err("the expression does not read".into()))
}

/// Nobody reads a longer condition.
const WHERE_BYTES_MAX: usize = 4096;
/// CEL's parser spends up to a hundred kilobytes of stack on each bracket.
const WHERE_BRACKETS_MAX: usize = BRACKETS_MAX;
const WHERE_STACK_BYTES: usize = 256 << 20;

fn compile(source: &str) -> Result<Where, String> {
    match cel::Program::compile(source) {
        Ok(program) => Ok(Where { source: source.to_owned(), program }),
        Err(errors) => Err(errors.errors.first().map_or_else(
            || "the expression does not read".to_owned(),
            |error| format!("the expression does not read at its character {}: {}", error.pos.1.max(1), error.msg),
        )),
    }
}

/// Opening brackets in all, closed or not: the parser looks ahead past the closing ones.
fn n_brackets(source: &str) -> usize {
    source.matches(['(', '[', '{']).count()
}

/// Runs on a thread with a stack of its own: a thread of an async runtime has two megabytes, and a stack that ends
/// takes the process with it. Only what is used of it is ever real memory. `None` when no thread can be had.
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(WHERE_STACK_BYTES).spawn_scoped(scope, work).ok()?.join().ok()
    })
}

fn matcher(text: &str) -> Result<Matcher, String> {
    let text = text.trim();
    let (name, rest) = if let Some(quoted) = text.strip_prefix('"') {
        let end = quoted.find('"').ok_or_else(|| format!("{text} opens a quotation mark and does not close it"))?;
        (quoted[..end].to_owned(), quoted[end + 1..].trim_start())
    } else {
        let end = text.find(['=', '!', '~']).ok_or_else(|| format!("{text} has no =, !=, =~ or !~"))?;
        (text[..end].trim().to_owned(), &text[end..])
    };
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if name.is_empty() || (!text.starts_with('"') && !plain(&name)) {
        return Err(format!("\"{name}\" is not a label name"));
    }
    let operators = ["=~", "!~", "!=", "="];
    let Some((operator, value)) = operators.iter().find_map(|op| Some((*op, rest.strip_prefix(op)?))) else {
        return Err(format!("{text} has no =, !=, =~ or !~"));
    };
    let value = unquote(value.trim())?;
    let op = match operator {
        "=" => MatchOp::Equal(value),
        "!=" => MatchOp::NotEqual(value),
        "=~" => MatchOp::Regex(anchored(&value)?),
        _ => MatchOp::NotRegex(anchored(&value)?),
    };
    Ok(Matcher { name, op })
}

fn anchored(expression: &str) -> Result<Regex, String> {
    // Read alone first: "a)|(b" would become well-formed inside the anchors.
    Regex::new(expression)
        .and_then(|_| Regex::new(&format!("^(?:{expression})$")))
        .map_err(|_| format!("\"{expression}\" is not a regular expression"))
}

fn unquote(text: &str) -> Result<String, String> {
    let Some(rest) = text.strip_prefix('"') else {
        return if text.contains('"') {
            Err(format!("{text} has a quotation mark inside"))
        } else {
            Ok(text.to_owned())
        };
    };
    let mut value = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next() {
            None => return Err(format!("{text} opens a quotation mark and does not close it")),
            Some('"') if chars.as_str().is_empty() => return Ok(value),
            Some('"') => return Err(format!("{text} goes on after its closing quotation mark")),
            Some('\\') => match chars.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                Some(c) => value.extend(['\\', c]),
                None => return Err(format!("{text} ends in a backslash")),
            },
            Some(c) => value.push(c),
        }
    }
}

fn split_outside_quotes(text: &str) -> Result<Vec<String>, String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        if c == ',' && !quoted {
            parts.push(String::new());
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    // One comma may end the list.
    if parts.len() > 1 && parts.last().is_some_and(|last| last.trim().is_empty()) {
        parts.pop();
    }
    if parts.iter().any(|part| part.trim().is_empty()) {
        return Err("an empty matcher".into());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alerts::alert::Labels;

    #[test]
    fn matchers_mean_what_alertmanager_means() {
        let labels: Labels = [("severity", "page"), ("team", "tech")].map(|(k, v)| (k.into(), v.into())).into();
        for (text, matches) in [
            (r#"severity="page""#, true),
            ("severity=page", true),
            (r#"severity=~"page|critical""#, true),
            (r#"severity=~"pag""#, false),
            (r#"severity!~"page""#, false),
            (r#"shift!="""#, false),
            (r#"shift="""#, true),
            (r#"{severity="page", team="tech",}"#, true),
            (r#""severity"="page""#, true),
        ] {
            let read = matchers(text).expect(text);
            assert_eq!(read.iter().all(|matcher| matcher.matches(&labels)), matches, "{text}");
        }
        for text in ["severity", "", "=x", "a=\"b", "a=~\"(\"", "1a=b", "a=b,,c=d", "a=~\"x)|(y\"", "a=\"b\"c"] {
            assert!(matchers(text).is_err(), "{text}");
        }
    }

    #[test]
    fn go_templates_and_protected_names_are_refused() {
        assert!(template("Shift {{ shift.ref }} at {{ shift.start | local }}", TemplatePlace::Message).is_ok());
        assert!(
            template("{{ .CommonLabels.alertname }}", TemplatePlace::Message)
                .is_err_and(|says| says.contains("Go template"))
        );
        assert!(
            template("{{- range .Alerts -}}{{ end }}", TemplatePlace::Message)
                .is_err_and(|says| says.contains("{{ range"))
        );
        assert!(
            template("{{ endpoint }} {{ ends_at }} {{ end }}", TemplatePlace::Message)
                .is_err_and(|says| says.contains("{{ end\""))
        );
        assert!(
            template("{{ endpoint }} {{ ends_at | local }} {% if a %}b{% endif %}", TemplatePlace::Message).is_ok()
        );
        assert!(template("{{ shift.ref", TemplatePlace::Message).is_err());
        assert!(template("{{ client.name }}", TemplatePlace::Message).is_err());
        assert!(template("{{ client.name }}", TemplatePlace::GrantedMail).is_ok());
    }

    #[test]
    fn where_clauses_must_compile() {
        assert!(where_clause(r#"!client.tags.exists(t, t == "respite")"#).is_ok());
        assert!(where_clause("client.tags.exists(").is_err());
    }

    #[test]
    fn the_longest_expressions_that_are_read_do_not_end_the_process() {
        for part in ["{", "(", "[", "f(", "!", "-", "a?b:", "a.", "1+", "a&&", "a||", "a<", "\"", "in "] {
            let n = if part.contains(['{', '(', '[']) { WHERE_BRACKETS_MAX } else { WHERE_BYTES_MAX / part.len() };
            let _ = where_clause(&part.repeat(n));
            let closed = format!("{}a", part.repeat(n.saturating_sub(1)));
            let _ = where_clause(&closed);
        }
        for part in ["(", "[", "-", "not ", "a|", "a.", "{a:", "a if a else ", "a~", "a**", "a and ", "a[", "+"] {
            let most = EXPRESSION_BYTES_MAX / part.len() - 2;
            let n = if part.contains(['{', '(', '[']) { most.min(BRACKETS_MAX) } else { most };
            let _ = template(&format!("{{{{ {}", part.repeat(n)), TemplatePlace::Message);
            let _ = template(&format!("{{{{ {}a }}}}", part.repeat(n)), TemplatePlace::Message);
        }
        let _ =
            template(&format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(ELIFS_MAX)), TemplatePlace::Message);
        assert!(
            template(&format!("{{{{ {} }}}}", "a".repeat(EXPRESSION_BYTES_MAX + 1)), TemplatePlace::Message).is_err()
        );
        let _ = template(&"{% if a %}".repeat(5000), TemplatePlace::Message);
        let _ = matchers(&format!("a=~\"{}\"", "(".repeat(5000)));
        assert!(where_clause(&"(".repeat(WHERE_BRACKETS_MAX + 1)).is_err_and(|says| says.contains("opening brackets")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn any_text_is_read_without_a_panic(
            text in "(\\PC|[a-z]|[ (){}\\[\\]|&!=<>.,\"'?:+*/%~-]|\\{\\{|\\}\\}|\\{%|%\\}){0,30}"
        ) {
            let _ = (matchers(&text), template(&text, TemplatePlace::Message), where_clause(&text));
        }
    }
}
