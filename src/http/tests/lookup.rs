//! Look-up over real HTTP: names for whoever signed in, ids for everybody, and a row in the audit before each name.

use std::sync::OnceLock;

use super::{audit::local, *};
use crate::{
    app::lookup::{cover_of, finish, gather, index_of, rosters, shifts_of, together},
    mirror::{
        Mirror,
        fixture::{BASE, HOUR, Reading, caregiver, client, mirror, shift, visit},
    },
    model::Phi,
    report::cover::{FoundCover, Past, Terms},
    report::lookup::{
        Kind,
        answer::{FoundAnswer, PersonAnswer, ShiftsAnswer, ShownCover},
        index::Index,
        profile::FoundProfile,
        shifts::{FoundShifts, State},
    },
};

use crate::http::lookup::{FoundPeople, ShiftsWish};

/// An agency of three clients and a caregiver around noon; one shift runs, one has nobody.
fn world() -> &'static (Mirror, Index) {
    static WORLD: OnceLock<(Mirror, Index)> = OnceLock::new();
    WORLD.get_or_init(|| {
        let now = noon().timestamp() - BASE;
        let (from, until) = (now - 8 * 24 * HOUR, now + 20 * 24 * HOUR);
        let mut mirror = mirror();
        let mut blake = client("7000102", Some(true), Some(true));
        blake.person.name = Phi::new("Blake Muster".to_owned());
        blake.person.phones = Phi::new(vec!["2025550144x12".to_owned()]);
        let mut third = client("7000103", Some(true), Some(false));
        third.person.name = Phi::new("Avery Samples".to_owned());
        let mut casey = caregiver("8000201");
        casey.person.name = Phi::new("Casey Avery".to_owned());
        Reading::clients(now - 60, vec![client("7000101", Some(true), Some(true)), blake, third]).into(&mut mirror);
        Reading::caregivers(now - 60, vec![casey]).into(&mut mirror);
        let shifts = vec![
            shift("90010001", "7000101", now - HOUR, 4, Some("8000201")),
            shift("90010002", "7000101", now + 3 * HOUR, 4, None),
        ];
        Reading::shifts("7000101", now - 60, shifts).within(from, until).into(&mut mirror);
        for other in ["7000102", "7000103"] {
            Reading::shifts(other, now - 60, Vec::new()).within(from, until).into(&mut mirror);
        }
        let visits = vec![visit("v1", Some("90010001"), "7000101", now - HOUR + 60, None)];
        Reading::visits(None, now - 30, visits).within(from, until).into(&mut mirror);
        let index = index_of(&mirror);
        (mirror, index)
    })
}

impl Lookup for Noted {
    fn find<'a>(&'a self, agency: Option<&'a str>, asked: &'a str, ids_only: bool) -> BoxFuture<'a, FoundPeople> {
        let (mirror, index) = world();
        let mut found = FoundPeople::default();
        if agency.is_some_and(|name| name != "main") {
            return Box::pin(std::future::ready(found));
        }
        gather(&mut found, index, mirror.settings(), rosters(mirror), asked, ids_only);
        Box::pin(std::future::ready(finish(found)))
    }

    fn profile<'a>(&'a self, _: Option<&'a str>, kind: Kind, id: &'a str) -> BoxFuture<'a, Option<FoundProfile>> {
        Box::pin(std::future::ready(FoundProfile::of(&world().0, kind, id, noon())))
    }

    fn cover<'a>(&'a self, _: Option<&'a str>, shift: &'a str) -> BoxFuture<'a, Option<FoundCover>> {
        Box::pin(std::future::ready(cover_of(&world().0, &Terms::default(), &Past::default(), shift, noon())))
    }

    fn shifts(&self, wish: ShiftsWish) -> BoxFuture<'_, FoundShifts> {
        let is_ours = wish.agency.as_deref().is_none_or(|name| name == "main");
        let found = is_ours.then(|| shifts_of(&world().0, &wish, noon()));
        Box::pin(std::future::ready(together(found.into_iter().collect())))
    }
}

async fn search(site: &Site, q: &str, signed_in: bool) -> FoundAnswer {
    let request = site.ask(Method::POST, "/api/v1/lookup").json(&json!({ "q": q }));
    let (status, body) = answer(if signed_in { local(request) } else { request }).await;
    assert_eq!(status, 200, "{body}");
    assert!(signed_in || !body.contains("Avery"), "{body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn a_name_finds_whoever_was_meant_for_those_who_signed_in() {
    let site = Site::open(vec![uncovered("1")]).await;
    let found = search(&site, "sampel avery", true).await;
    let ids: Vec<&str> = found.candidates.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["7000101", "7000103"], "the one who is active first: {found:?}");
    assert_eq!(found.candidates[0].name.as_deref(), Some("Avery Sample"));
    assert!(found.profile.is_none() && found.roster.complete && found.roster.as_of.is_some(), "{found:?}");
    let row = lock(&site.orders.audit).last().cloned().unwrap();
    assert_eq!((row.what.as_str(), row.about.as_str()), ("/api/v1/lookup", "client 7000101, client 7000103"));

    let sole = search(&site, "Avery Sample", true).await.profile.expect("to the letter");
    assert_eq!((sole.profile.id.as_str(), sole.profile.name.as_deref()), ("7000101", Some("Avery Sample")));
    assert_eq!(sole.alerts.as_ref().map(Vec::len), Some(1), "{:?}", sole.alerts);
    let phone = search(&site, "+1 (202) 555-0144 ext 12", true).await.profile.expect("one has it");
    assert_eq!(phone.profile.id, "7000102");
    assert_eq!(search(&site, "Nobody Atall", true).await.candidates, []);
}

