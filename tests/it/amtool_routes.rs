//! Routing, held to Debian's own `amtool`: what `shiftwatch routes` prints for Alertmanager's files is what
//! `amtool config routes` prints, on files that nobody wrote by hand.
//!
//! The generator here knows what it wrote (each condition comes with a value that meets it); it reads nothing, and
//! shares nothing with the program.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use shiftwatch::{
    commands::routes,
    config::{Config, Routing},
};

/// Files that are compared, each with so many alerts.
const FILES: u64 = 520;
const ALERTS: usize = 2;
/// Levels below the root that each file has at least.
const DEPTH: usize = 4;
const SEED: u64 = 20_261_127;

/// A die without a library (SplitMix64).
struct Die(u64);

impl Die {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}

const NAMES: [&str; 8] = ["severity", "team", "env", "location", "service", "shift", "_x1", "job"];
const VALUES: [&str; 12] = [
    "page",
    "critical",
    "tech",
    "north",
    "prod",
    "Büro 7",
    "a,b",
    "say \"now\"",
    "C:\\temp",
    "{x}",
    "one\ntwo",
    "8-16",
];
/// Expressions, each with a value that the whole of it matches; "" is also what a missing label has.
const EXPRESSIONS: [(&str, &str); 22] = [
    ("page|critical", "page"),
    ("pa.*", "page"),
    ("^north$", "north"),
    (".+", "tech"),
    (".*", ""),
    ("", ""),
    ("[a-c]+\\d{2}", "ab12"),
    ("(?i)NORTH|SOUTH", "North"),
    ("prod-\\d+", "prod-7"),
    ("[^x]+", "north"),
    ("(te|ta)ch?", "tech"),
    ("\\w+ \\d", "shift 7"),
    ("a{,2}|b", "a{,2}"),
    ("[[]x[]]", "[x]"),
    ("[\\w.-]+", "a.b-c"),
    ("x?", ""),
    ("\\Qa.b\\E.*", "a.bc"),
    ("[[:upper:]]{2,}", "ABC"),
    ("(?s)one.two", "one\ntwo"),
    ("a&&b|[a&&b]+", "a&b"),
    ("\\bnight\\b", "night"),
    ("\\x41\\102", "AB"),
];

/// One condition, and a value that meets it; `None` where anything else than a value does.
struct Condition {
    name: &'static str,
    sign: &'static str,
    value: &'static str,
    witness: Option<&'static str>,
}

struct Node {
    receiver: Option<usize>,
    conditions: Vec<Condition>,
    continues: bool,
    children: Vec<Node>,
}

fn condition(die: &mut Die) -> Condition {
    let name = die.pick(&NAMES);
    let (expression, matched) = EXPRESSIONS[die.roll(EXPRESSIONS.len())];
    let value = if die.one_in(6) { "" } else { die.pick(&VALUES) };
    let other = VALUES.into_iter().find(|other| *other != value);
    match die.roll(8) {
        0..=2 => Condition { name, sign: "=", value, witness: Some(value) },
        3 => Condition { name, sign: "!=", value, witness: other },
        4..=6 => Condition { name, sign: "=~", value: expression, witness: Some(matched) },
        // Nothing in the lists matches this one.
        _ => Condition { name, sign: "!~", value: "none|of.these", witness: if die.one_in(2) { other } else { None } },
    }
}

fn node(die: &mut Die, depth: usize, least: usize) -> Node {
    let n_children = match depth {
        _ if depth < least => 1 + die.roll(2),
        0..6 => die.roll(2),
        _ => 0,
    };
    let mut conditions: Vec<Condition> = Vec::new();
    for _ in 0..=die.roll(3) {
        let new = condition(die);
        // A file may ask the impossible; these would only make more alerts stop early.
        if conditions.iter().all(|old| old.name != new.name) {
            conditions.push(new);
        }
    }
    if die.one_in(12) {
        conditions.clear();
    }
    // One child goes on to the full depth, the others end where they like.
    let spine = die.roll(n_children.max(1));
    let children = (0..n_children)
        .map(|n| {
            let to = if n == spine { least } else { DEPTH.min(depth + die.roll(2)) };
            node(die, depth + 1, to)
        })
        .collect();
    Node { receiver: (!die.one_in(3)).then(|| die.roll(9)), conditions, continues: die.one_in(4), children }
}

