"""The base of generated screens: each hole of the stock screens is closed."""

from __future__ import annotations

from tests.screens.conftest import SignIn


def test_a_list_shows_rows(sign_in: SignIn) -> None:
    answer = sign_in().get("/tryagencies/list/")
    print(answer.text)
    assert answer.status_code == 200
