use proptest::prelude::*;

use super::*;
use crate::model::{CaregiverId, ClientId, Phi};

fn person(name: &str, phones: &[&str]) -> Person {
    let phones = phones.iter().map(|text| (*text).to_owned()).collect();
    Person { name: Phi::new(name.to_owned()), phones: Phi::new(phones), ..Person::default() }
}

fn client(id: &str, name: &str, phones: &[&str]) -> Client {
    let person = person(name, phones);
    Client {
        id: ClientId::new(id),
        active: Some(true),
        is_client: Some(true),
        status: None,
        location: None,
        tags: Vec::new(),
        vendor_agency: None,
        person,
    }
}

fn caregiver(id: &str, name: &str, phones: &[&str], active: bool) -> Caregiver {
    let person = person(name, phones);
    Caregiver {
        id: CaregiverId::new(id),
        active: Some(active),
        hired: Some(true),
        status: None,
        location: None,
        tags: Vec::new(),
        person,
    }
}

fn index() -> Index {
    let clients = [
        client("7001", "Avery Sample", &["2025550110", "2025550144x12"]),
        client("7002", "Avery Samples", &["2025550111"]),
        client("7003", "María José Núñez-Peña", &["2025550112"]),
        client("7004", "王小明", &["2025550113"]),
        client("7005", "أحمد المثال", &[]),
        client("7006", "Алёна Образцова", &[]),
        client("7007", "Blake O'Testa", &["2025550144"]),
        client("55", "Annmarie Example", &["+44 20 7946 0958"]),
        client("7009", "", &[]),
    ];
    let caregivers = [
        caregiver("8001", "Sam Sample", &["2025550110"], true),
        caregiver("8002", "Katharine Muster", &["2025550120"], true),
        caregiver("7001", "Quinn Müller", &[], true),
        caregiver("8004", "Katharine Muster", &[], false),
    ];
    Index::of(&clients, &caregivers)
}

fn ids(asked: &str) -> Vec<String> {
    index().find(asked, 10).0.into_iter().map(|hit| hit.id).collect()
}

#[test]
fn the_first_is_whoever_was_meant() {
    for (asked, first) in [
        ("Avery Sample", "7001"),
        ("sample avery", "7001"),
        ("Sample, Avery", "7001"),
        ("avrey sampel", "7001"),
        ("AVERY SAMPLES", "7002"),
        ("maria nunez", "7003"),
        ("Nunez Pena Maria Jose", "7003"),
        ("José Núñez", "7003"),
        ("王小明", "7004"),
        ("小明 王", "7004"),
        ("小明", "7004"),
        ("احمد المثال", "7005"),
        ("أحمد", "7005"),
        ("алена образцова", "7006"),
        ("ОБРАЗЦОВА", "7006"),
        ("blake otesta", "7007"),
        ("O\u{2019}Testa", "7007"),
        ("ann marie example", "55"),
        ("annmarie", "55"),
        ("kath muster", "8002"),
        ("katherin muster", "8002"),
        ("k muster", "8002"),
        ("mueller", "7001"),
        ("Muller, Q.", "7001"),
        ("Blake Otesta Jr", "7007"),
        ("8002", "8002"),
        ("#8002", "8002"),
        ("+44 (0)20 7946 0958", "55"),
    ] {
        let found = ids(asked);
        assert_eq!(found.first().map(String::as_str), Some(first), "{asked}: {found:?}");
    }
}

#[test]
fn names_of_every_script_and_spelling_are_found_as_people_type_them() {
    let names = [
        "Kim O'Neil",
        "Anne-Marie Testa",
        "Annelise Muster",
        "عبد الله المثال",
        "김민수",
        "สมหญิง ใจดี",
        "陳 大文",
        "Işıl Örnek",
        "Jürgen Groß",
        "Nguyễn Thị Đào",
        "Ludwig van der Beispiel",
        "ג׳ורג׳ לדוגמה",
        "山田 花子",
        "Σοφία Παράδειγμα",
        "अनिल उदाहरण",
        "J. R. Example",
    ];
    let clients: Vec<Client> = names.iter().enumerate().map(|(n, name)| client(&format!("{n}"), name, &[])).collect();
    let index = Index::of(&clients, &[]);
    for (asked, name) in [
        ("oneil", "Kim O'Neil"),
        ("O\u{2018}Neil, Kim", "Kim O'Neil"),
        ("o neil kim", "Kim O'Neil"),
        ("kim oneill", "Kim O'Neil"),
        ("annemarie", "Anne-Marie Testa"),
        ("testa annemarie", "Anne-Marie Testa"),
        ("marie testa", "Anne-Marie Testa"),
        ("anne lise", "Annelise Muster"),
        ("muster anne lise", "Annelise Muster"),
        ("عبدالله", "عبد الله المثال"),
        ("المثال عبد الله", "عبد الله المثال"),
        ("김 민수", "김민수"),
        ("\u{1100}\u{1175}\u{11b7}\u{1106}\u{1175}\u{11ab}\u{1109}\u{116e}", "김민수"),
        ("ใจดี", "สมหญิง ใจดี"),
        ("ใจดี สมหญิง", "สมหญิง ใจดี"),
        ("大文陳", "陳 大文"),
        ("陳大文", "陳 大文"),
        ("isil ornek", "Işıl Örnek"),
        ("IŞIL", "Işıl Örnek"),
        ("gross jurgen", "Jürgen Groß"),
        ("groß", "Jürgen Groß"),
        ("juergen gross", "Jürgen Groß"),
        ("nguyen dao", "Nguyễn Thị Đào"),
        ("Nguye\u{302}\u{303}n Thi\u{323} Đa\u{300}o", "Nguyễn Thị Đào"),
        ("van der beispiel", "Ludwig van der Beispiel"),
        ("vanderbeispiel ludwig", "Ludwig van der Beispiel"),
        ("beispiel, ludwig", "Ludwig van der Beispiel"),
        ("גורג", "ג׳ורג׳ לדוגמה"),
        ("花子", "山田 花子"),
        ("山田花子", "山田 花子"),
        ("σοφια", "Σοφία Παράδειγμα"),
        ("ΠΑΡΑΔΕΙΓΜΑ", "Σοφία Παράδειγμα"),
        ("उदाहरण अनिल", "अनिल उदाहरण"),
        ("jr example", "J. R. Example"),
        ("example j", "J. R. Example"),
    ] {
        let found = index.find(asked, 3).0;
        let first = found.first().and_then(|hit| hit.id.parse::<usize>().ok()).map(|n| names[n]);
        assert_eq!(first, Some(name), "{asked}: {found:?}");
    }
}