fn depth(node: &Node) -> usize {
    1 + node.children.iter().map(depth).max().unwrap_or(0)
}

/// In single quotes, as YAML takes any text of one line.
fn yaml(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// In double quotes, as a matcher takes any text.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// A matcher in one of the ways that it can be written.
fn matcher(die: &mut Die, it: &Condition) -> String {
    let plain =
        !it.value.is_empty() && it.value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '*' | '|'));
    let space = die.pick(&["", " ", "  "]);
    // A backslash that escapes nothing stands for itself.
    let lazy = it.sign.contains('~')
        && !it.value.contains(['"', '\n'])
        && !it.value.contains("\\\\")
        && !it.value.contains("\\n");
    let value = match die.roll(3) {
        0 if plain => it.value.to_owned(),
        1 if lazy => format!("\"{}\"", it.value),
        _ => quoted(it.value),
    };
    format!("{}{space}{}{space}{value}", it.name, it.sign)
}

fn write_node(die: &mut Die, node: &Node, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    let mut lines: Vec<String> = Vec::new();
    if let Some(n) = node.receiver {
        lines.push(format!("receiver: r{n}"));
    }
    if node.continues {
        lines.push("continue: true".into());
    }
    match die.roll(8) {
        0 => lines.push("group_by: ['...']".into()),
        1 => lines.push("group_by: [agency, shift]".into()),
        2 => lines.push("group_by: []".into()),
        3 => lines
            .push("group_wait: 0s\n{pad}  group_interval: 1m30s\n{pad}  repeat_interval: 1d".replace("{pad}", &pad)),
        4 => lines.push("mute_time_intervals: [nights]\n{pad}  active_time_intervals: [days]".replace("{pad}", &pad)),
        _ => {}
    }
    let (mut equal, mut regex, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for it in &node.conditions {
        let one_line = !it.value.contains('\n');
        match (it.sign, die.roll(3)) {
            ("=", 0) if one_line => equal.push(format!("{}: {}", it.name, yaml(it.value))),
            ("=~", 0) if one_line => regex.push(format!("{}: {}", it.name, yaml(it.value))),
            _ => rest.push(matcher(die, it)),
        }
    }
    for (key, pairs) in [("match", equal), ("match_re", regex)] {
        if !pairs.is_empty() {
            lines.push(format!("{key}: {{ {} }}", pairs.join(", ")));
        }
    }
    if !rest.is_empty() {
        let texts: Vec<String> = match die.roll(4) {
            0 => vec![format!("{{{}}}", rest.join(", "))],
            1 => vec![format!("{},", rest.join(","))],
            2 => vec![rest.join(" , ")],
            _ => rest,
        };
        lines.push(format!("matchers: [{}]", texts.iter().map(|text| yaml(text)).collect::<Vec<_>>().join(", ")));
    }
    if lines.is_empty() {
        lines.push("continue: false".into());
    }
    for (n, line) in lines.iter().enumerate() {
        writeln!(out, "{pad}{}{line}", if n == 0 { "- " } else { "  " }).unwrap();
    }
    if !node.children.is_empty() {
        writeln!(out, "{pad}  routes:").unwrap();
        for child in &node.children {
            write_node(die, child, indent + 2, out);
        }
    }
}

fn file(die: &mut Die, root: &Node) -> String {
    let mut out =
        "global: { resolve_timeout: 5m }\nroute:\n  receiver: root\n  group_by: [agency]\n  routes:\n".to_owned();
    for child in &root.children {
        write_node(die, child, 2, &mut out);
    }
    out += "receivers:\n- name: root\n";
    for n in 0..9 {
        writeln!(out, "- name: r{n}").unwrap();
    }
    out + "time_intervals:\n- { name: nights, time_intervals: [ { times: [ { start_time: '22:00', end_time: '24:00' } ] } ] }\n- { name: days, time_intervals: [ { weekdays: ['monday:friday'], days_of_month: ['1:-1'], location: America/Denver } ] }\n"
}

/// The labels of an alert that goes some way down, and a few more.
fn alert(die: &mut Die, root: &Node) -> Vec<(&'static str, &'static str)> {
    let mut labels: Vec<(&'static str, &'static str)> = Vec::new();
    for _ in 0..die.roll(3) {
        labels.push((die.pick(&NAMES), die.pick(&VALUES)));
    }
    let mut at = root;
    while !at.children.is_empty() && (at.children.len() >= 3 || !die.one_in(8)) {
        at = &at.children[die.roll(at.children.len())];
        for it in &at.conditions {
            labels.retain(|(name, _)| *name != it.name);
            labels.extend(it.witness.map(|value| (it.name, value)));
        }
    }
    labels.retain(|(_, value)| !value.is_empty() || die.one_in(2));
    let mut names = Vec::new();
    labels.retain(|(name, _)| {
        !names.contains(name) && {
            names.push(*name);
            true
        }
    });
    labels
}

fn amtool(arguments: &[&str]) -> (bool, String, String) {
    let said = Command::new("amtool")
        .args(arguments)
        .env_remove("ALERTMANAGER_URL")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!("amtool could not be started ({error}): apt-get install prometheus-alertmanager")
        });
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (said.status.success(), text(said.stdout), text(said.stderr))
}

