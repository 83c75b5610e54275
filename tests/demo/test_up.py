"""Starting the demo again after a start that was cut off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import config
from app.demo import up


@pytest.fixture
def settings(tmp_path: Path) -> config.Settings:
    return replace(config.load({"CHITRA_HOME": str(tmp_path), "CHITRA_DEMO": "1"}), demo=True)


def test_a_load_that_was_cut_off_starts_over(settings: config.Settings, capsys: pytest.CaptureFixture[str]) -> None:
    (settings.home / up.UNFINISHED).touch()
    (settings.home / "keys").mkdir()
    assert up._was_cut_off(settings)
    assert "nạp lại từ đầu" in capsys.readouterr().out
    up._forget(settings.home)
    assert list(settings.home.iterdir()) == []
    assert not up._was_cut_off(settings)


def test_a_database_of_ones_own_is_never_thrown_away(settings: config.Settings) -> None:
    (settings.home / up.UNFINISHED).touch()
    with pytest.raises(up.CannotStart, match="cơ sở dữ liệu trống"):
        up._was_cut_off(replace(settings, database_url="postgresql://somewhere/chitra"))
    assert (settings.home / up.UNFINISHED).exists()
