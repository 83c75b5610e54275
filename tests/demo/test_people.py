"""The invented people: always the same, as varied as a commune's registry, and within the law's ages."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from datetime import date
from itertools import pairwise

import pytest
from sqlalchemy.orm import Session

from app.demo.grants import GROUPS, SHARES
from app.demo.people import Commune, Person
from app.demo.places import BANK_PROVINCE, DEMO_COMMUNE, DEMO_PROVINCE, Place, places, spread
from app.rules import names
from app.rules.dates import add_months, age_on
from app.rules.identity import check_id, parse_account, parse_phone

TODAY = date(2026, 11, 24)
HIGHLANDS = Place(
    1,
    DEMO_COMMUNE,
    "VN/66/24235/",
    DEMO_PROVINCE,
    tuple(f"Thôn {number}" for number in range(1, 9)),
    ("Buôn Trí", "Buôn Ea Mar"),
    (("Kinh", "Ê Đê", "Nùng", "Tày", "Mông", "Dao", "Ba Na", "Mạ"), (56, 22, 6, 5, 4, 3, 2, 2)),
    (("066", "054", "004"), (60, 30, 10)),
)


def invented(count: int = 3000, *, seed: int = 1, first: int = 0) -> list[Person]:
    return list(Commune(HIGHLANDS, seed=seed, first=first, today=TODAY).people(count))


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return invented()


def share(people: list[Person], wanted: Callable[[Person], bool]) -> float:
    return sum(bool(wanted(person)) for person in people) / len(people)


def test_the_same_seed_invents_the_same_people() -> None:
    assert invented(300) == invented(300)
    assert invented(300) == invented(500)[:300], "how many are asked for changes nobody"
    assert invented(300) != invented(300, seed=2)


def test_there_are_as_many_as_asked_for_each_with_a_code_of_their_own(people: list[Person]) -> None:
    assert len({person.code for person in people}) == 3000
    assert all(person.code.startswith(f"DT{DEMO_COMMUNE}") for person in people)


def test_names_are_stored_as_the_registry_cleans_them(people: list[Person]) -> None:
    for person in people:
        assert names.clean_name(person.full_name) == person.full_name
        assert names.clean_name(person.receiver.full_name) == person.receiver.full_name
        assert unicodedata.is_normalized("NFC", person.full_name + person.hamlet)


def test_minority_and_single_word_names_are_met(people: list[Person]) -> None:
    found = {person.full_name for person in people}
    for start in ("Y ", "H'", "K'", "Ka ", "A ", "Giàng ", "Nông ", "Bàn "):
        assert any(name.startswith(start) for name in found), start
    assert any(" " not in name for name in found)
    assert any(name.endswith(" Niê") for name in found)
    assert share(people, lambda person: person.ethnicity == "Kinh") == pytest.approx(0.56, abs=0.05)


def test_women_and_men_are_named_as_such(people: list[Person]) -> None:
    for person in people:
        if person.ethnicity == "Ê Đê":
            assert person.full_name.startswith("H'") == (person.sex == "female")
        if " Thị " in person.full_name:
            assert person.sex == "female"


def test_id_numbers_agree_with_sex_and_year_and_some_have_none(people: list[Person]) -> None:
    for person in people:
        if person.id_number is not None:
            assert check_id(person.id_number, person.sex, person.birth.year) == []
    assert share(people, lambda person: person.id_number is None) == pytest.approx(0.08, abs=0.02)


def test_no_two_people_share_an_id_number_by_chance() -> None:
    again = Counter(
        person.id_number
        for seeded in (invented(2000, first=0), invented(2000, first=4000))
        for person in seeded
        if person.id_number
    )
    doubled = sum(count - 1 for count in again.values())
    assert doubled <= 2 * 2000 // 240 + 2, "only the double registrations"


def test_births_are_known_to_the_year_the_month_or_the_day(people: list[Person]) -> None:
    year_only = share(people, lambda person: person.birth.month is None)
    month_only = share(people, lambda person: person.birth.month is not None and person.birth.day is None)
    assert 0.08 < year_only < 0.20
    assert 0.02 < month_only < 0.06


def test_people_have_the_age_of_their_group_but_for_a_few(people: list[Person]) -> None:
    wrong = 0
    for person in people:
        group, age = GROUPS[person.grants[0].group], age_on(person.birth, TODAY)
        assert age >= (group.age_from or 0), person
        wrong += group.age_to is not None and age > group.age_to
    assert 0 < wrong / len(people) < 0.02


def test_every_group_is_met(people: list[Person]) -> None:
    assert {person.grants[0].group for person in people} >= SHARES.keys() | {"TG20"}


def test_entitlements_begin_under_the_law_and_when_the_age_is_reached(people: list[Person]) -> None:
    for person in people:
        for grant in person.grants:
            group = GROUPS[grant.group]
            assert grant.coefficient == group.coefficient
            assert group.applies_from <= grant.starts_on <= TODAY
            assert grant.starts_on >= add_months(person.birth.latest, 12 * (group.age_from or 0)).replace(day=1)
            assert grant.decided_on < grant.starts_on
            assert grant.ends_on is None or grant.ends_on >= grant.starts_on
            assert grant.units == 1 or group.stacks


def test_some_people_have_several_entitlements(people: list[Person]) -> None:
    running = [
        {grant.group for grant in person.grants if grant.status == "active"}
        for person in people
        if person.status == "active"
    ]
    assert {"TG06", "TG15"} in running, "a disabled single parent"
    assert {"TG17", "HT01"} in running, "disabled and of pension age"
    assert any(grant.units > 1 for person in people for grant in person.grants)
    assert any(grant.status == "ended" for person in people for grant in person.grants if person.status == "active")


def test_carers_stand_beside_those_they_care_for_and_receive_their_money(people: list[Person]) -> None:
    pairs = [
        (person, carer)
        for person, carer in pairwise(people)
        if person.receiver.kind == "carer" and person.receiver.full_name == carer.full_name
    ]
    assert len(pairs) > 10
    for person, carer in pairs:
        assert carer.grants[0].group == "TG20"
        assert (person.hamlet, person.ethnicity) == (carer.hamlet, carer.ethnicity)
        assert person.receiver.id_number == carer.id_number


def test_children_have_guardians_and_authorisations_last_twelve_months_at_most(people: list[Person]) -> None:
    kinds: Counter[str] = Counter()
    for person in people:
        receiver = person.receiver
        kinds[receiver.kind] += 1
        if age_on(person.birth, TODAY) < 16:
            assert receiver.kind in ("guardian", "carer", "authorised")
        assert (receiver.valid_to is not None) == (receiver.kind == "authorised")
        if receiver.valid_to is not None:
            assert receiver.valid_from < receiver.valid_to < add_months(receiver.valid_from, 12)
        if receiver.kind == "self":
            assert (receiver.full_name, receiver.id_number) == (person.full_name, person.id_number)
    assert set(kinds) == {"self", "guardian", "carer", "authorised"}


def test_some_authorisations_have_expired_before_this_month(people: list[Person]) -> None:
    expired = share(
        people, lambda person: person.receiver.valid_to is not None and person.receiver.valid_to < date(2026, 11, 1)
    )
    assert expired == pytest.approx(1 / 170, abs=0.003)


def test_most_are_paid_in_cash_and_a_few_accounts_are_missing(people: list[Person]) -> None:
    accounts = [person.receiver.account for person in people]
    kinds = Counter(account.kind for account in accounts)
    assert kinds["bank"] / len(people) == pytest.approx(0.25, abs=0.03)
    assert kinds["wallet"] / len(people) == pytest.approx(0.03, abs=0.012)
    missing = [account for account in accounts if account.kind == "bank" and account.account_no is None]
    assert 10 <= len(missing) <= 30
    for account in accounts:
        if account.kind == "bank" and account.account_no is not None:
            assert parse_account(account.account_no) == account.account_no
            assert account.holder is not None and account.holder.isascii() and account.bank_code
        if account.kind == "wallet":
            assert account.wallet_phone is not None and parse_phone(account.wallet_phone) == account.wallet_phone


def test_telephones_can_be_called_and_small_children_have_none(people: list[Person]) -> None:
    for person in people:
        if person.phone is not None:
            assert parse_phone(person.phone) == person.phone
            assert person.birth.year < TODAY.year - 14


def test_some_people_are_registered_twice(people: list[Person]) -> None:
    by_name = Counter((person.full_name, person.birth, person.hamlet) for person in people)
    by_number = Counter(person.id_number for person in people if person.id_number)
    assert sum(count > 1 for count in by_name.values()) > 10
    assert 5 <= sum(count > 1 for count in by_number.values()) <= 15


def test_some_have_died_moved_or_been_stopped(people: list[Person]) -> None:
    kinds = Counter(person.status for person in people)
    assert set(kinds) == {"active", "dead", "moved", "stopped", "suspended"}
    assert kinds["active"] / len(people) > 0.93
    for person in people:
        assert (person.status == "dead") == (person.died_on is not None)
        if person.status in ("dead", "stopped"):
            assert all(grant.ends_on is not None and grant.ends_on <= TODAY for grant in person.grants)


def test_the_commune_of_the_demo_is_the_largest_and_none_is_out_of_proportion(session: Session) -> None:
    found = places(session, 1)
    shares = spread(1, 5000, found, everywhere=False)
    sizes = [size for _place, size in shares]
    assert sum(sizes) == 5000
    assert shares[0][0].code == DEMO_COMMUNE and sizes[0] == max(sizes)
    assert min(sizes) >= 20 and max(sizes) <= 400
    assert {place.province for place, _size in shares} == {DEMO_PROVINCE, BANK_PROVINCE}


def test_very_many_people_live_in_every_commune_of_both_provinces(session: Session) -> None:
    found = places(session, 1)
    shares = spread(1, 200_000, found, everywhere=True)
    assert len(shares) == len(found) == 228
    assert sum(size for _place, size in shares) == 200_000
