"""All checks together: on the bundled characters, on many conversations, and in what they say."""

import json
import random
import sys
from pathlib import Path
from typing import get_args

import pytest

from studio.domain import checks, dataset, habits, leakage, persona, private, rules, voiceprint
from studio.domain.conversation import Conversation, Turn, from_jsonl
from studio.domain.everyday import RATES
from studio.domain.rules import VoiceRules
from studio.domain.training import Recipe

PERSONAS = Path(__file__).resolve().parents[2] / "personas"
# What their own sheets say, as far as a machine can hold it.
SHEETS = {
    "biscuit": VoiceRules(no_contractions=True, capitals=1),  # “Says every word whole”, “CAPITALS for joy, at most once in a reply”
    "marlow": VoiceRules(exclamations=0),  # “never an exclamation mark”
    "quillfeather": VoiceRules(no_contractions=True, exclamations=0),  # “Never contracts a word”, “never an exclamation mark”
}


def bundled(name):
    return from_jsonl((PERSONAS / name / "conversations.jsonl").read_text("utf-8"), name, name)


def everything(conversations, voice):
    parts = dataset.split(dataset.teachable(conversations), Recipe().validation, Recipe().seed)
    return [
        *checks.read(conversations, checks.Sizes({}, {}, 4096), {}),
        *habits.read(conversations),
        *private.read(conversations),
        *rules.read(conversations, voice),
        *leakage.read(parts),
    ]


@pytest.mark.parametrize("name", SHEETS)
def test_the_bundled_characters_have_nothing_to_mend_and_nothing_to_look_at(name):
    # checks: there are 70 and more, whole, alternating, none twice.
    # habits: the commonest opening of all three is Biscuit's “I do not”, seven of 287 replies (2 %, the limit is 8); the commonest stretch is
    #   “I do not know”, five of 287 (2 %, the limit is 5). Of Marlow's replies 21 % end with a question, of the others' fewer (limit: 80).
    #   “I am a Biscuit. There is only one kind” answers “are you an AI?” and is no assistant's phrase; there is no mark of layout and
    #   no *gesture*.
    # private: the numbers are 56, 21, 4,112, 11,323, 2,904 and card number 212; “the old mill on Lantern Hill” has no number of a house,
    #   and Biscuit, asked for her street, barks.
    # rules: Mia's, Mr. Abbot's and o'clock are no contractions; the exclamation marks near Quillfeather are his visitors'.
    # leakage: no line comes twice with the same answer.
    assert everything(bundled(name), SHEETS[name]) == []


def test_the_rules_are_told_apart_by_whose_voice_it_is():
    # Marlow shortens words in 100 of 155 replies, Biscuit shouts in 22 of 287: right for them, a finding under another's rules.
    (marlow,) = rules.read(bundled("marlow"), SHEETS["biscuit"])
    assert (marlow.kind, len(marlow.places)) == ("contraction", 100)
    (biscuit,) = rules.read(bundled("biscuit"), SHEETS["marlow"])
    assert (biscuit.kind, len(biscuit.places)) == ("exclamation", 22)


def test_one_wrong_line_of_each_kind_among_a_bundled_character_is_all_that_is_found():
    lines = {
        "assistant": "I am here to help. What is it?",
        "layout": "It is **very** wet.",
        "stage": "*shakes* It is very wet.",
        "emoji": "It is very wet 🐾",
        "contraction": "It's very wet.",
        "capital": "It is VERY WET.",
        "email": "Write to mia@example.com.",
        "street": "We live at 12 Green Gate Lane.",
        "phone": "Ring 020 7946 0958.",
    }
    planted = [Conversation(kind, kind, (Turn("q", "user", f"And {kind}?"), Turn("a", "model", said))) for kind, said in lines.items()]
    found = everything([*bundled("biscuit"), *planted], SHEETS["biscuit"])
    assert {f.kind: [place[0] for place in f.places] for f in found} == {kind: [kind] for kind in lines}


def test_the_fingerprints_of_the_bundled_characters_tell_them_apart():
    prints = {name: voiceprint.measure(text for c in bundled(name) for text in c.replies) for name in SHEETS}
    assert prints["biscuit"].capitals > 0.005 > prints["marlow"].capitals == prints["quillfeather"].capitals == 0
    assert prints["biscuit"].exclamations > 0 == prints["marlow"].exclamations == prints["quillfeather"].exclamations
    assert prints["biscuit"].sentence_long > prints["marlow"].sentence_long > prints["quillfeather"].sentence_long  # the breathless one
    assert prints["biscuit"].reading_age == pytest.approx(5.8, abs=0.1)
    assert prints["quillfeather"].reading_age == pytest.approx(6.4, abs=0.1)
    favourites = {name: [f.word for f in seen.favourites] for name, seen in prints.items()}
    assert favourites["biscuit"][:2] == ["smell", "smells"]  # “Smells come before sights”
    assert {"boat", "kettle", "lamp"} & set(favourites["marlow"])
    assert {"book", "card", "shall"} <= set(favourites["quillfeather"])