/// What `routes test` prints, by the function that the command calls.
fn ours(routing: &Routing, labels: &[String]) -> String {
    let labels = labels.iter().map(|text| routes::label(text).unwrap()).collect();
    let mut out = Vec::new();
    routes::test(&routing.route, &routes::Wish { labels, ..routes::Wish::default() }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn read(path: &Path) -> Routing {
    let said = |faults: Vec<shiftwatch::config::fault::Fault>| -> String {
        faults.iter().map(|fault| format!("{fault}\n")).collect()
    };
    let (routing, _) = Config::routing(path, &|_| None).map_err(said).unwrap_or_else(|faults| {
        panic!("{faults}{}", fs::read_to_string(path).unwrap());
    });
    routing
}

/// How many alerts were compared, and how many of them left the root.
#[derive(Default)]
struct Tally {
    alerts: usize,
    left: usize,
    shallow: usize,
}

fn compare(n: u64, folder: &Path, tally: &mut Tally) {
    let die = &mut Die(SEED.wrapping_mul(1000).wrapping_add(n));
    let root = Node {
        receiver: None,
        conditions: Vec::new(),
        continues: false,
        children: (0..3 + die.roll(3))
            .map(|child| {
                let to = if child == 0 { DEPTH } else { 1 + die.roll(DEPTH) };
                node(die, 1, to)
            })
            .collect(),
    };
    let text = file(die, &root);
    let path = folder.join(format!("{n}.yml"));
    fs::write(&path, &text).unwrap();
    let shown = path.to_str().unwrap();
    tally.shallow += usize::from(depth(&root) - 1 < DEPTH);
    let routing = read(&path);
    for _ in 0..ALERTS {
        let labels: Vec<String> =
            alert(die, &root).iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
        let mut arguments = vec!["config", "routes", "test", "--config.file", shown];
        arguments.extend(labels.iter().map(String::as_str));
        let (done, theirs, why) = amtool(&arguments);
        assert!(done, "file {n} is not one that Alertmanager takes: {why}{text}");
        assert_eq!(ours(&routing, &labels), theirs, "file {n}, {labels:?}:\n{text}");
        tally.alerts += 1;
        tally.left += usize::from(theirs != "root\n");
    }
}

#[test]
fn files_that_nobody_wrote_route_as_alertmanager_routes_them() {
    let folder = tempfile::tempdir().unwrap();
    let threads = 4;
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let work = |part: u64| {
            let folder = folder.path();
            move || {
                let mut tally = Tally::default();
                for n in (part..FILES).step_by(usize::try_from(threads).unwrap()) {
                    compare(n, folder, &mut tally);
                }
                tally
            }
        };
        let parts: Vec<_> = (0..threads).map(|part| scope.spawn(work(part))).collect();
        parts.into_iter().map(|part| part.join().unwrap_or_else(|fault| std::panic::resume_unwind(fault))).collect()
    });
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let (alerts, left) = (sum(|tally| tally.alerts), sum(|tally| tally.left));
    println!("{FILES} files, {alerts} alerts, {left} left the root route");
    assert_eq!(alerts, usize::try_from(FILES).unwrap() * ALERTS);
    assert_eq!(sum(|tally| tally.shallow), 0, "every file has {DEPTH} levels");
    assert!(left * 100 >= alerts * 60, "only {left} of {alerts} left the root route");
}