#[tokio::test]
async fn without_sign_in_only_an_id_is_answered_and_with_nothing_but_ids() {
    let site = Site::open(vec![uncovered("1")]).await;
    for q in ["Avery Sample", "avery", "2025550143", "0143"] {
        let found = search(&site, q, false).await;
        assert!(found.candidates.is_empty() && found.profile.is_none(), "{q}: {found:?}");
        assert!(found.names.words().contains("signed in"), "{q}");
    }
    let found = search(&site, "7000101", false).await;
    let profile = found.profile.expect("an id").profile;
    assert_eq!((profile.name, profile.phones, profile.address), (None, None, None));
    assert_eq!(profile.shifts.len(), 2);
    assert!(profile.shifts.iter().all(|shift| shift.client_name.is_none() && shift.caregiver_name.is_none()));
    assert!(lock(&site.orders.audit).is_empty());
    // Who may see names, and cannot be written down, is answered as if they may not.
    *lock(&site.orders.fail) = true;
    let found = search(&site, "Avery Sample", true).await;
    assert!(found.candidates.is_empty() && found.profile.is_none() && found.names.words().contains("left out"));
}

#[tokio::test]
async fn shifts_of_nobody_are_refused_and_not_answered_with_none() {
    let site = Site::open(Vec::new()).await;
    for (query, says) in [
        ("agency=mian&state=uncovered", "no agency is called \"mian\"; there is main"),
        ("client=7999999", "no client with the id \"7999999\" is known"),
        ("caregiver=1&agency=main", "no caregiver with the id \"1\" is known in main"),
    ] {
        let (status, body) = site.get(&format!("/api/v1/shifts?{query}")).await;
        assert!(status == 404 && body.contains(&says.replace('"', "\\\"")), "{query}: {status} {body}");
    }
    // Somebody without a shift on that day is somebody.
    for query in ["client=7000102&day=2031-01-01", "agency=main&day=2031-01-01", "client=7000101"] {
        let (status, body) = site.get(&format!("/api/v1/shifts?{query}")).await;
        let answer: ShiftsAnswer = serde_json::from_str(&body).unwrap();
        assert!(status == 200 && answer.at.is_some(), "{query}: {status} {body}");
    }
    let (status, body) = site.get("/api/v1/shifts/999/cover").await;
    assert!(status == 404 && body.contains("999") && body.contains("shiftwatch shifts"), "{status} {body}");
}

#[tokio::test]
async fn a_profile_holds_what_is_known_and_how_fresh_it_is() {
    let site = Site::open(vec![uncovered("1")]).await;
    let get = async |path: &str| {
        let (status, body) = answer(local(site.ask(Method::GET, path))).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    };
    let client: PersonAnswer = serde_json::from_str(&get("/api/v1/clients/7000101?agency=main").await).unwrap();
    let of = &client.profile;
    assert_eq!(of.phones.as_deref(), Some(&["2025550143".to_owned()][..]));
    assert_eq!(
        (of.address.as_deref(), of.location.as_str(), of.tags.as_slice()),
        (Some("1 Test Way"), "north", &["respite".to_owned()][..])
    );
    let states: Vec<State> = of.shifts.iter().map(|shift| shift.state).collect();
    assert_eq!(states, [State::Running, State::Uncovered]);
    assert_eq!(of.shifts[0].caregiver_name.as_deref(), Some("Casey Avery"));
    assert!(of.shifts_freshness.complete && of.shifts_freshness.as_of < Some(noon()), "{:?}", of.shifts_freshness);
    assert_eq!((of.visits.len(), of.visits[0].open), (1, true));
    let row = lock(&site.orders.audit).last().cloned().unwrap();
    assert_eq!(
        (row.what.as_str(), row.about.as_str()),
        ("/api/v1/clients/7000101", "client 7000101, caregiver 8000201")
    );
    let caregiver: PersonAnswer = serde_json::from_str(&get("/api/v1/caregivers/8000201").await).unwrap();
    assert_eq!((caregiver.profile.shifts.len(), caregiver.profile.hired), (1, Some(true)));
    for path in ["/api/v1/clients/1", "/api/v1/caregivers/7000101", "/clients/1", "/caregivers/x"] {
        let (status, body) = site.get(path).await;
        assert!(status == 404 && body.contains("this id"), "{path}: {body}");
    }
}

