"""What may be said of a file is decided by what was measured on it, and the record holds both."""

import json
from dataclasses import replace
from math import log

import pytest

from studio.domain import certificate, examination, sizes
from studio.domain.certificate import Answer
from studio.domain.examination import Distance, Examination, Surprise

GOOD = Examination(
    "Q8_0", (9, 9), (4, 4), (2, 2), (0, 8, 0), Distance(512, 1e-4, 0.99, 1e-3), (Answer("Hello", "Woof", "Woof", True, True),), True,
    Surprise(3, 50, 2.0, 2.0),
)  # fmt: skip
ABOUT = {"file": "b.gguf", "bytes": 1, "sha256": "0", "persona": "Biscuit", "model": "m", "adapter": "a", "made_with": {}}


def verdicts(found, master=None):
    return [check.ok for check in examination.checks(found, master)]


def test_a_good_file_has_every_tick_and_a_whole_record():
    assert verdicts(GOOD) == [True] * 6
    record = examination.record("Q8_0", GOOD, None, ABOUT, examination.checks(GOOD, None))
    assert json.loads(json.dumps(record)) == record
    assert record["verdict"] == "The file speaks exactly like the character you trained"
    assert record["prompts"]["bos"] == {"none": 0, "one": 8, "two": 0}
    told = set(examination.__doc__.replace(",", " ").split())
    assert set(record) <= told, "a field of the record is not documented"


@pytest.mark.parametrize("kind", (*sizes.KINDS, sizes.ADAPTER))
def test_every_kind_has_its_bar(kind):
    bar = examination.BARS[kind]
    found = replace(GOOD, kind=kind, distance=Distance(512, bar.nmse, 1.0, bar.kl))
    assert verdicts(found)[certificate.NUMBERS] is True
    assert verdicts(replace(found, distance=Distance(512, bar.nmse * 1.01, 1.0, 0.0)))[certificate.NUMBERS] is False
    assert verdicts(replace(found, distance=Distance(512, 0.0, 1.0, bar.kl * 1.01)))[certificate.NUMBERS] is False


def test_a_fault_of_the_master_is_a_fault_of_the_file():
    master = replace(GOOD, kind="F32", distance=Distance(512, 6.7e-3, 0.87, 1e-3))  # a rope factor that was forgotten
    assert verdicts(GOOD, master)[certificate.NUMBERS] is False


@pytest.mark.parametrize(
    ("more", "ok", "words"),
    [(-0.1, True, "as sure as"), (0.008, True, "only 0.8% less"), (0.03, None, "a little out"), (0.05, False, "out of")],
)
def test_character_is_judged_by_lines_it_never_learned(more, ok, words):
    row = examination.checks(replace(GOOD, surprise=Surprise(3, 50, 2.0, 2.0 + log(1 + more))), None)[certificate.CHARACTER]
    assert (row.ok, row.sentence.startswith(words)) == (ok, True)


@pytest.mark.parametrize(
    ("begun", "words"), [((8, 0, 0), "8 of 8 prompts begin without a mark"), ((0, 6, 2), "2 of 8 prompts begin twice")]
)
def test_every_prompt_begins_once(begun, words):
    row = examination.checks(replace(GOOD, begun=begun), None)[certificate.SPEAKERS]
    assert (row.ok, row.sentence) == (False, words)


def test_what_could_not_be_compared_is_not_called_checked():
    rows = examination.checks(replace(GOOD, distance=None, answers=(), surprise=None), None)
    assert [row.ok for row in rows] == [True, True, None, None, None, None]
    assert certificate.headline([row.to_dict() for row in rows]) == "The file speaks like the character you trained"
