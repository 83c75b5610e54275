"""Invented people of one commune: a function of seed, commune and day. Who they are here; rows are load's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import chain, islice

from app.demo import receivers
from app.demo.grants import (
    CARED_FOR,
    CARER,
    OF_DIFFICULT_AREAS,
    RECENT_MONTHS,
    SHARES,
    SINGLE_PARENT,
    Grant,
    birth_in,
    grants_of,
)
from app.demo.naming import FEMALE, MALE, cccd, full_name, phone
from app.demo.places import DEMO_PROVINCE, Place, dice
from app.demo.receivers import Account, Entitled, Receiver, receiver_of
from app.rules.dates import BirthDate, add_months, age_on

NO_ID_SHARE, PHONE_SHARE = 0.08, 0.55
REGISTERED_CARER_SHARE = 0.3
VILLAGE_SHARE = 0.85
FEMALE_SHARES = {SINGLE_PARENT: 0.9, CARER: 0.75, "HT01": 0.62}

GONE = (
    ("dead", 0.020, ""),
    ("moved", 0.010, "Chuyển đến nơi cư trú mới"),
    ("stopped", 0.012, "Không còn đủ điều kiện hưởng"),
    ("suspended", 0.010, "Tạm dừng để xác minh"),
)
"""People no longer paid: status, share, reason."""

MISSING_ACCOUNT_EVERY, EXPIRED_EVERY, NAMESAKE_EVERY, SAME_ID_EVERY = 150, 170, 130, 240
"""One person in so many has a fault that the checks before locking find."""

_NOBODY = Receiver("self", "", None, None, Account())

_SPREAD = 611_953
"""Shares no factor with a million: running numbers become serial numbers that never meet."""


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person with what they are entitled to and who receives it."""

    code: str
    full_name: str
    sex: str
    birth: BirthDate
    id_number: str | None
    ethnicity: str
    hamlet: str
    phone: str | None
    grants: tuple[Grant, ...]
    receiver: Receiver
    status: str = "active"
    status_reason: str | None = None
    died_on: date | None = None


class Commune:
    """The people of one commune, one after another; some belong together: a carer, a namesake, a double registration."""

    def __init__(self, place: Place, *, seed: int, first: int, today: date) -> None:
        """`first` numbers these people among all, so that no two ID numbers meet by chance."""
        self._place, self._today, self._number, self._first = place, today, 0, first
        self._rng = dice(seed, "people", place.code)
        self._shift = dice(seed, "serials").randrange(1_000_000)
        faults = (MISSING_ACCOUNT_EVERY, EXPIRED_EVERY, NAMESAKE_EVERY, SAME_ID_EVERY)
        self._faults = {every: self._rng.randrange(5, every) for every in faults}
        easy = place.province != DEMO_PROVINCE
        self._groups = [code for code in SHARES if not (easy and code in OF_DIFFICULT_AREAS)]
        self._weights = [SHARES[code] for code in self._groups]

    def people(self, count: int) -> Iterator[Person]:
        """The first `count` people; may be asked once."""
        before: Person | None = None
        drawn = islice(chain.from_iterable(iter(self._household, None)), count)
        for number, person in enumerate(drawn, start=1):
            if before is not None and before.status == "active":
                person = self._perhaps_the_same(before, person, number)
            yield person
            before = person

    def _household(self) -> tuple[Person, ...]:
        """Somebody, and their carer when the carer is registered too."""
        rng = self._rng
        group = rng.choices(self._groups, self._weights)[0]
        person = self._somebody(group)
        if group not in CARED_FOR or person.status != "active" or rng.random() >= REGISTERED_CARER_SHARE:
            return (person,)
        carer = self._somebody(CARER, beside=person)
        receiver = replace(
            person.receiver, kind="carer", full_name=carer.full_name, id_number=carer.id_number,
            phone=carer.phone, account=carer.receiver.account, valid_from=receivers.SINCE, valid_to=None,
        )  # fmt: skip
        return replace(person, receiver=receiver), carer

    def _somebody(self, group: str, *, beside: Person | None = None) -> Person:
        rng, place = self._rng, self._place
        self._number += 1
        sex = FEMALE if rng.random() < FEMALE_SHARES.get(group, 0.5) else MALE
        birth = birth_in(rng, group, today=self._today)
        ethnicity = beside.ethnicity if beside else rng.choices(*place.ethnicities)[0]
        villager = ethnicity != "Kinh" and rng.random() < VILLAGE_SHARE
        hamlet = beside.hamlet if beside else rng.choice(place.villages if villager else place.hamlets)
        birthplace = rng.choices(*place.birthplaces)[0]
        has_id = rng.random() >= NO_ID_SHARE
        person = Person(
            code=f"DT{place.code}{self._number:05}",
            full_name=full_name(rng, ethnicity, sex, birth.year),
            sex=sex,
            birth=birth,
            id_number=cccd(birthplace, sex, birth.year, self._serial()) if has_id else None,
            ethnicity=ethnicity,
            hamlet=hamlet,
            phone=phone(rng) if rng.random() < PHONE_SHARE and birth.year < self._today.year - 14 else None,
            grants=grants_of(rng, group, birth, today=self._today),
            receiver=_NOBODY,
        )
        return self._perhaps_gone(replace(person, receiver=self._receiver(person, self._number)))

    def _receiver(self, person: Person, number: int) -> Receiver:
        who = Entitled(
            person.full_name, person.id_number, person.phone, person.ethnicity, self._place.birthplaces[0][0],
            age_on(person.birth, self._today), person.grants[0].group in CARED_FOR,
        )  # fmt: skip
        return receiver_of(
            self._rng,
            who,
            today=self._today,
            expired=self._due(EXPIRED_EVERY, number),
            account_missing=self._due(MISSING_ACCOUNT_EVERY, number),
        )

    def _perhaps_gone(self, person: Person) -> Person:
        drawn = self._rng.random()
        for status, share, reason in GONE:
            if drawn < share:
                return self._gone(person, status, reason)
            drawn -= share
        return person

    def _gone(self, person: Person, status: str, reason: str) -> Person:
        """What they were entitled to ends with a death or a stop; a death of these months ends it by its date."""
        rng, today = self._rng, self._today
        if status in ("moved", "suspended"):
            return replace(person, status=status, status_reason=reason)
        last = max(person.grants[0].starts_on, today - timedelta(days=rng.randint(5, 900)))
        recent = last >= add_months(today.replace(day=1), -RECENT_MONTHS)
        state = "active" if recent and status == "dead" else "ended"
        grants = tuple(
            replace(grant, ends_on=max(last, grant.starts_on), status=state) if grant.status != "ended" else grant
            for grant in person.grants
        )
        died_on = last if status == "dead" else None
        return replace(person, status=status, status_reason=reason or None, died_on=died_on, grants=grants)

    def _perhaps_the_same(self, before: Person, person: Person, number: int) -> Person:
        """Now and then the same human a second time: by name, birth and hamlet, or also by ID number."""
        doubled = self._due(SAME_ID_EVERY, number) and before.id_number is not None
        if not (doubled or self._due(NAMESAKE_EVERY, number)):
            return person
        again = replace(before, code=person.code, id_number=before.id_number if doubled else None)
        return replace(again, receiver=self._receiver(again, number))

    def _due(self, every: int, number: int) -> bool:
        return number % every == self._faults[every]

    def _serial(self) -> int:
        return (self._first + self._number) * _SPREAD + self._shift