#[tokio::test]
async fn shifts_are_listed_by_whom_when_and_how_they_stand() {
    let site = Site::open(Vec::new()).await;
    for (query, refs) in [
        ("", vec!["90010001", "90010002"]),
        ("?day=today&state=uncovered", vec!["90010002"]),
        ("?state=running,uncovered", vec!["90010001", "90010002"]),
        ("?day=tomorrow", vec![]),
        ("?day=2026-12-01&client=7000101", vec!["90010001", "90010002"]),
        ("?caregiver=8000201", vec!["90010001"]),
        ("?client=7000102", vec![]),
    ] {
        let (status, body) = site.get(&format!("/api/v1/shifts{query}")).await;
        assert_eq!(status, 200, "{query}: {body}");
        let found: ShiftsAnswer = serde_json::from_str(&body).unwrap();
        let got: Vec<&str> = found.shifts.iter().map(|shift| shift.reference.as_str()).collect();
        assert_eq!((got, found.n), (refs.clone(), refs.len()), "{query}");
        assert!(found.freshness.as_of.is_some() && found.freshness.complete, "{query}: {:?}", found.freshness);
    }
    let (_, body) = site.get("/api/v1/shifts?client=7000101&day=2026-01-01").await;
    let old: ShiftsAnswer = serde_json::from_str(&body).unwrap();
    assert!(!old.freshness.complete, "what memory does not reach is not complete");
    for query in [
        "?day=-262143-01-01",
        "?client=7000101&from=-262143-01-01&to=-262143-01-02",
        "?day=someday",
        "?state=fine",
        "?shift=1",
    ] {
        assert_eq!(site.get(&format!("/api/v1/shifts{query}")).await.0, 400, "{query}");
    }
    for body in [json!({}), json!({"q": " "}), json!({"q": "x".repeat(201)}), json!({"q": "x", "z": 1})] {
        assert_eq!(site.post("/api/v1/lookup", &body).await.0, 400, "{body}");
    }
}

#[tokio::test]
async fn the_board_finds_people_and_puts_no_name_into_an_address() {
    let site = Site::open(vec![uncovered("1")]).await;
    let form = |body: &'static str| {
        local(site.ask(Method::POST, "/people")).header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    assert!(site.get("/people").await.1.contains("in any order"));
    let (status, page) = answer(form("q=avery+sampel")).await;
    assert_eq!(status, 200);
    assert!(
        page.contains("<bdi>Avery Sample</bdi>") && page.contains("&#x2f;clients&#x2f;7000101?agency=main"),
        "{page}"
    );
    assert!(!page.contains("q=avery"), "{page}");
    // Straight to whoever was meant; the client's library follows the redirect without the key.
    let straight = form("q=Avery+Sample").send().await.unwrap();
    assert_eq!(straight.url().path(), "/clients/7000101");
    let (_, page) = answer(local(site.ask(Method::GET, "/clients/7000101"))).await;
    assert!(page.contains("<h1><bdi>Avery Sample</bdi></h1>") && page.contains("<title>Client 7000101"), "{page}");
    assert!(
        page.contains("href=\"tel:2025550143\"") && page.contains("Casey Avery") && page.contains("uncovered"),
        "{page}"
    );
    let (_, page) = site.get("/clients/7000101").await;
    assert!(!page.contains("Avery") && page.contains("client 7000101") && page.contains("signed in"), "{page}");
    let (status, page) = answer(form("q=+")).await;
    assert!(status == 400 && page.contains("must be a name"), "{page}");
}

#[tokio::test]
async fn who_could_take_a_shift_is_answered_with_names_for_those_who_signed_in() {
    let site = Site::open(vec![uncovered("1")]).await;
    let label = "90010002@2026-12-01T13:02:03Z";
    for asked in ["90010002", label] {
        let (status, body) = site.get(&format!("/api/v1/shifts/{asked}/cover")).await;
        let found: ShownCover = serde_json::from_str(&body).unwrap();
        assert_eq!((status, found.cover.shift.shift.as_str()), (200, label), "{body}");
        assert!(!body.contains("Avery") && found.cover.ranked[0].caregiver.as_str() == "8000201", "{body}");
    }
    let (_, body) = answer(local(site.ask(Method::GET, "/api/v1/shifts/90010002/cover"))).await;
    assert!(body.contains("Avery Sample") && body.contains("Casey Avery"), "{body}");
    let row = lock(&site.orders.audit).last().cloned().unwrap();
    assert_eq!(row.about, "client 7000101, caregiver 8000201");
    let (_, page) = answer(local(site.ask(Method::GET, "/shifts/90010002/cover"))).await;
    assert!(page.contains("Who could take shift 90010002") && page.contains("Casey Avery"), "{page}");
    for path in ["/api/v1/shifts/1/cover", "/shifts/1/cover", "/api/v1/shifts/90010002@2020-01-01T00:00:00Z/cover"] {
        assert_eq!(site.get(path).await.0, 404, "{path}");
    }
}
