"""The database's own guards: copied paths, frozen lists, append-only books, audited states, row-level security

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APP_ROLE = "chitra_app"

WITH_AREA_ID = (
    "ab_user", "agency_contracts", "payment_settings", "standard_amounts", "beneficiaries",
    "area_periods", "payout_batches", "work_items",
)
INHERITED = ("agency_contracts", "payment_settings", "standard_amounts")
SCOPED = (
    "beneficiaries", "entitlements", "payees", "payment_methods", "arrears", "area_periods", "carry_overs",
    "batch_findings", "settlement_entries", "deadline_extensions", "recoveries", "money_movements",
    "state_changes", "access_log", "work_items", "ab_user",
)
OF_AN_AGENCY = ("payout_batches", "payout_lines", "packets", "settlements", "settlement_records")
APPEND_ONLY = ("money_movements", "state_changes", "settlement_entries", "access_log")
AUDITED = {
    "payout_batches": "batch", "packets": "packet", "settlements": "settlement",
    "deadline_extensions": "extension", "area_periods": "period",
}

IN_SCOPE = "area_path >= current_setting('chitra.lo', true) AND area_path < current_setting('chitra.hi', true)"
# "<>" and not "=": the planner cannot look into the setting, and takes "=" for one row in 200, "<>" for nearly all. With
# "=" every query under the policy was planned for half a percent of its rows (nested loops, seconds instead of
# milliseconds).
NO_AGENCY = "CASE WHEN coalesce(current_setting('chitra.agency', true), '') = '' THEN 1 ELSE 0 END <> 0"
OWN_AGENCY = f"({NO_AGENCY} OR agency_id::text = current_setting('chitra.agency', true))"

FILL = """
CREATE FUNCTION fill_area_path() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT path INTO NEW.area_path FROM areas WHERE id = NEW.area_id;
    RETURN NEW;
END $$;

CREATE FUNCTION fill_area_path_of_beneficiary() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT area_path INTO NEW.area_path FROM beneficiaries WHERE id = NEW.beneficiary_id;
    RETURN NEW;
END $$;

CREATE FUNCTION fill_area_path_of_payee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT area_path INTO NEW.area_path FROM payees WHERE id = NEW.payee_id;
    RETURN NEW;
END $$;

CREATE FUNCTION fill_area_path_of_entitlement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT area_path INTO NEW.area_path FROM entitlements WHERE id = NEW.entitlement_id;
    RETURN NEW;
END $$;

-- A person who moves takes the copied paths along.
CREATE FUNCTION move_registry_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE entitlements SET area_path = NEW.area_path WHERE beneficiary_id = NEW.id;
    UPDATE payees SET area_path = NEW.area_path WHERE beneficiary_id = NEW.id;
    UPDATE payment_methods m SET area_path = NEW.area_path FROM payees p
     WHERE p.id = m.payee_id AND p.beneficiary_id = NEW.id;
    UPDATE arrears a SET area_path = NEW.area_path FROM entitlements e
     WHERE e.id = a.entitlement_id AND e.beneficiary_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER move_registry_rows AFTER UPDATE OF area_id ON beneficiaries
    FOR EACH ROW WHEN (OLD.area_path IS DISTINCT FROM NEW.area_path) EXECUTE FUNCTION move_registry_rows();
CREATE TRIGGER fill_area_path BEFORE INSERT OR UPDATE OF beneficiary_id ON entitlements
    FOR EACH ROW WHEN (NEW.area_path IS NULL) EXECUTE FUNCTION fill_area_path_of_beneficiary();
CREATE TRIGGER fill_area_path BEFORE INSERT OR UPDATE OF beneficiary_id ON payees
    FOR EACH ROW WHEN (NEW.area_path IS NULL) EXECUTE FUNCTION fill_area_path_of_beneficiary();
CREATE TRIGGER fill_area_path BEFORE INSERT OR UPDATE OF payee_id ON payment_methods
    FOR EACH ROW WHEN (NEW.area_path IS NULL) EXECUTE FUNCTION fill_area_path_of_payee();