# ---------------------------------------------------------------- many conversations
def many(count):
    """Seeded conversations of everyday words, three exchanges each."""
    rng = random.Random(7)
    listed, weights = list(RATES), list(RATES.values())

    def said(size):
        words = [word if rng.random() < 0.8 else f"{word}{rng.randrange(5000)}" for word in rng.choices(listed, weights, k=size)]
        return ". ".join(" ".join(words[n : n + 8]).capitalize() for n in range(0, size, 8)) + "."

    return [
        Conversation(f"{n}", f"Talk {n}", tuple(Turn(f"{i}", "model" if i % 2 else "user", said(24 if i % 2 else 8)) for i in range(6)))
        for n in range(count)
    ]


def alike(count):
    """Conversations that differ in two words: the worst there is for whatever compares them."""
    text = "the cat sat on the mat and looked at the dog who sat on the rug and looked at the cat until the sun went down behind the green"
    return [
        Conversation(f"{n}", f"Talk {n}", (Turn("q", "user", f"Where is cat {n}?"), Turn("a", "model", f"{text} hill {n}.")))
        for n in range(count)
    ]


def steps(conversations):
    """How many lines of the studio run while everything is checked."""
    parts = dataset.Split(tuple(conversations[::2]), tuple(conversations[1::2]))
    total = 0

    def local(frame, event, argument):
        nonlocal total
        total += event == "line"
        return local

    def opened(frame, event, argument):
        return local if "domain" in frame.f_code.co_filename else None

    every = VoiceRules(20, 60, 8, ("utterly",), ("wag",), True, 0)
    before = sys.gettrace()
    sys.settrace(opened)
    try:
        habits.read(conversations)
        private.read(conversations)
        rules.read(conversations, every)
        voiceprint.measure(text for c in conversations for text in c.replies)
        leakage.read(parts)
    finally:
        sys.settrace(before)
    return total


@pytest.mark.parametrize("made", [many, alike])
def test_twice_as_many_conversations_take_twice_the_steps(made):
    once, twice = steps(made(150)), steps(made(300))
    assert 1.5 < twice / once < 2.3


# ---------------------------------------------------------------- what is said
def test_every_kind_has_one_thing_to_do_at_a_place():
    assert set(checks.ADVICE) == set(get_args(checks.Kind))
    for kind in get_args(checks.Kind):
        for turn in (None, 0, 3):
            said = checks.advice(kind, turn, "Biscuit {name}", "once {line} upon")
            assert said.endswith(".")
            assert "!" not in said
    assert (
        checks.advice("start", 1, "Biscuit", "well i never")
        == "Line 2 opens with “well i never”, as many others do. Begin it in another way."
    )
    assert checks.advice("phrase", 1, "Biscuit") == "Line 2 holds the same words, as many others do. Say it in another way."


def test_what_a_person_wrote_is_in_the_words_of_a_finding_and_nowhere_else():
    hostile = "<img src=x onerror=alert(1)> ${1+1} {it} {N}"
    said = [hostile, f"*a* **b** As an AI 🐾 {hostile} +44 20 7946 0958!!"]
    conversations = [
        Conversation(f"{n}", hostile, tuple(Turn(f"{i}", r, t) for i, (r, t) in enumerate(zip(("user", "model"), said, strict=True))))
        for n in range(24)
    ]
    found = everything(conversations, VoiceRules(1, 1, 5, (hostile,), ("{it} never", hostile + "no"), True, 0))
    found += leakage.read(dataset.Split(tuple(conversations[:12]), tuple(conversations[12:])))
    assert {"start", "finish", "assistant", "layout", "forbidden", "unused", "phone", "leak"} <= {f.kind for f in found}
    rows = checks.ticks(found, 24, 512)
    assert not any(piece in json.dumps(rows) for piece in ("img", "onerror", "{", "7946"))
    assert all(f.severity == "look" for f in found)


def test_the_sheets_the_rules_were_read_from_still_say_so():
    voices = {
        name: " ".join(persona.from_dict(json.loads((PERSONAS / name / "persona.json").read_text("utf-8")), name).voice) for name in SHEETS
    }
    assert "every word whole" in voices["biscuit"]
    assert "never an exclamation mark" in voices["marlow"]
    assert "Never contracts" in voices["quillfeather"]
