//! Sentences with gaps: `{} calls out of {}` fits `Blake calls out of morning`.

/// What stands in the gaps of a pattern, trimmed, if a text fits it. A gap ends where the pattern's next words first
/// come; none may be empty.
#[must_use]
pub fn fit<'t, const N: usize>(pattern: &str, text: &'t str) -> Option<[&'t str; N]> {
    let mut found = [""; N];
    let mut parts = pattern.split("{}");
    let mut rest = text.trim().strip_prefix(parts.next()?)?;
    let mut n = 0;
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let end = match (part, parts.peek()) {
            ("", None) => rest.len(),
            (part, None) => rest.strip_suffix(part)?.len(),
            (part, Some(_)) => rest.find(part)?,
        };
        let gap = rest[..end].trim();
        if gap.is_empty() {
            return None;
        }
        *found.get_mut(n)? = gap;
        n += 1;
        rest = &rest[end + part.len()..];
    }
    (n == N && rest.is_empty() || N == 0 && rest.is_empty()).then_some(found)
}

/// The parts of a text that stand in quotation marks.
#[must_use]
pub fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_as_one_would_read() {
        assert_eq!(fit("{} calls out of {}", "Blake calls out of Tuesday morning"), Some(["Blake", "Tuesday morning"]));
        assert_eq!(fit("{} is cancelled", "morning is cancelled"), Some(["morning"]));
        assert_eq!(fit("{} is cancelled", "morning is cancelled today"), None::<[&str; 1]>);
        assert_eq!(fit("{} is cancelled", " is cancelled"), None::<[&str; 1]>);
        assert_eq!(fit("nobody is told", "nobody is told"), Some([]));
        assert_eq!(fit("nobody is told", "nobody is told of it"), None::<[&str; 0]>);
        assert_eq!(fit("{} takes {}", "Blake gives morning"), None::<[&str; 2]>);
        assert_eq!(quoted(r#"is told "a b" and "c""#), ["a b", "c"]);
        assert!(quoted("nothing").is_empty());
    }
}
