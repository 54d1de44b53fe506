//! Switches about how rows, bundles and answers look.

use serde::{Deserialize, Serialize};

choice! {
    /// How `_page` counts.
    PageBase {
        /// The first page is 0.
        Zero = "zero",
        /// The first page is 1.
        One = "one",
        /// `_page` is not read: the first page, for ever.
        Ignored = "ignored",
        /// Rows come in at the front between pages: each page repeats the last rows of the one before.
        Overlap = "overlap",
        /// Rows vanish at the front between pages: each page leaves one row out, and the total shrinks.
        Gap = "gap",
    }
}

choice! {
    /// How a bundle says how many rows there are.
    TotalField {
        /// `totalRecords`.
        TotalRecords = "totalRecords",
        /// `total`.
        Total = "total",
        /// Not at all.
        None = "none",
        /// `totalRecords` with a wrong number (seven too many).
        Wrong = "wrong",
    }
}

choice! {
    /// How a bundle's entries hold their rows.
    Wrap {
        /// `{"resource": {…}}`.
        Resource = "resource",
        /// The row itself.
        Bare = "bare",
        /// By turns.
        Mixed = "mixed",
    }
}

choice! {
    /// How ids are written. Ids that are no numbers stay text.
    IdType {
        /// As text.
        String = "string",
        /// As numbers.
        Number = "number",
        /// By turns.
        Mixed = "mixed",
    }
}

choice! {
    /// How a bundle without rows looks.
    EmptyShape {
        /// `"entry": []`.
        List = "list",
        /// No `entry`.
        Absent = "absent",
        /// `"entry": null`.
        Null = "null",
    }
}

choice! {
    /// How an open shift says that nobody is assigned.
    OpenShape {
        /// `"caregiver": {}`.
        EmptyObject = "{}",
        /// `"caregiver": null`.
        Null = "null",
        /// No `caregiver`.
        Absent = "absent",
        /// `"caregiver": {"id": null}`.
        IdNull = "id null",
        /// `"caregiver": {"id": ""}`.
        IdEmpty = "id empty",
        /// `"caregiver": {"id": 0}`.
        IdZero = "id 0",
        /// `"caregiver": {"id": "0"}`.
        IdZeroText = "id \"0\"",
        /// `"caregiver": {}` with `"status": "OPEN"`.
        StatusOpen = "status OPEN",
        /// All of them, by turns.
        Mixed = "mixed",
    }
}

choice! {
    /// How a cancelled shift looks.
    CancelShape {
        /// `"status": "CANCELLED"`.
        Cancelled = "CANCELLED",
        /// `"status": "CANCELED"`.
        Canceled = "CANCELED",
        /// The row is gone.
        Removed = "removed",
    }
}

choice! {
    /// How a visit's times are written.
    EncounterTime {
        /// UTC without saying so.
        NaiveUtc = "naive-utc",
        /// The agency's wall clock without saying so.
        NaiveLocal = "naive-local",
        /// UTC with `Z`.
        Z = "z",
        /// With the agency's offset at that moment.
        Offset = "offset",
        /// UTC with `+00:00`.
        OffsetZero = "offset-zero",
    }
}

choice! {
    /// How a shift's times are written.
    AppointmentTime {
        /// UTC with `+00:00`.
        OffsetZero = "offset-zero",
        /// UTC with `Z`.
        Z = "z",
        /// With the agency's offset at that moment.
        Offset = "offset",
        /// UTC without saying so.
        NaiveUtc = "naive-utc",
    }
}

choice! {
    /// How a visit names who came.
    ParticipantShape {
        /// `{"Individual": [{…}]}`.
        ObjectCapital = "object-Individual",
        /// `{"individual": [{…}]}`.
        ObjectLower = "object-individual",
        /// `[{"individual": {…}}]`.
        FhirArray = "fhir-array",
        /// Nothing.
        Absent = "absent",
    }
}

choice! {
    /// How a visit names its shift.
    AppointmentLink {
        /// `{"reference": "Appointment/1"}`.
        Object = "object",
        /// `[{"reference": "Appointment/1"}]`.
        List = "list",
        /// `{"reference": "1"}`.
        Bare = "bare",
        /// Not at all.
        Absent = "absent",
    }
}

choice! {
    /// Whether visits can be searched without a client or caregiver.
    EncounterScope {
        /// No: 422.
        NeedsId = "needs-id",
        /// Yes: those of the whole agency.
        AgencyWide = "agency-wide",
        /// It says 200 and no rows.
        Empty = "empty",
    }
}

choice! {
    /// What the tag `status` of a client holds.
    ClientStatusTag {
        /// A number as text.
        Number = "number",
        /// The text `None`.
        NoneText = "None",
        /// There is no such tag.
        Absent = "absent",
    }
}

choice! {
    /// What the patients filter `active` does.
    ActiveFilter {
        /// No rows, whatever it says (as was observed).
        ReturnsZero = "returns-0",
        /// It filters.
        Works = "works",
    }
}

choice! {
    /// Whose day `startDate` means.
    DateDay {
        /// A day on the agency's wall.
        Local = "local",
        /// A UTC day.
        Utc = "utc",
    }
}

choice! {
    /// What the token endpoint answers.
    TokenAnswer {
        /// A token.
        Ok = "ok",
        /// 401, bad credentials.
        Refused = "401",
        /// 500.
        Broken = "500",
        /// 200 with a body that is no token.
        Nonsense = "nonsense",
    }
}

choice! {
    /// Which request bodies the token endpoint reads.
    TokenBody {
        /// JSON and forms.
        Both = "both",
        /// JSON only; others 415.
        Json = "json",
        /// Forms only; others 400.
        Form = "form",
    }
}

choice! {
    /// Which content types request bodies may have.
    ContentTypes {
        /// `application/json` and `application/fhir+json`.
        Both = "both",
        /// `application/json`; others 415.
        Json = "json",
        /// `application/fhir+json`; others 403 with an unclear body.
        Fhir = "fhir",
    }
}

choice! {
    /// What an expired or revoked token is answered with.
    ExpiredAnswer {
        /// 401 with a gateway fault.
        Unauthorized = "401",
        /// 403 with a gateway fault.
        Forbidden = "403",
    }
}

choice! {
    /// What a row that can't be read looks like.
    Malformed {
        /// There are none.
        No = "no",
        /// Its start (for people: its name) is nonsense.
        Garbage = "garbage",
        /// Its start (for people: its id) is missing.
        Missing = "missing",
        /// It is a text, not an object.
        NotAnObject = "not-an-object",
    }
}