CREATE TRIGGER fill_area_path BEFORE INSERT OR UPDATE OF entitlement_id ON arrears
    FOR EACH ROW WHEN (NEW.area_path IS NULL) EXECUTE FUNCTION fill_area_path_of_entitlement();
"""

FREEZE = """
-- Lines may come, go and change their amounts only while their list is a draft; both the old and the new list count.
CREATE FUNCTION refuse_frozen_lines() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    frozen text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT b.code INTO frozen FROM (SELECT DISTINCT batch_id FROM new_rows) n
          JOIN payout_batches b ON b.id = n.batch_id WHERE b.state <> 'draft' LIMIT 1;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT b.code INTO frozen FROM (SELECT DISTINCT batch_id FROM old_rows) o
          JOIN payout_batches b ON b.id = o.batch_id WHERE b.state <> 'draft' LIMIT 1;
    ELSE
        SELECT b.code INTO frozen
          FROM (SELECT DISTINCT o.batch_id AS old_batch, n.batch_id AS new_batch
                  FROM old_rows o JOIN new_rows n ON n.id = o.id
                 WHERE (o.batch_id, o.area_path, o.agency_id, o.period_id, o.no, o.reference, o.entitlement_id,
                        o.beneficiary_id, o.beneficiary_code, o.full_name, o.birth, o.hamlet, o.benefit_type_id,
                        o.payee_kind, o.payee_name, o.method, o.account_no, o.account_holder, o.bank_code,
                        o.payee_fa, o.standard_vnd, o.coefficient, o.units, o.benefit_vnd, o.arrears_vnd,
                        o.carried_vnd, o.withheld_vnd, o.total_vnd, o.live, o.excluded_reason, o.excluded_by)
                       IS DISTINCT FROM
                       (n.batch_id, n.area_path, n.agency_id, n.period_id, n.no, n.reference, n.entitlement_id,
                        n.beneficiary_id, n.beneficiary_code, n.full_name, n.birth, n.hamlet, n.benefit_type_id,
                        n.payee_kind, n.payee_name, n.method, n.account_no, n.account_holder, n.bank_code,
                        n.payee_fa, n.standard_vnd, n.coefficient, n.units, n.benefit_vnd, n.arrears_vnd,
                        n.carried_vnd, n.withheld_vnd, n.total_vnd, n.live, n.excluded_reason, n.excluded_by)) c
          JOIN payout_batches b ON b.id IN (c.old_batch, c.new_batch) WHERE b.state <> 'draft' LIMIT 1;
        IF frozen IS NULL THEN
            SELECT b.code INTO frozen
              FROM (SELECT DISTINCT o.batch_id FROM old_rows o JOIN new_rows n ON n.id = o.id
                     WHERE (o.result, o.result_reason) IS DISTINCT FROM (n.result, n.result_reason)) c
              JOIN payout_batches b ON b.id = c.batch_id WHERE b.state <> 'accepted' LIMIT 1;
        END IF;
    END IF;
    IF frozen IS NOT NULL THEN
        RAISE EXCEPTION 'the lines of list % are frozen', frozen USING ERRCODE = 'CH001';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_frozen_insert AFTER INSERT ON payout_lines REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_frozen_lines();
CREATE TRIGGER refuse_frozen_delete AFTER DELETE ON payout_lines REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_frozen_lines();
CREATE TRIGGER refuse_frozen_update AFTER UPDATE ON payout_lines REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_frozen_lines();

-- A list that is not a draft keeps its identity and its totals.
CREATE FUNCTION refuse_frozen_batch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'list % is never deleted', OLD.code USING ERRCODE = 'CH001';
    END IF;
    IF OLD.state <> 'draft' AND
       (OLD.code, OLD.area_id, OLD.period_id, OLD.kind, OLD.agency_id, OLD.seq, OLD.people_count, OLD.line_count,
        OLD.benefit_vnd, OLD.arrears_vnd, OLD.carried_vnd, OLD.withheld_vnd, OLD.total_vnd)
       IS DISTINCT FROM
       (NEW.code, NEW.area_id, NEW.period_id, NEW.kind, NEW.agency_id, NEW.seq, NEW.people_count, NEW.line_count,
        NEW.benefit_vnd, NEW.arrears_vnd, NEW.carried_vnd, NEW.withheld_vnd, NEW.total_vnd) THEN
        RAISE EXCEPTION 'list % is frozen', OLD.code USING ERRCODE = 'CH001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_frozen_batch BEFORE UPDATE OR DELETE ON payout_batches
    FOR EACH ROW EXECUTE FUNCTION refuse_frozen_batch();

