//! The board's pages, streams, form and files over real HTTP.

use super::*;
use crate::http::access::tests::users;

/// The next server-sent events of a stream: names and data.
async fn events(stream: &mut reqwest::Response, until: &str) -> Vec<(String, Value)> {
    let mut text = String::new();
    while !text.contains(until) {
        let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let one = |block: &str| {
        let (name, data) = block.strip_prefix("event: ")?.split_once("\ndata: ")?;
        Some((name.to_owned(), serde_json::from_str(data).unwrap()))
    };
    text.split("\n\n").filter_map(one).collect()
}

#[tokio::test]
async fn an_open_page_is_sent_what_changed_and_nothing_else() {
    let site = Site::open(Vec::new()).await;
    let mut stream = site.ask(Method::GET, "/live?page=now").send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let first = events(&mut stream, "\n\n").await;
    assert_eq!(first[0].0, "beat");
    let ids: Vec<&str> = first[0].1["parts"].as_array().unwrap().iter().map(|one| one[0].as_str().unwrap()).collect();
    assert_eq!(ids, ["headline", "needs", "today-0", "ages"]);
    site.change(|view| view.alerts = vec![Arc::new(uncovered("90010001"))]);
    let next = events(&mut stream, "event: beat").await;
    let parts: Vec<&str> =
        next.iter().filter(|(name, _)| name == "part").map(|(_, one)| one["id"].as_str().unwrap()).collect();
    assert_eq!(parts, ["headline", "needs"], "today did not change");
    assert!(next[1].1["html"].as_str().unwrap().contains("90010001"));
    let (status, page) = site.get("/").await;
    assert_eq!(status, 200);
    assert!(page.contains(next[1].1["hash"].as_str().unwrap()), "a page loaded now has what the stream sent");
    site.stop.send_replace(true);
    while stream.chunk().await.unwrap().is_some() {}
}

#[tokio::test]
async fn names_are_for_those_who_signed_in_for_as_long_as_they_may_come_in() {
    let site = Site::open(vec![uncovered("1")]).await;
    let named = "Avery &lt;b&gt;Sample";
    for path in ["/", "/alerts", "/alerts/0000000000000001"] {
        assert!(!site.get(path).await.1.contains("Avery"), "{path}");
    }
    let mut stranger = site.ask(Method::GET, "/live?page=now").send().await.unwrap();
    events(&mut stranger, "\n\n").await;
    assert_eq!(*lock(&site.people.asked), 0, "nobody signed in, and nobody is looked up");
    site.access.swap(Some(&users()));
    let by = |path: &str| site.ask(Method::GET, path).basic_auth("alice", Some("example-password"));
    for path in ["/", "/alerts", "/alerts/0000000000000001"] {
        let (status, page) = answer(by(path)).await;
        assert_eq!(status, 200);
        assert!(page.contains(named) && page.contains("Signed in as <bdi>alice</bdi>"), "{path}: {page}");
        assert_eq!(site.get(path).await.0, 401, "{path}");
    }
    let mut stream = by("/live?page=now").send().await.unwrap();
    events(&mut stream, "\n\n").await;
    site.change(|view| view.alerts = vec![Arc::new(uncovered("2"))]);
    let next = events(&mut stream, "event: beat").await;
    assert!(next.iter().any(|(_, one)| one["html"].as_str().is_some_and(|html| html.contains(named))), "{next:?}");
    let rest = async {
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = stranger.chunk().await {
            text.extend(chunk);
        }
        String::from_utf8(text).unwrap()
    };
    assert!(!rest.await.contains("Avery"), "who looked before sign-in was on is shown out");
    site.access.swap(None);
    site.change(|view| view.alerts = vec![Arc::new(uncovered("3"))]);
    while stream.chunk().await.unwrap().is_some() {}
    assert!(!site.get("/").await.1.contains("Avery"), "and without sign-in nobody is named again");
}

#[tokio::test]
async fn boards_take_no_more_than_their_share_of_connections() {
    let site = Site::open(Vec::new()).await;
    let mut open = Vec::new();
    for _ in 0..250 {
        open.push(site.ask(Method::GET, "/live?page=now").send().await.unwrap());
    }
    let refused = site.ask(Method::GET, "/live?page=now").send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "15"));
    assert_eq!(site.get("/").await.0, 200, "and the pages answer");
    drop(open);
    let again = async {
        while site.ask(Method::GET, "/live?page=now").send().await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("a closed page gives its place back");
}

