"""What the tests of the agency contract share: a key ring for each side and a packet's lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.agency import messages
from app.agency.g2p import G2PAgency
from app.agency.keys import KeyRing
from app.agency.messages import PacketLine
from app.agency.port import Agency, OutgoingPacket
from tests.agency.contract_samples import NOW, Rings, head_of
from tests.agency.odd_post_office import PostOffice, endpoint, out


@pytest.fixture
def lines() -> list[PacketLine]:
    return [
        PacketLine("202611-1", "cash:CT0001@vnpost", "Nguyễn Thị Hoà", 1_250_000, "00004"),
        PacketLine("202611-2", "account:0011001234567@bidv", "Y Bhăm Niê", 500_000, "00004"),
        PacketLine("202611-3", "id:012345678901@vnpost", 'H\'Hen "Út"', 1, "00004"),
    ]


@pytest.fixture
def rings(tmp_path: Path) -> Rings:
    ours, theirs = KeyRing(tmp_path / "ours"), KeyRing(tmp_path / "theirs")
    our_kid, their_kid = ours.new_key(now=NOW), theirs.new_key(now=NOW)
    theirs.trust("chitra", our_kid, ours.public_pem(our_kid))
    ours.trust("vnpost", their_kid, theirs.public_pem(their_kid))
    ours.keep_secret("chitra", theirs.issue_client("chitra"))
    return Rings(ours, theirs)


@pytest.fixture
def office(rings: Rings) -> Iterator[PostOffice]:
    office = PostOffice(rings)
    yield office
    office.close()


@pytest.fixture
def agency(rings: Rings) -> Agency:
    return G2PAgency(rings.ours, now=lambda: NOW)


@pytest.fixture
def packet(office: PostOffice, lines: list[PacketLine]) -> OutgoingPacket:
    return out(messages.disburse(head_of(lines), lines), head_of(lines).message_id, endpoint(office.url))