-- A locked settlement and its records never change.
CREATE FUNCTION refuse_locked_settlement() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF OLD.state = 'locked' THEN
        RAISE EXCEPTION 'settlement % is locked', OLD.id USING ERRCODE = 'CH002';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'settlement % is never deleted', OLD.id USING ERRCODE = 'CH002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_locked_settlement BEFORE UPDATE OR DELETE ON settlements
    FOR EACH ROW EXECUTE FUNCTION refuse_locked_settlement();

CREATE FUNCTION refuse_locked_records() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    locked bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT s.id INTO locked FROM (SELECT DISTINCT settlement_id FROM new_rows) r
          JOIN settlements s ON s.id = r.settlement_id WHERE s.state = 'locked' LIMIT 1;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT s.id INTO locked FROM (SELECT DISTINCT settlement_id FROM old_rows) r
          JOIN settlements s ON s.id = r.settlement_id WHERE s.state = 'locked' LIMIT 1;
    ELSE
        SELECT s.id INTO locked
          FROM (SELECT settlement_id FROM old_rows UNION SELECT settlement_id FROM new_rows) r
          JOIN settlements s ON s.id = r.settlement_id WHERE s.state = 'locked' LIMIT 1;
    END IF;
    IF locked IS NOT NULL THEN
        RAISE EXCEPTION 'the records of settlement % are locked', locked USING ERRCODE = 'CH002';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_locked_insert AFTER INSERT ON settlement_records REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_locked_records();
CREATE TRIGGER refuse_locked_delete AFTER DELETE ON settlement_records REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_locked_records();
CREATE TRIGGER refuse_locked_update AFTER UPDATE ON settlement_records REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_locked_records();

-- The bytes and the key of a packet are fixed once they are stored.
CREATE FUNCTION refuse_changed_packet() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'packet % is never deleted', OLD.code USING ERRCODE = 'CH003';
    END IF;
    IF (OLD.code, OLD.batch_id, OLD.version, OLD.message_id, OLD.line_count, OLD.people_count, OLD.total_vnd,
        OLD.lines_sha256) IS DISTINCT FROM
       (NEW.code, NEW.batch_id, NEW.version, NEW.message_id, NEW.line_count, NEW.people_count, NEW.total_vnd,
        NEW.lines_sha256)
       OR (OLD.body_sha256 IS NOT NULL AND (OLD.body_sha256 IS DISTINCT FROM NEW.body_sha256
                                           OR OLD.body IS DISTINCT FROM NEW.body)) THEN
        RAISE EXCEPTION 'packet % is fixed', OLD.code USING ERRCODE = 'CH003';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_changed_packet BEFORE UPDATE OR DELETE ON packets
    FOR EACH ROW EXECUTE FUNCTION refuse_changed_packet();

-- Granted extensions of one settlement stay under 20 days in total.
CREATE FUNCTION refuse_long_extension() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM 1 FROM settlements WHERE id = NEW.settlement_id FOR UPDATE;
    IF (SELECT coalesce(sum(days), 0) FROM deadline_extensions
         WHERE settlement_id = NEW.settlement_id AND state = 'granted') >= 20 THEN
        RAISE EXCEPTION 'extensions of settlement % reach 20 days', NEW.settlement_id USING ERRCODE = 'CH004';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_long_extension AFTER INSERT OR UPDATE ON deadline_extensions
    FOR EACH ROW WHEN (NEW.state = 'granted') EXECUTE FUNCTION refuse_long_extension();
