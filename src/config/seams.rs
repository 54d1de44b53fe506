//! The one place where the configuration asks other parts whether their little languages read well.
//!
//! Each answers with the thing itself or with what is wrong and what to write. Expressions are bounded here before any
//! parser sees them, and read on a stack that holds the deepest that is let through.

use crate::{
    notify::{
        fill,
        template::{self, Place},
    },
    rules::where_clause::Where,
};

/// What is wrong, and what to write instead.
pub type Refusal = (String, String);

/// Checks a template by running it on a sample.
pub fn template(source: &str, place: Place) -> Result<(), Refusal> {
    check_size(source).map_err(|what| (what, "write several shorter ones".to_owned()))?;
    let checked = on_a_deep_stack(|| template::check_template(source, place));
    match checked {
        Some(checked) => checked.map_err(|error| (error.to_string(), error.instead())),
        None => Err(("the template does not read".to_owned(), "write it more simply".to_owned())),
    }
}

/// Checks a template of a gateway's request by running it on a sample.
pub fn gateway_template(source: &str) -> Result<(), Refusal> {
    const INSTEAD: &str = "write {{ to }}, {{ text }} or {{ id }}";
    check_size(source).map_err(|what| (what, INSTEAD.to_owned()))?;
    match on_a_deep_stack(|| fill::check(source)) {
        Some(checked) => checked.map_err(|what| (what, INSTEAD.to_owned())),
        None => Err(("the template does not read".to_owned(), INSTEAD.to_owned())),
    }
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

/// Compiles a `where:` expression and runs it on a sample.
pub fn where_clause(source: &str) -> Result<Where, Refusal> {
    let compiled = if source.len() > WHERE_BYTES_MAX || n_brackets(source) > WHERE_BRACKETS_MAX {
        Err(format!("the expression has more than {WHERE_BYTES_MAX} bytes or {WHERE_BRACKETS_MAX} opening brackets"))
    } else {
        on_a_deep_stack(|| Where::compile(source)).map_or_else(
            || Err("the expression does not read".to_owned()),
            |compiled| compiled.map_err(|error| error.to_string()),
        )
    };
    compiled.map_err(|what| (what, WHERE_INSTEAD.to_owned()))
}

const WHERE_INSTEAD: &str = r#"write CEL that gives true or false, such as 'shift.location == "north"'"#;
/// Nobody reads a longer condition.
const WHERE_BYTES_MAX: usize = 4096;
/// CEL's parser spends up to a hundred kilobytes of stack on each bracket.
const WHERE_BRACKETS_MAX: usize = BRACKETS_MAX;
const STACK_BYTES: usize = 256 << 20;

/// Opening brackets in all, closed or not: the parser looks ahead past the closing ones.
fn n_brackets(source: &str) -> usize {
    source.matches(['(', '[', '{']).count()
}

/// Runs on a thread with a stack of its own: a thread of an async runtime has two megabytes, and a stack that ends
/// takes the process with it. Only what is used of it is ever real memory. `None` when no thread can be had.
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work).ok()?.join().ok()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alerts::matcher::Matcher;

    #[test]
    fn where_clauses_must_compile_and_give_a_bool_on_a_sample() {
        assert!(where_clause(r#"!client.tags.exists(t, t == "respite")"#).is_ok());
        for (source, says) in [
            ("client.tags.exists(", "does not read at its character"),
            ("shift.minutes", "gives a value of type int"),
            ("shift.nobody == 1", "on a full sample it fails"),
        ] {
            let (what, instead) = where_clause(source).expect_err(source);
            assert!(what.contains(says) && instead.starts_with("write CEL"), "{source}: {what}");
        }
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
            let _ = template(&format!("{{{{ {}", part.repeat(n)), Place::Message);
            let _ = template(&format!("{{{{ {}a }}}}", part.repeat(n)), Place::Message);
        }
        let _ = template(&format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(ELIFS_MAX)), Place::Message);
        assert!(template(&format!("{{{{ {} }}}}", "a".repeat(EXPRESSION_BYTES_MAX + 1)), Place::Message).is_err());
        let _ = template(&"{% if a %}".repeat(5000), Place::Message);
        let _ = Matcher::parse(&format!("a=~\"{}\"", "(".repeat(5000)));
        assert!(
            where_clause(&"(".repeat(WHERE_BRACKETS_MAX + 1)).is_err_and(|(what, _)| what.contains("opening brackets"))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn any_text_is_read_without_a_panic(
            text in "(\\PC|[a-z]|[ (){}\\[\\]|&!=<>.,\"'?:+*/%~-]|\\{\\{|\\}\\}|\\{%|%\\}){0,30}"
        ) {
            let _ = (Matcher::parse(&text), template(&text, Place::Message), where_clause(&text));
        }
    }
}
