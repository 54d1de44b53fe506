//! Rows of the past as the archive keeps them, for benches that measure with a year in the store.

use shiftwatch::{
    mirror::row::MirrorRow,
    model::{Instant, Section},
};

/// A shift that stood.
pub fn shift(id: &str, client: &str, caregiver: &str, (start, ends): (Instant, Instant)) -> MirrorRow {
    let body = format!(
        r#"{{"shift":{{"key":{{"start":"{}","client":"{client}","id":{{"Vendor":"{id}"}}}},"end":"{}","caregiver":"{caregiver}","status":{{"Active":"SCHEDULED"}}}},"seen_at":0,"first_seen_at":0,"appeared":false,"missed_at":null,"changed_at":null}}"#,
        stamp(start),
        stamp(ends)
    );
    let key = format!("shift/{}/{client}/{id}", start.timestamp_micros());
    MirrorRow { section: Some(Section::Shifts), key, body, phi: None }
}

/// A complete visit to the shift `of`.
pub fn visit(id: &str, of: &str, client: &str, caregiver: &str, (came, left): (Instant, Instant)) -> MirrorRow {
    let body = format!(
        r#"{{"visit":{{"id":"{id}","client":"{client}","caregiver":"{caregiver}","shift":"{of}","check_in":{{"Instant":"{}"}},"check_out":{{"Instant":"{}"}},"status":"COMPLETE"}},"seen_at":0,"first_seen_at":0,"missed_at":null}}"#,
        stamp(came),
        stamp(left)
    );
    MirrorRow { section: Some(Section::Visits), key: id.to_owned(), body, phi: None }
}

fn stamp(at: Instant) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