#[test]
fn nobody_is_found_by_what_is_nobody_s() {
    for asked in ["", " ", "-", "zzz", "Avery Nobody", "Robin", "999", "2025559999", "x", "'; DROP TABLE", "\u{301}"] {
        assert_eq!(ids(asked), Vec::<String>::new(), "{asked}");
    }
}

#[test]
fn a_phone_is_found_in_any_slot_and_form_and_a_shared_one_finds_all() {
    for (asked, found) in [
        ("(202) 555-0111", vec!["7002"]),
        ("0113", vec!["7004"]),
        ("+1 202 555 0110", vec!["7001", "8001"]),
        ("202.555.0144 x12", vec!["7001", "7007"]),
        ("202.555.0144 ext 9", vec!["7007"]),
        ("2025550144", vec!["7001", "7007"]),
        ("79460958", vec!["55"]),
    ] {
        assert_eq!(ids(asked), found, "{asked}");
    }
}

#[test]
fn a_word_that_is_asked_for_twice_is_one_word_of_a_name() {
    let names = ["Noor Nobody", "Noor Four", "Testa Testa"];
    let clients: Vec<Client> = names.iter().enumerate().map(|(n, name)| client(&format!("{n}"), name, &[])).collect();
    let index = Index::of(&clients, &[]);
    for (asked, exact) in [
        ("Noor Noor", &[][..]),
        ("Noor", &[]),
        ("Nobody Noor", &["0"]),
        ("Noor Nobody Noor", &[]),
        ("Testa", &[]),
        ("Testa Testa", &["2"]),
        ("Testa Testa Testa", &[]),
    ] {
        let (hits, _) = index.find(asked, 10);
        assert!(!hits.is_empty(), "{asked}: they are found all the same");
        let beyond_doubt: Vec<&str> = hits.iter().filter(|hit| hit.exact).map(|hit| hit.id.as_str()).collect();
        assert_eq!(beyond_doubt, exact, "{asked}");
        let is_sure = |hit: &&Hit| hit.score >= 1.0 && !hit.exact;
        assert_eq!(hits.iter().find(is_sure).map(|hit| &hit.id), None, "{asked}");
    }
}

#[test]
fn exact_is_what_leaves_no_doubt() {
    for (asked, n_exact) in [
        ("Avery Sample", 1),
        ("Sample Avery", 1),
        ("Avery", 0),
        ("Avery Avery", 0),
        ("sample avery sample", 0),
        ("7001", 2),
        ("8001", 1),
        ("+12025550111", 1),
        ("2025550110", 2),
        ("0111", 0),
        ("Katharine Muster", 2),
    ] {
        let (hits, _) = index().find(asked, 10);
        assert_eq!(hits.iter().filter(|hit| hit.exact).count(), n_exact, "{asked}: {hits:?}");
    }
    assert_eq!(ids("Katharine Muster"), ["8002", "8004"], "who is active comes first");
    let (hits, n) = index().find("sample", 1);
    assert_eq!((hits.len(), n), (1, 4), "how many there are in all is said");
}

proptest! {
    #[test]
    fn a_name_is_found_with_one_slip_and_in_any_order(
        first in "[a-z]{6,9}", last in "[a-z]{6,9}", place in 0_usize..5, how in 0_u8..4, turned: bool,
    ) {
        let index = Index::of(&[client("1", &format!("{first} {last}"), &[])], &[]);
        let mut typed: Vec<char> = first.chars().collect();
        match how {
            0 => { typed.remove(place); }
            1 => typed.insert(place, 'q'),
            2 => typed[place] = 'q',
            _ => typed.swap(place, place + 1),
        }
        let typed: String = typed.into_iter().collect();
        let asked = if turned { format!("{last}, {typed}") } else { format!("{typed} {last}") };
        prop_assert_eq!(index.find(&asked, 1).1, 1, "{}", asked);
    }

    #[test]
    fn whatever_is_asked_nothing_breaks(asked in ".{0,40}") {
        let _ = index().find(&asked, 5);
    }

    #[test]
    fn whatever_people_are_called_or_their_phones_nothing_breaks(name in ".{0,30}", phone in "[0-9x+(), .;#]{0,20}") {
        let index = Index::of(&[client("1", &name, &[&phone])], &[]);
        let _ = (index.find(&name, 5), index.find(&phone, 5));
        // Whoever is written in letters of some script is found by their own name.
        let letters: String = name.chars().filter(|c| c.is_alphabetic() || *c == ' ').collect();
        let by_letters = Index::of(&[client("1", &letters, &[])], &[]);
        let has_word = !words(&letters).is_empty();
        if has_word && words(&letters).len() <= 6 {
            prop_assert_eq!(by_letters.find(&letters, 1).1, 1, "{:?}", letters);
        }
    }
}