/// The program itself, with its exit codes, and the drawings.
#[test]
fn the_command_prints_what_amtool_prints() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..6 {
        let die = &mut Die(n);
        let root = Node {
            receiver: None,
            conditions: Vec::new(),
            continues: false,
            children: vec![node(die, 1, DEPTH), node(die, 1, DEPTH)],
        };
        let path = folder.path().join("am.yml");
        fs::write(&path, file(die, &root)).unwrap();
        let path = path.to_str().unwrap();
        let labels: Vec<String> =
            alert(die, &root).iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        for (arguments, given) in [
            (vec![], vec![]),
            (vec!["show"], vec![]),
            (vec!["test"], labels.clone()),
            (vec!["test", "--tree"], labels.clone()),
            (vec!["test", "--verify.receivers=nobody"], labels.clone()),
            (vec!["test", "--verify.receivers=root"], vec!["nothing=here"]),
        ] {
            let with = |before: &[&str]| -> Vec<String> {
                before
                    .iter()
                    .chain(&arguments)
                    .chain(&["--config.file", path])
                    .chain(&given)
                    .map(|it| (*it).to_owned())
                    .collect()
            };
            let theirs = with(&["config", "routes"]);
            let (done, theirs, _) = amtool(&theirs.iter().map(String::as_str).collect::<Vec<_>>());
            let ours = Command::new(env!("CARGO_BIN_EXE_shiftwatch")).args(with(&["routes"])).output().unwrap();
            assert_eq!(String::from_utf8(ours.stdout).unwrap(), theirs, "{arguments:?} {given:?}");
            assert_eq!(ours.status.code(), Some(i32::from(!done)), "{arguments:?} {given:?}");
        }
    }
    let used_wrongly =
        Command::new(env!("CARGO_BIN_EXE_shiftwatch")).args(["routes", "test", "severity"]).output().unwrap();
    assert_eq!(used_wrongly.status.code(), Some(2));
}

/// What stands in for `HERE` in a file that is good without it.
const AROUND: &str =
    "route: { receiver: a, group_by: [x], routes: [ { ROUTE } ] }\nreceivers: [ { name: a }, { name: b } ]\nTOP\n";