#[tokio::test]
async fn no_stream_is_given_for_a_page_that_is_not_there() {
    let site = Site::open(vec![uncovered("1")]).await;
    let live = |query: &str| format!("/live?{query}");
    let long = "a".repeat(10_000);
    for query in ["page=alert", "page=alert&fingerprint=xyz", "page=alert&fingerprint=000000000000dead", "page=history"]
    {
        assert_eq!(site.get(&live(query)).await.0, 404, "{query}");
    }
    assert_eq!(site.get(&live(&format!("page=alert&fingerprint={long}"))).await.0, 404);
    // An agency that nobody watches is nobody's page: the stream is that of all.
    let mut stream = site.ask(Method::GET, &live(&format!("page=now&agency={long}"))).send().await.unwrap();
    let first = events(&mut stream, "\n\n").await;
    assert_eq!(first[0].1["parts"][2][0], "today-0", "{first:?}");
}

#[tokio::test]
async fn a_page_that_is_forgotten_while_it_is_open_only_beats() {
    let site = Site::open(vec![uncovered("2")]).await;
    let mut stream = site.ask(Method::GET, "/live?page=alert&fingerprint=0000000000000002").send().await.unwrap();
    events(&mut stream, "\n\n").await;
    site.change(|view| view.alerts = Vec::new());
    let next = events(&mut stream, "event: beat").await;
    assert_eq!(next.len(), 1, "one beat for one picture: {next:?}");
    assert_eq!(next[0].1["parts"], json!([]), "{next:?}");
}

#[tokio::test]
async fn the_form_of_a_page_owns_an_alert_and_says_what_went_wrong() {
    let site = Site::open(vec![uncovered("1")]).await;
    let post = |fingerprint: &str, body: &'static str| {
        let request = site.ask(Method::POST, &format!("/alerts/{fingerprint}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        answer(request.header("origin", format!("http://{}", site.address)).header("sec-fetch-site", "same-origin"))
    };
    let (status, page) = post("0000000000000001", "by=night-1&note=on+my+way%0D%0Anow&for=").await;
    assert_eq!(status, 200, "and then the alert's page: {page}");
    assert!(page.contains("NO CAREGIVER"), "{page}");
    let acks = lock(&site.orders.acks).clone();
    assert_eq!((acks[0].by.as_str(), acks[0].note.as_str(), acks[0].for_), ("night-1", "on my way\nnow", None));
    for (fingerprint, body, status, says) in [
        ("0000000000000001", "by=+&note=&for=", 400, "`by` must name who owns the alert"),
        ("0000000000000001", "by=%E2%80%8B%E2%80%8D&note=", 400, "`by` must name who owns the alert"),
        ("0000000000000001", "by=night-1%E2%80%AEx&note=", 400, "`by` must name who owns the alert"),
        ("0000000000000001", "by=night-1%00&note=", 400, "`by` must name who owns the alert"),
        ("0000000000000001", "by=x&note=%E2%81%A6x", 400, "`note` may hold"),
        ("0000000000000001", "by=x&by=y&note=", 400, "did not arrive whole"),
        ("0000000000000001", "by=%FF&note=", 400, "`by` must name"),
        ("0000000000000001", "note=x", 400, "did not arrive whole"),
        ("0000000000000001", "by=x&for=never", 400, "`for` must be a duration"),
        ("xyz", "by=x&note=", 400, "16 hex digits"),
        ("000000000000dead", "by=x&note=", 404, "no live alert"),
        ("0000000000000bad", "by=x&note=", 409, "is over"),
    ] {
        let (answered, page) = post(fingerprint, body).await;
        assert_eq!(answered, status, "{body}: {page}");
        assert!(page.contains(says) && page.contains("Not acknowledged"), "{page}");
    }
}

#[tokio::test]
async fn files_of_the_board_are_kept_by_their_content() {
    let site = Site::open(Vec::new()).await;
    for name in ["board.css", "board.js", "icon.svg"] {
        let response = site.ask(Method::GET, &format!("/static/{name}")).send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "private, max-age=3600");
        let tag = response.headers()["etag"].clone();
        let again =
            site.ask(Method::GET, &format!("/static/{name}")).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{name}");
    }
    assert_eq!(site.get("/static/../Cargo.toml").await.0, 404);
    assert_eq!(site.get("/static/nothing.js").await.0, 404);
}

