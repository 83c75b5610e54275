"""Starting the demo again after a start that was cut off."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

import config
from app import embedded
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


def test_a_server_whose_holder_was_killed_is_stopped_and_started_anew() -> None:
    home = Path(tempfile.mkdtemp(prefix="chitra-up-"))
    hold = "import os, signal, sys; from pathlib import Path; from app import embedded;"
    hold += " embedded.start(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    assert subprocess.run([sys.executable, "-c", hold, str(home)], check=False).returncode == -signal.SIGKILL
    try:
        up._forget(home)
        assert not (home / "pg").exists()
        server = embedded.start(home)
        with psycopg.connect(server.get_uri()) as anew:
            assert anew.execute("SELECT 1").fetchone() == (1,)
        embedded.stop(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)