"""

APPEND = """
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'CH005';
END $$;
"""

AUDIT = """
CREATE FUNCTION demand_audit_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM state_changes c
                    WHERE c.machine = TG_ARGV[0] AND c.entity_id = NEW.id AND c.txid = txid_current()) THEN
        RAISE EXCEPTION '% % changed its state without an audit row', TG_ARGV[0], NEW.id USING ERRCODE = 'CH006';
    END IF;
    RETURN NULL;
END $$;
"""

CONTRACTS = """
ALTER TABLE agency_contracts ADD CONSTRAINT ex_agency_contracts_cash EXCLUDE USING gist
    (int4range(area_id, area_id, '[]') WITH &&, daterange(valid_from, valid_to, '[]') WITH &&) WHERE (method = 'cash');
ALTER TABLE agency_contracts ADD CONSTRAINT ex_agency_contracts_bank EXCLUDE USING gist
    (int4range(area_id, area_id, '[]') WITH &&, daterange(valid_from, valid_to, '[]') WITH &&) WHERE (method = 'bank');
ALTER TABLE agency_contracts ADD CONSTRAINT ex_agency_contracts_wallet EXCLUDE USING gist
    (int4range(area_id, area_id, '[]') WITH &&, daterange(valid_from, valid_to, '[]') WITH &&) WHERE (method = 'wallet');
"""


def upgrade():
    op.execute(FILL + FREEZE + APPEND + AUDIT + CONTRACTS)
    for table in WITH_AREA_ID:
        op.execute(
            f"CREATE TRIGGER fill_area_path BEFORE INSERT OR UPDATE OF area_id ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION fill_area_path()"
        )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER refuse_rewriting BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
        )
    for table, machine in AUDITED.items():
        op.execute(
            f"CREATE CONSTRAINT TRIGGER demand_audit_row_new AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED "
            f"FOR EACH ROW EXECUTE FUNCTION demand_audit_row('{machine}')"
        )
        op.execute(
            f"CREATE CONSTRAINT TRIGGER demand_audit_row AFTER UPDATE OF state ON {table} DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) "
            f"EXECUTE FUNCTION demand_audit_row('{machine}')"
        )
    _row_level_security()
    _grants()


def _row_level_security():
    conditions = {table: f"{IN_SCOPE} AND {NO_AGENCY}" for table in SCOPED}
    conditions["ab_user"] = IN_SCOPE
    conditions |= {table: f"{IN_SCOPE} AND {OWN_AGENCY}" for table in OF_AN_AGENCY}
    for table in ("state_changes", "deadline_extensions"):
        conditions[table] = IN_SCOPE
    for table, condition in conditions.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} USING ({condition}) WITH CHECK ({condition})")
    for table in INHERITED:
        from_below = f"({IN_SCOPE}) OR starts_with(current_setting('chitra.lo', true), area_path)"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({from_below})")
        op.execute(f"CREATE POLICY added ON {table} FOR INSERT WITH CHECK ({IN_SCOPE})")
        op.execute(f"CREATE POLICY changed ON {table} FOR UPDATE USING ({IN_SCOPE}) WITH CHECK ({IN_SCOPE})")
        op.execute(f"CREATE POLICY removed ON {table} FOR DELETE USING ({IN_SCOPE})")
    path_in_scope = IN_SCOPE.replace("area_path", "path")
    op.execute("ALTER TABLE areas ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY seen ON areas FOR SELECT USING (({path_in_scope}) "
        "OR starts_with(current_setting('chitra.lo', true), path))"
    )
    op.execute(f"CREATE POLICY changed ON areas USING ({path_in_scope}) WITH CHECK ({path_in_scope})")


def _grants():
    op.execute(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP_ROLE}")
    op.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}")
    for table in APPEND_ONLY:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {APP_ROLE}")
    op.execute(f"REVOKE ALL ON alembic_version FROM {APP_ROLE}")
    op.execute(f"GRANT SELECT ON alembic_version TO {APP_ROLE}")


def downgrade():
    raise RuntimeError("The guards of the books are never taken away; restore a backup instead.")