#[tokio::test]
async fn a_silence_is_made_looked_at_and_ended_by_forms() {
    let site = Site::open(vec![uncovered("1"), uncovered("2")]).await;
    let (status, page) = site.get("/silences").await;
    assert_eq!((status, page.contains("Nothing is silenced.")), (200, true), "{page}");
    let (_, page) = site.get("/silences/new?fingerprint=0000000000000001").await;
    assert!(page.contains("It would mute 1 alert that fires now"), "{page}");
    assert!(page.contains("alertname=&quot;ShiftUncovered&quot;"), "{page}");

    let form = |step: &'static str, matchers: &'static str, by: &'static str| {
        let fields = [("matchers", matchers), ("span", "4h"), ("by", by), ("comment", "planned <b>"), ("step", step)];
        answer(site.ask(Method::POST, "/silences").form(&fields))
    };
    let (status, page) = form("look", "alertname=ShiftUncovered", "night-1").await;
    assert_eq!(status, 200);
    assert!(page.contains("It would mute 2 alerts that fire now") && page.contains("Make the silence"), "{page}");
    assert!(site.orders.silences().is_empty(), "looking changes nothing");
    for (matchers, by, want) in [
        ("nothing", "night-1", "bad matcher format: nothing"),
        ("alertname=ShiftUncovered", " ", "createdBy must say who"),
        ("alertname=", "night-1", "must not match the empty string"),
        ("", "night-1", "at least one matcher"),
    ] {
        let (status, page) = form("make", matchers, by).await;
        assert_eq!((status, page.contains(want)), (400, true), "{matchers}: {page}");
    }
    let (status, page) = form("make", "alertname=ShiftUncovered\r\nlocation=north", "night-1").await;
    assert_eq!(status, 200, "{page}");
    let silences = site.orders.silences();
    let made = silences.iter().next().unwrap();
    assert_eq!((made.matchers.len(), made.comment.as_str()), (2, "planned <b>"));
    site.change(|view| view.routing.silences = silences.clone());
    let (_, page) = site.get("/silences").await;
    assert!(page.contains("mutes 2 alerts now") && page.contains("planned &lt;b&gt;"), "{page}");
    let (_, page) = site.get("/alerts/0000000000000001").await;
    assert!(page.contains("Silenced by") && page.contains("planned &lt;b&gt;"), "{page}");

    let (status, page) = answer(site.ask(Method::POST, &format!("/silences/{}/expire", made.id))).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(site.orders.silences().counts(noon()), [0, 0, 1]);
    let (status, page) = answer(site.ask(Method::POST, "/silences/none/expire")).await;
    assert_eq!((status, page.contains("no such silence")), (404, true), "{page}");
}

#[tokio::test]
async fn what_is_silenced_is_shown_as_suppressed_before_the_next_picture() {
    let site = Site::open(vec![uncovered("1")]).await;
    let (status, made) = site.silence("location", "north").await;
    assert_eq!(status, 200, "{made}");
    site.change(|view| view.routing.silences = Arc::default());
    let (_, body) = site.get("/api/v2/alerts").await;
    let found: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(found[0]["status"]["state"], "suppressed");
    assert_eq!(found[0]["status"]["silencedBy"], json!([SILENCE]));
    let (_, body) = site.get("/api/v2/alerts?silenced=false").await;
    assert_eq!(body, "[]");
    let (_, body) = site.get("/api/v2/alerts/groups").await;
    let groups: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(groups[0]["receiver"]["name"], "on-call");
    assert_eq!(groups[0]["alerts"][0]["fingerprint"], "0000000000000001");
    *lock(&site.orders.fail) = true;
    let (status, body) = site.silence("location", "south").await;
    assert_eq!(status, 500, "{body}");
}