/// Files that Alertmanager takes or refuses, and we with it.
#[test]
fn what_alertmanager_refuses_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let route = |text: &str| AROUND.replace("ROUTE", text).replace("TOP", "");
    let top = |text: &str| AROUND.replace("ROUTE", "receiver: b").replace("TOP", text);
    let interval = |text: &str| top(&format!("time_intervals: [ {{ name: i, time_intervals: [ {{ {text} }} ] }} ]"));
    let whole = |text: &str| text.to_owned();
    let rows = [
        (true, route("receiver: b")),
        (true, route("receiver:")),
        (true, route("receiver: ''")),
        (false, route("receiver: c")),
        (true, route("matchers: []")),
        (true, route("matchers: ['']")),
        (true, route("matchers: ['{}']")),
        (true, route("matchers: ['a=']")),
        (true, route("matchers: ['{a=\"b\"']")),
        (false, route("matchers: ['a']")),
        (false, route("matchers: ['a=\"b']")),
        (false, route("matchers: ['a=~\"(\"']")),
        (false, route("matchers: ['a=~\"x**\"']")),
        (false, route("matchers: ['a=~\"x{1001}\"']")),
        (false, route("matchers: ['a=~\"(?=x)\"']")),
        (true, route("match: { a: }")),
        (true, route("match: { a: 1, b: true }")),
        (false, route("match: { a-b: x }")),
        (false, route("match: { a: [x] }")),
        (true, route("match_re: { a: '' }")),
        (false, route("match_re: { a: '[' }")),
        (false, route("match_re: { '1a': x }")),
        (true, route("group_by: []")),
        (true, route("group_by: ['...']")),
        (false, route("group_by: ['...', a]")),
        (false, route("group_by: [a, a]")),
        (true, route("group_wait: 0s")),
        (false, route("group_wait: 10")),
        (false, route("group_interval: 0s")),
        (false, route("repeat_interval: 0s")),
        (true, route("repeat_interval: 1w2d")),
        (false, route("repeat_interval: soon")),
        (true, route("continue: yes")),
        (false, route("continue: perhaps")),
        (false, route("mute_time_intervals: [i]")),
        (false, route("active_time_intervals: [i]")),
        (false, route("recevier: b")),
        (true, route("routes: [ { routes: [ {} ] } ]")),
        (true, top("")),
        (true, top("templates: []")),
        (true, top("inhibit_rules: [ { source_match: { a: b }, target_match_re: { a: c }, equal: [x, y] } ]")),
        (false, top("inhibit_rules: [ { source_match: { a-b: c } } ]")),
        (false, top("inhibit_rules: [ { source_matchers: ['a'] } ]")),
        (false, top("inhibit_rules: [ { sources: [] } ]")),
        (false, top("nonsense: 1")),
        (false, top("global: { nonsense: 1 }")),
        (
            true,
            top("global: { slack_api_url: 'http://127.0.0.1/', smtp_smarthost: 'a:25', opsgenie_api_key: invented }"),
        ),
        (true, top("mute_time_intervals: [ { name: i, time_intervals: [] } ]")),
        (false, top("time_intervals: [ { time_intervals: [] } ]")),
        (false, top("time_intervals: [ { name: i, time_intervals: [] }, { name: i, time_intervals: [] } ]")),
        (true, interval("times: [ { start_time: '00:00', end_time: '24:00' } ]")),
        (false, interval("times: [ { start_time: '8:00', end_time: '24:00' } ]")),
        (false, interval("times: [ { start_time: '22:00', end_time: '06:00' } ]")),
        (false, interval("times: [ { start_time: '22:00' } ]")),
        (true, interval("weekdays: ['monday:friday', Sunday]")),
        (false, interval("weekdays: ['friday:monday']")),
        (false, interval("weekdays: [mon]")),
        (true, interval("days_of_month: ['1:-1', '-3:-1', '31']")),
        (false, interval("days_of_month: ['0']")),
        (false, interval("days_of_month: ['32']")),
        (false, interval("days_of_month: ['-1:1']")),
        (false, interval("days_of_month: ['-1:-3']")),
        (true, interval("days_of_month: ['18:-10']")),
        (false, interval("days_of_month: ['19:-10']")),
        (true, interval("months: ['january:march', '5', 'june:8']")),
        (false, interval("months: ['may:january']")),
        (false, interval("months: [thermidor]")),
        (true, interval("years: ['2026', '2027:2030']")),
        (false, interval("years: ['2030:2027']")),
        (true, interval("location: America/Denver")),
        (false, interval("location: America/Nowhere")),
        (true, interval("times: []")),
        (false, interval("hours: []")),
        (false, whole("receivers: [ { name: a } ]\n")),
        (false, whole("route: {}\nreceivers: [ { name: a } ]\n")),
        (false, whole("route: { receiver: a }\n")),
        (false, whole("route: { receiver: a }\nreceivers: [ { name: a }, { name: a } ]\n")),
        (false, whole("route: { receiver: a }\nreceivers: [ { name: a }, { webhook_configs: [] } ]\n")),
        (false, whole("route: { receiver: a }\nreceivers: [ { name: a, nonsense: [] } ]\n")),
        (false, whole("route: { receiver: a, matchers: ['a=b'] }\nreceivers: [ { name: a } ]\n")),
        (false, whole("route: { receiver: a, match: { a: b } }\nreceivers: [ { name: a } ]\n")),
        (true, whole("route: { receiver: a, match: {}, matchers: [], continue: false }\nreceivers: [ { name: a } ]\n")),
        (false, whole("route: { receiver: a, continue: true }\nreceivers: [ { name: a } ]\n")),
        (
            false,
            whole(
                "route: { receiver: a, mute_time_intervals: [i] }\nreceivers: [ { name: a } ]\ntime_intervals: [ { name: i, time_intervals: [] } ]\n",
            ),
        ),
        (
            true,
            whole(
                "route: { receiver: a }\nreceivers: [ { name: a, slack_configs: [ { api_url: 'http://127.0.0.1/', channel: x } ], pagerduty_configs: [ { routing_key: invented } ], webhook_configs: [ { url: 'http://127.0.0.1/' } ] } ]\n",
            ),
        ),
    ];
    for (n, (good, text)) in rows.iter().enumerate() {
        let path = folder.path().join(format!("{n}.yml"));
        fs::write(&path, text).unwrap();
        let (theirs, _, why) = amtool(&["check-config", path.to_str().unwrap()]);
        let ours = Config::routing(&path, &|_| None);
        assert_eq!((theirs, ours.is_ok()), (*good, *good), "(amtool, ours) on\n{text}{why}{:?}", ours.err());
    }
}
