-- The archive by client and by caregiver: what is known of somebody's past is looked up in it.
ALTER TABLE visit_archive ADD COLUMN caregiver TEXT;

UPDATE visit_archive SET
    caregiver = coalesce(json_extract(body, '$.shift.caregiver'), json_extract(body, '$.visit.caregiver'))
    WHERE json_valid(body);

CREATE INDEX visit_archive_client ON visit_archive (agency, client, start);
CREATE INDEX visit_archive_caregiver ON visit_archive (agency, caregiver, start);
