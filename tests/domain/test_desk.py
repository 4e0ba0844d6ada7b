"""All checks together, and which of them are quiet."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from studio.domain import checks, desk, persona
from studio.domain.conversation import Conversation, Turn, from_jsonl
from studio.domain.errors import StudioError
from studio.domain.persona import Persona, Silence
from tests.domain.test_all_checks import alike, many

PERSONAS = Path(__file__).resolve().parents[2] / "personas"
BISCUIT = Persona("Biscuit", visitor="Mia")


def talk(n, answer="Answer", asked="Question"):
    return Conversation(f"{n:03}", f"Talk {n}", (Turn("q", "user", f"{asked} {n}?"), Turn("a", "model", f"{answer} {n}.")))


def good(count=checks.BARE):
    return [talk(n) for n in range(count)]


def read(conversations, sheet=BISCUIT):
    return desk.read(sheet, conversations, checks.Sizes({}, {}, 512), {})


@pytest.mark.parametrize("name", ["biscuit", "marlow", "quillfeather"])
def test_nothing_is_said_of_the_bundled_characters(name):
    sheet = persona.from_dict(json.loads((PERSONAS / name / "persona.json").read_text("utf-8")), name)
    conversations = from_jsonl((PERSONAS / name / "conversations.jsonl").read_text("utf-8"), name, name)
    found = read(conversations, sheet)
    assert (found.findings, found.quiet) == ((), ())


def test_every_part_of_the_desk_is_at_work():
    sheet = replace(BISCUIT, voice=("Never an exclamation mark",), facts=("Biscuit is six.",))
    faults = [
        talk(900, answer="I am seven. Woof!"),
        talk(901, answer="As an AI, write to me@example.com,"),
        Conversation("902", "Half", (Turn("q", "user", "Hello?"),)),
    ]
    found = read([*good(), *faults], sheet)
    assert {f.kind for f in found.findings} == {"ending", "exclamation", "fact", "assistant", "email"}
    assert found.findings[0].kind == "ending"


def test_a_silenced_check_is_quiet_until_it_finds_more():
    mail = [talk(900 + n, answer=f"me@example.com {n}") for n in range(3)]
    (loud,) = read([*good(), *mail[:2]]).findings
    sheet = desk.silenced(BISCUIT, loud, "  Made\nup.  ")
    assert sheet.silenced == (Silence("email", "Made up.", 2),)
    quiet = read([*good(), *mail[:2]], sheet)
    assert quiet.findings == () and [(f.kind, s.reason) for f, s in quiet.quiet] == [("email", "Made up.")]
    assert [f.kind for f in read([*good(), *mail], sheet).findings] == ["email"]
    assert [f.kind for f in read([*good(), *mail[:2]], desk.heard(sheet, "email")).findings] == ["email"]


def test_catch_phrases_are_silenced_one_by_one():
    same = [talk(900 + n, answer="Well I never did see") for n in range(30)] + [
        talk(800 + n, answer="Over the hill we went") for n in range(30)
    ]
    found = read([*good(), *same]).findings
    starts = [f for f in found if f.kind == "start"]
    sheet = desk.silenced(BISCUIT, starts[0], "It is how she talks.")
    more = [*good(), *same, talk(950, answer=starts[0].words.capitalize())]
    assert {f.words for f in read(more, sheet).findings if f.kind == "start"} == {starts[1].words}, "a habit stays quiet as it is kept up"


def test_what_has_to_be_mended_and_what_has_no_reason_stays_loud():
    (half,) = read([*good(), Conversation("x", "Half", (Turn("q", "user", "Hello?"),))]).findings
    with pytest.raises(StudioError, match="can't be silenced"):
        desk.silenced(BISCUIT, half, "I like it.")
    (mail,) = read([*good(), talk(900, answer="me@example.com")]).findings
    for reason in ("", " \n", "x" * 301):
        with pytest.raises(StudioError, match="Nothing was silenced"):
            desk.silenced(BISCUIT, mail, reason)


def test_a_sheet_keeps_what_is_silenced_and_says_nothing_where_there_is_none():
    sheet = replace(BISCUIT, silenced=(Silence("email", "Made up.", 2),))
    assert persona.from_dict(json.loads(json.dumps(sheet.to_dict())), "x") == sheet
    assert "silenced" not in BISCUIT.to_dict()
    for wrong in ({}, [1], [{"check": "a"}], [{"check": "a", "reason": "b", "places": "c"}]):
        with pytest.raises(StudioError, match="silenced"):
            persona.from_dict({"name": "B", "silenced": wrong}, "x")


@pytest.mark.parametrize(("made", "seconds"), [(many, 1.0), (alike, 2.0)], ids=["ordinary", "all alike"])
def test_a_thousand_conversations_are_read_within_a_second(made, seconds):
    conversations = made(1000)
    sheet = replace(BISCUIT, voice=("Sentences of at most 40 words", "Talks like a six-year-old"), facts=("Biscuit is six.",))
    took = []
    for _ in range(3):
        start = time.process_time()
        read(conversations, sheet)
        took.append(time.process_time() - start)
    assert min(took) < seconds
