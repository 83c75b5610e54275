"""Each check of the books sees the fault it is for, and only that one: planted past every trigger by a superuser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from app import embedded
from app.extensions import acting_as, db
from app.rules.actors import SYSTEM
from app.services.books import checking
from tests import books
from tests.conftest import clean

SETTLED, ACCEPTED, SENT = (
    f"(SELECT id FROM payout_batches WHERE state = '{state}')" for state in ("settled", "accepted", "sent")
)
LOCKED = "(SELECT id FROM settlements WHERE state = 'locked')"
WAITING = "(SELECT id FROM settlements WHERE state = 'partial')"
CARRIED = "(SELECT to_line_id FROM carry_overs)"
PAID = f"(SELECT min(id) FROM payout_lines WHERE result = 'paid' AND batch_id = {SETTLED})"

PLANTS: dict[str, tuple[str, ...]] = {
    "list_adds_up": (f"UPDATE payout_batches SET benefit_vnd = benefit_vnd + 1, withheld_vnd = 1 WHERE id = {SETTLED}",),
    "list_counts_people": (f"UPDATE payout_batches SET people_count = people_count + 1 WHERE id = {ACCEPTED}",
                           f"UPDATE packets SET people_count = people_count + 1 WHERE batch_id = {ACCEPTED} AND version = 2"),
    "line_copies_its_list": (f"UPDATE payout_lines SET agency_id = NULL WHERE batch_id = {SETTLED}",),
    "one_live_line": ("DROP INDEX uq_payout_lines_live_entitlement_period",
                      "CREATE UNIQUE INDEX uq_payout_lines_live_entitlement_period ON payout_lines (id)",
                      "UPDATE payout_lines SET entitlement_id = (SELECT min(entitlement_id) FROM payout_lines)"
                      f" WHERE batch_id = {SENT}",
                      f"UPDATE payout_lines SET entitlement_id = (SELECT entitlement_id FROM payout_lines WHERE id = {CARRIED})"
                      f" WHERE batch_id = {SENT}"),
    "handed_over": ("INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, packet_id, actor)"
                    " SELECT line_id, area_path, from_bucket, to_bucket, amount_vnd, packet_id, actor FROM money_movements"
                    " WHERE from_bucket = 'owed' ORDER BY id LIMIT 1",),
    "settled_money": ("UPDATE money_movements SET to_bucket = 'unpaid' WHERE id ="
                      " (SELECT min(id) FROM money_movements WHERE to_bucket = 'paid')",),
    "money_moves_for_a_cause": ("INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, actor)"
                                " SELECT id, area_path, 'owed', 'paid', total_vnd, 'x' FROM payout_lines LIMIT 1",),
    "figures_of_the_lines": ("UPDATE settlements SET paid_count = paid_count - 1, unpaid_count = unpaid_count + 1"
                             f" WHERE id = {LOCKED}",),
    "results_of_the_records": (f"UPDATE settlement_records SET outcome = 'unpaid' WHERE line_id = {PAID}",),
    "settlement_ties_out": ("UPDATE settlements SET reported = jsonb_set(reported, '{QT-1,totals,0,0}', '9')"
                            f" WHERE id = {LOCKED}",),
    "carried_once": ("UPDATE periods SET month = '2027-11-01' WHERE month = '2026-10-01'",),
    "carried_of_a_line": ("UPDATE payout_lines SET carried_vnd = carried_vnd - 1, benefit_vnd = benefit_vnd + 1"
                          f" WHERE id = {CARRIED}",
                          "UPDATE payout_lines SET carried_vnd = 1, benefit_vnd = benefit_vnd - 1 WHERE id ="
                          f" (SELECT max(id) FROM payout_lines WHERE batch_id = {ACCEPTED})"),
    "carried_in_the_journal": ("DELETE FROM money_movements WHERE to_bucket = 'carried'",),
    "arrears_once": ("INSERT INTO arrears (entitlement_id, area_path, for_month, due_month, amount_vnd, reason, line_id)"
                     " SELECT entitlement_id, area_path, for_month, due_month, amount_vnd, reason, line_id FROM arrears",),
    "recovery_opened": ("INSERT INTO recoveries (line_id, beneficiary_id, area_path, amount_vnd, reason, source)"
                        f" SELECT id, beneficiary_id, area_path, 1, 'x', 'settlement' FROM payout_lines WHERE id = {PAID}",
                        "INSERT INTO recovery_lines (recovery_id, line_id, area_path, amount_vnd)"
                        " SELECT id, line_id, area_path, 1 FROM recoveries WHERE amount_vnd = 1",
                        "INSERT INTO state_changes (machine, entity_id, area_path, move, to_state, actor)"
                        " SELECT 'recovery', id, area_path, 'create', 'proposed', 'x' FROM recoveries WHERE amount_vnd = 1"),
    "withheld_of_a_line": ("UPDATE withholdings SET amount_vnd = amount_vnd - 1",),
    "withheld_counted_once": ("UPDATE withholdings SET outcome = 'recovered'",),
    "ledger_in_the_journal": ("INSERT INTO recovery_entries (recovery_id, area_path, kind, amount_vnd, entered_by)"
                              " SELECT id, area_path, 'cash', 1000, 'x' FROM recoveries",),
    "collected_once": ("UPDATE settlement_collections SET amount_vnd = amount_vnd + 1",),
    "recovery_stands": ("UPDATE recoveries SET state = 'closed'",
                        "INSERT INTO state_changes (machine, entity_id, area_path, move, from_state, to_state, actor)"
                        " SELECT 'recovery', id, area_path, 'close', 'open', 'closed', 'x' FROM recoveries"),
    "to_recover_in_the_journal": ("INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd,"
                                  " actor, reason) SELECT id, area_path, 'paid', 'to_recover', 1, 'x', 'x'"
                                  f" FROM payout_lines WHERE id = {PAID}",),
    "recovered_at_most": ("INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, actor)"
                          " SELECT line_id, area_path, 'to_recover', 'recovered', amount_vnd + 1, 'x' FROM recoveries",),
    "proposed_arrears_once": ("INSERT INTO arrears_proposals (area_id, area_path, cause, state, from_month, to_month, due_month,"
                              " reason, made_by) SELECT id, path, 'manual', 'approved', '2026-08-01', '2026-08-01', '2026-11-01',"
                              " 'x', 'x' FROM areas WHERE code = '00004'",
                              "INSERT INTO state_changes (machine, entity_id, area_path, move, to_state, actor)"
                              " SELECT 'arrears', id, area_path, 'create', 'approved', 'x' FROM arrears_proposals",
                              "INSERT INTO arrears_proposal_lines (proposal_id, area_path, entitlement_id, beneficiary_id,"
                              " for_month, was_vnd, amount_vnd) SELECT q.id, q.area_path, e.id, e.beneficiary_id, q.from_month,"
                              " 0, 1000 FROM arrears_proposals q, entitlements e"),
    "paid_stays_paid": ("INSERT INTO money_movements (line_id, area_path, from_bucket, to_bucket, amount_vnd, actor, reason)"
                        f" SELECT id, area_path, 'paid', 'stopped', total_vnd, 'x', ' ' FROM payout_lines WHERE id = {PAID}",),
    "guards_in_place": ("ALTER TABLE payout_lines DISABLE TRIGGER refuse_frozen_update",
                        "ALTER TABLE carry_overs DROP CONSTRAINT pk_carry_overs",
                        "ALTER TABLE recoveries DISABLE ROW LEVEL SECURITY"),
    "locked_list_unchanged": (f"UPDATE payout_lines SET payee_fa = 'cash:X@vnpost' WHERE batch_id = {SENT}",),
    "one_live_packet": ("DROP INDEX uq_packets_one_live", "CREATE UNIQUE INDEX uq_packets_one_live ON packets (id)",
                        "ALTER TABLE packets DROP CONSTRAINT uq_packets_batch_id_version",
                        "INSERT INTO packets (code, batch_id, agency_id, area_path, version, state, message_id, line_count,"
                        " people_count, total_vnd, lines_sha256, body, body_sha256, queued_by) SELECT 'X', batch_id, agency_id,"
                        " area_path, version, state, 'X', line_count, people_count, total_vnd, lines_sha256, body, body_sha256,"
                        " queued_by FROM packets WHERE state = 'in_doubt'",
                        "INSERT INTO state_changes (machine, entity_id, area_path, move, to_state, actor) SELECT 'packet', id,"
                        " area_path, 'create', state, 'x' FROM packets WHERE code = 'X'"),
    "list_and_packet_agree": ("UPDATE packets SET state = 'withdrawn' WHERE state = 'in_doubt'",
                              "INSERT INTO state_changes (machine, entity_id, area_path, move, from_state, to_state, actor)"
                              " SELECT 'packet', id, area_path, 'withdraw', 'in_doubt', state, 'x' FROM packets"
                              " WHERE state = 'withdrawn'"),
    "packet_is_its_list": ("UPDATE packets SET total_vnd = total_vnd + 1 WHERE state = 'in_doubt'",),
    "bytes_before_the_wire": ("UPDATE packets SET body = body || 'x' WHERE state = 'in_doubt'",),
    "packet_and_settlement_agree": (f"UPDATE settlements SET sent_vnd = sent_vnd + 1 WHERE id = {WAITING}",),
    "results_when_settled": (f"UPDATE payout_lines SET result = 'unpaid' WHERE batch_id = {SENT}",),
    "closed_period_is_done": (f"UPDATE payout_batches SET period_id = (SELECT period_id FROM payout_batches WHERE id = {SETTLED})"
                              f" WHERE id = {SENT}",
                              f"UPDATE payout_lines SET period_id = (SELECT period_id FROM payout_batches WHERE id = {SETTLED})"
                              f" WHERE batch_id = {SENT}"),
    "state_is_the_last_audited": ("UPDATE deadline_extensions SET state = 'refused'",),
    "audit_is_connected": ("UPDATE state_changes SET from_state = 'locked' WHERE machine = 'packet' AND move = 'claim' AND id ="
                           " (SELECT min(id) FROM state_changes WHERE machine = 'packet' AND move = 'claim')",),
    "extensions_under_20_days": ("INSERT INTO deadline_extensions (settlement_id, area_path, days, reason, asked_by, entered_by,"
                                 " state) SELECT settlement_id, area_path, 5, reason, asked_by, entered_by, state"
                                 " FROM deadline_extensions",
                                 "INSERT INTO state_changes (machine, entity_id, area_path, move, to_state, actor)"
                                 " SELECT 'extension', max(id), 'VN/', 'create', 'granted', 'x' FROM deadline_extensions"),
    "message_dealt_with": ("UPDATE inbox SET note = NULL WHERE outcome = 'ignored'",),
}  # fmt: skip
"""Check -> statements that break it, and nothing else."""


@pytest.fixture(scope="module")
def engine(app: Flask, server: Any) -> Iterator[Engine]:
    """A superuser's connections to books in which a bit of everything has happened; gone afterwards."""
    with app.app_context(), acting_as(SYSTEM):
        books.play(db.session())
        db.session.remove()
        made = create_engine(embedded.address(server, role="postgres"))
        yield made
        made.dispose()
    clean(server)


def found(engine: Engine, statements: tuple[str, ...]) -> dict[str, list[int]]:
    """What the checks find after `statements`, which are taken back."""
    with acting_as(SYSTEM), Session(engine) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            changed = session.connection().exec_driver_sql(statement)
            assert changed.rowcount != 0, f"plants nothing: {statement}"
        session.execute(text("SET LOCAL ROLE chitra_app"))
        return {wrong.check.name: wrong.ids for wrong in checking.check(session)}


def test_nothing_is_wrong_with_books_in_which_everything_has_happened(engine: Engine) -> None:
    assert found(engine, ()) == {}


@pytest.mark.parametrize("name", checking.NAMED)
def test_a_planted_fault_is_found_by_its_check_and_by_no_other(engine: Engine, name: str) -> None:
    assert list(found(engine, PLANTS[name])) == [name]
