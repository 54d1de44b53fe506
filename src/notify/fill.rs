//! Fills in the templates of a gateway's request: `{{ to }}`, `{{ text }}`, `{{ id }}`.
//!
//! Given: a template and three values. Gives: text, escaped by nothing: whoever writes it into JSON, a form or a URL
//! escapes it there. Does not: know the gateway.

use minijinja::{Environment, UndefinedBehavior, context};

/// More is no template of one request.
const FUEL: u64 = 20_000;

/// What the templates of a request may use.
#[derive(Clone, Copy)]
pub struct Filling<'a> {
    /// The number the text goes to, E.164.
    pub to: &'a str,
    /// The text.
    pub text: &'a str,
    /// The message's id; in the address of a status, the provider's.
    pub id: &'a str,
}

/// The template with its values.
///
/// # Errors
/// What is wrong with it, without any of the values.
pub fn fill(source: &str, filling: Filling<'_>) -> Result<String, String> {
    if !source.contains('{') {
        return Ok(source.to_owned());
    }
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    let Filling { to, text, id } = filling;
    env.render_str(source, context! { to, text, id }).map_err(|error| format!("the template fails: {}", error.kind()))
}

/// Runs a template on a sample.
///
/// # Errors
/// What is wrong with it.
pub fn check(source: &str) -> Result<(), String> {
    fill(source, Filling { to: "+12025550111", text: "CCA: a test", id: "0123456789abcdef" }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_as_they_are() {
        let filling = Filling { to: "+12025550111", text: "a \"quoted\" {{ to }} & more", id: "m1" };
        for (shows, source, expected) in [
            ("plain text", "hello", "hello"),
            ("the number", "{{ to }}", "+12025550111"),
            ("without its plus", "{{ to[1:] }}", "12025550111"),
            ("nothing in a value is run or escaped", "{{ text }}", "a \"quoted\" {{ to }} & more"),
            ("several", "{{ id }}/{{ to }}", "m1/+12025550111"),
        ] {
            assert_eq!(fill(source, filling).as_deref(), Ok(expected), "{shows}");
        }
        assert!(check("{{ too }}").is_err(), "an unknown name");
        assert!(check("{{ to").is_err());
        assert!(check("{% for a in range(100000) %}{{ a }}{% endfor %}").is_err(), "endless");
    }
}
