"""The energy of a lesson, from the counters of a system that has some."""

import pytest

from studio.engine.meter import Meter


def counter(tmp_path, joules):
    folder = tmp_path / "intel-rapl:0"
    folder.mkdir(exist_ok=True)
    (folder / "energy_uj").write_text(f"{int(joules * 1e6)}\n")
    (folder / "max_energy_range_uj").write_text(f"{int(10_000e6)}\n")


@pytest.fixture
def no_card(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("nothing")))


def test_the_processors_counter_is_read_also_over_its_end(tmp_path, no_card):
    counter(tmp_path, 9_000)
    meter = Meter(tmp_path)
    counter(tmp_path, 9_720)
    assert meter.watt_hours() == pytest.approx(0.2)
    counter(tmp_path, 80)
    assert meter.watt_hours() == pytest.approx((720 + 360) / 3600)


def test_the_card_is_asked_for_its_power(tmp_path, no_card, monkeypatch):
    command = tmp_path / "nvidia-smi"
    command.write_text("#!/bin/sh\necho 120.5\necho 80\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    meter = Meter(tmp_path / "none")
    meter._last -= 36
    assert meter.watt_hours() == pytest.approx(200.5 / 100, rel=0.01)


def test_a_system_that_does_not_tell_is_said_to_be_unknown(tmp_path, no_card):
    assert Meter(tmp_path).watt_hours() is None
