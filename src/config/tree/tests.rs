use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> (Option<Node>, Vec<String>) {
    let mut faults = Vec::new();
    let root = read("f.yml", text.as_bytes(), &mut faults);
    (root, faults.iter().map(ToString::to_string).collect())
}

fn get<'n>(node: &'n Node, key: &str) -> &'n Node {
    let Value::Map(entries) = &node.value else { panic!("not a mapping: {node:?}") };
    entries.iter().find(|(known, _)| known.text == key).map(|(_, node)| node).expect(key)
}

#[test]
fn nodes_know_their_place_and_order() {
    let (root, faults) = parse("b: 1\na:\n  - 'x'\n  - {y: \"2\", z: }\n");
    assert_eq!(faults, Vec::<String>::new());
    let root = root.expect("a mapping");
    let Value::Map(entries) = &root.value else { panic!() };
    assert_eq!(entries.iter().map(|(key, _)| key.text.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(
        get(&root, "b"),
        &Node { at: Place { line: 1, column: 4 }, value: Value::Scalar { text: "1".into(), quoted: false } }
    );
    let Value::List(items) = &get(&root, "a").value else { panic!() };
    assert_eq!(
        items[0],
        Node { at: Place { line: 3, column: 5 }, value: Value::Scalar { text: "x".into(), quoted: true } }
    );
    assert_eq!(get(&items[1], "y").at, Place { line: 4, column: 9 });
    assert_eq!(get(&items[1], "z").value, Value::Null);
}

#[test]
fn faults_of_syntax_have_a_place_and_a_way_out() {
    for (text, says) in [
        ("", "f.yml:1:1: error: the file is empty"),
        ("# only words\n", "f.yml:1:1: error: the file is empty"),
        (
            "a: 1\nb: 2\na: 3\n",
            "f.yml:3:1: error: \"a\" stands here a second time (first in line 1); keep one of the two",
        ),
        ("a: *gone\n", "f.yml:1:4: error: the alias *gone has no anchor &gone above it"),
        ("a:\n\tb: 1\n", "f.yml:2:1: error: this line is indented with a tab; indent with spaces"),
        ("a: 1\n---\nb: 2\n", "f.yml:2:1: error: a second document begins here"),
        ("a: [1, 2\n", "f.yml:1:4: error: the [ opened here is not closed (noticed in line 2)"),
        ("a: \"open\n", "f.yml:1:4: error: the quotation mark opened here is not closed; close it"),
        ("a: b: c\n", "f.yml:1:5: error: a second \": \" stands in this line"),
        ("a: !secret x\n", "f.yml:1:4: error: a YAML tag"),
        ("[1]: x\n", "a key must be plain text"),
        ("a: &x [*x]\n", "this alias stands inside what it stands for"),
        ("a: &x 1\nb: {<<: *x}\n", "<< needs a mapping"),
    ] {
        let (_, faults) = parse(text);
        assert_eq!(faults.len(), 1, "{text:?}: {faults:?}");
        assert!(faults[0].contains(says), "{text:?}: {faults:?}");
    }
    let mut faults = Vec::new();
    assert!(read("f.yml", b"a: 1\nb: \xff\n", &mut faults).is_none());
    assert!(faults[0].to_string().starts_with("f.yml:2:4: error: the file is not UTF-8"), "{faults:?}");
}

#[test]
fn one_broken_section_leaves_the_others_readable() {
    let (root, faults) = parse("a: 1\nb: [1\nc: 2\nd: \"x\ne: *gone\n");
    let root = root.expect("what could be read");
    assert_eq!(get(&root, "a").value, Value::Scalar { text: "1".into(), quoted: false });
    assert_eq!(get(&root, "b").value, Value::Spoiled);
    assert_eq!(get(&root, "c").value, Value::Scalar { text: "2".into(), quoted: false });
    assert_eq!(get(&root, "d").value, Value::Spoiled);
    let at = |start: &str| faults.iter().any(|fault| fault.starts_with(start));
    assert!(at("f.yml:2:4: error: the [ opened") && at("f.yml:4:4: error: the quotation mark"), "{faults:?}");
}

#[test]
fn aliases_and_merges_stand_for_what_they_name() {
    let (root, faults) = parse("base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nsame: *b\n");
    assert_eq!(faults, Vec::<String>::new());
    let root = root.expect("a mapping");
    let used = get(&root, "use");
    assert_eq!(get(used, "y").value, Value::Scalar { text: "3".into(), quoted: false }, "what is written wins");
    assert_eq!(get(used, "x").value, Value::Scalar { text: "1".into(), quoted: false });
    assert_eq!(get(&root, "same").value, get(&root, "base").value);
}

#[test]
fn a_file_that_multiplies_itself_is_stopped() {
    use std::fmt::Write;
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        writeln!(text, "a{n}: &a{n} [{items}]").expect("text");
    }
    let (_, faults) = parse(&text);
    assert!(faults.iter().any(|fault| fault.contains("more than 100000 values")), "{faults:?}");
    let (_, faults) = parse(&"[".repeat(5000));
    assert_eq!(faults.len(), 1, "{faults:?}");
    let (_, faults) = parse(&(0..200).map(|n| format!("{}k:\n", " ".repeat(n))).collect::<String>());
    assert!(faults.iter().any(|fault| fault.contains("nested more than")), "{faults:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read("f.yml", &bytes, &mut Vec::new());
    }

    #[test]
    fn anything_that_looks_like_yaml_is_read_without_a_panic(
        text in "([a-c]:|- |[ \t\n]|\\{|\\}|\\[|\\]|,|\"|'|&a |\\*a|<<: |!x |\\||>|#|---\n|\\?|x|:|%|@|\u{e9}){0,60}"
    ) {
        let (root, faults) = parse(&text);
        prop_assert!(root.is_some() || !faults.is_empty(), "nothing read and nothing said");
    }
}
