use axum::http::HeaderValue;

use super::*;
use crate::http::waiting::{OF_ONE_MAX, WAITING_MAX};

/// The hashes of `example-password` and `another-example`, at the lowest cost there is, made by libxcrypt.
pub(crate) const ALICE: &str = "$2b$04$abcdefghijklmnopqrstuuINEu0.fL6TmOr.GOngyVnjNLH3aX75y";
pub(crate) const BOB: &str = "$2y$04$zyxwvutsrqponmlkjihgfeP825YxgQvkYyU1XlGLq2LX1m601OKiq";

pub(crate) fn file(text: &str) -> WebFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    std::fs::write(&path, text).unwrap();
    WebFile::load(&path).unwrap().0
}

pub(crate) fn users() -> WebFile {
    file(&format!("basic_auth_users:\n  alice: {ALICE}\n  bób: {BOB}\n"))
}

fn basic(text: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = format!("Basic {}", STANDARD.encode(text));
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
    headers
}

#[tokio::test]
async fn names_and_passwords_are_held_to_the_file() {
    let access = Access::new(Some(&users()));
    for (given, is, shows) in [
        (b"alice:example-password".as_slice(), Ok("alice"), "right"),
        (b"alice:example-password", Ok("alice"), "right again, known by its digest"),
        ("bób:another-example".as_bytes(), Ok("bób"), "a name that is not ASCII, and the prefix $2y$"),
        (b"alice:another-example", Err(NotIn::Wrong), "somebody else's password"),
        (b"alice:", Err(NotIn::Wrong), "none"),
        (b"alice:example-password ", Err(NotIn::Wrong), "nearly"),
        (b"alice:example\0password", Err(NotIn::Wrong), "with a NUL"),
        (b"carol:example-password", Err(NotIn::Wrong), "nobody"),
        (b"carol:another-example", Err(NotIn::Wrong), "nobody, whoever stands in"),
        (b":example-password", Err(NotIn::Wrong), "no name"),
        (b"alice", Err(NotIn::Unasked), "no colon"),
        (b"\xff:example-password", Err(NotIn::Unasked), "no text"),
    ] {
        let who = access.who(&basic(given), None).await.map(|who| who.unwrap().user);
        assert_eq!(who.as_deref(), is.as_ref().map(|is| *is), "{shows}");
    }
    assert_eq!(access.remembered.lock().unwrap().len(), 2, "only what was right is remembered");
    for header_text in ["", "Basic", "Basic ", "Basic !!!", "Bearer YWxpY2U6eA==", "Basic\tYWxpY2U6eA=="] {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(header_text).unwrap());
        assert_eq!(access.who(&headers, None).await, Err(NotIn::Unasked), "{header_text}");
    }
    assert_eq!(access.who(&HeaderMap::new(), None).await, Err(NotIn::Unasked));
}

#[tokio::test]
async fn a_user_who_is_taken_out_is_out_at_once() {
    let access = Access::new(Some(&users()));
    let alice = basic(b"alice:example-password");
    assert!(access.who(&alice, None).await.is_ok());
    access.swap(Some(&file(&format!("basic_auth_users: {{ bob: {BOB} }}"))));
    assert_eq!(access.who(&alice, None).await, Err(NotIn::Wrong));
    access.swap(Some(&file(&format!("basic_auth_users: {{ alice: {BOB} }}"))));
    assert_eq!(access.who(&alice, None).await, Err(NotIn::Wrong), "the old password, remembered no more");
    assert!(access.sign_in_is_on());
    access.swap(None);
    assert_eq!((access.who(&alice, None).await, access.sign_in_is_on()), (Ok(None), false));
}

#[tokio::test]
async fn a_flood_of_guesses_is_bounded_and_shuts_out_nobody_who_is_known() {
    let access = Arc::new(Access::new(Some(&users())));
    let alice = basic(b"alice:example-password");
    access.who(&alice, None).await.unwrap();
    // Somebody has the turn and keeps it.
    let turn = access.turn.clone().acquire_owned().await.unwrap();
    let guesses: Vec<_> = (0..2 * WAITING_MAX)
        .map(|n| {
            let access = Arc::clone(&access);
            tokio::spawn(async move { access.who(&basic(format!("alice:guess-{n}").as_bytes()), None).await })
        })
        .collect();
    while access.waiting.n() < WAITING_MAX {
        tokio::task::yield_now().await;
    }
    assert_eq!(access.who(&basic(b"bob:another-example"), None).await, Err(NotIn::Busy), "asked to come back");
    assert!(access.who(&alice, None).await.is_ok(), "known, so not in the queue");
    drop(turn);
    let mut wrong = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            Err(NotIn::Wrong) => wrong += 1,
            Err(NotIn::Busy) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(wrong, WAITING_MAX, "those that found a place");
    assert_eq!(access.waiting.n(), 0, "and every place is free again");
}

#[tokio::test]
async fn a_flood_from_one_place_shuts_out_nobody_elsewhere() {
    let access = Arc::new(Access::new(Some(&users())));
    let peer = |text: &str| Some(Peer(text.parse().unwrap()));
    let turn = access.turn.clone().acquire_owned().await.unwrap();
    let come = |who: String, from: &str| {
        let (access, from) = (Arc::clone(&access), peer(from));
        tokio::spawn(async move { access.who(&basic(who.as_bytes()), from).await })
    };
    let guesses: Vec<_> = (0..WAITING_MAX).map(|n| come(format!("alice:guess-{n}"), "192.0.2.1")).collect();
    while access.waiting.n() < OF_ONE_MAX {
        tokio::task::yield_now().await;
    }
    let alice = come("alice:example-password".to_owned(), "192.0.2.2");
    while access.waiting.n() == OF_ONE_MAX {
        assert!(!alice.is_finished(), "she waits for her turn");
        tokio::task::yield_now().await;
    }
    drop(turn);
    assert_eq!(alice.await.unwrap().unwrap().unwrap().user, "alice");
    let mut busy = 0;
    for guess in guesses {
        busy += usize::from(guess.await.unwrap() == Err(NotIn::Busy));
    }
    assert_eq!(busy, WAITING_MAX - OF_ONE_MAX);
}

#[test]
fn what_is_remembered_is_bounded() {
    let access = Access::new(Some(&users()));
    for n in 0..1000_u32 {
        access.remember(Sha256::digest(n.to_be_bytes()).into());
    }
    assert_eq!(access.remembered.lock().unwrap().len(), REMEMBERED_MAX);
    assert!(access.remembers(&Sha256::digest(999_u32.to_be_bytes()).into()));
}

#[test]
fn digests_tell_apart_what_joins_to_the_same_text() {
    let hash = users().users[0].hash.clone();
    assert_ne!(digest("ab", &hash, b"c"), digest("a", &hash, b"bc"));
}

#[test]
fn the_rate_is_a_bucket() {
    let access = Access::new(Some(&file("rate_limit: { interval: 1h, burst: 3 }")));
    let taken = (0..5).filter(|_| access.takes_another()).count();
    assert_eq!(taken, 3);
    assert!((0..1000).all(|_| Access::new(None).takes_another()));
}
