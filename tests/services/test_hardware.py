"""What this computer has is found, and measured once by a real child process."""

from studio.services import hardware
from studio.settings import PROJECT


def test_what_computes_here_has_memory_cores_and_disk(library):
    found = hardware.found(library.home)
    assert 0 < found.free <= found.memory
    assert found.cores > 0 and found.disk > 0
    assert found.in_words()


def test_the_measurement_is_kept_with_its_date_and_is_of_this_machine(library):
    assert hardware.kept(library) is None
    speed = hardware.measure(library, PROJECT)
    assert speed.matmul > 1e9 and speed.measured > 1.7e9
    assert hardware.kept(library) == speed
    assert hardware.here(library)[0].bf16 is speed.bf16
    place = library.home / "machine.json"
    library.write_json(place, {**library.read_json(place, {}), "machine": "another"})
    assert hardware.kept(library) is None
