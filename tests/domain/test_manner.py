"""Sentences on how a character talks become rules where a machine can hold them."""

import json
from pathlib import Path

import pytest

from studio.domain import manner, rules
from studio.domain.conversation import from_jsonl
from studio.domain.rules import VoiceRules

PERSONAS = Path(__file__).resolve().parents[2] / "personas"
SHEETS = {
    "biscuit": VoiceRules(no_contractions=True, capitals=1),
    "marlow": VoiceRules(exclamations=0),
    "quillfeather": VoiceRules(no_contractions=True, exclamations=0),
}


@pytest.mark.parametrize("name", SHEETS)
def test_the_sheets_of_the_bundled_characters_are_understood_and_kept(name):
    voice = json.loads((PERSONAS / name / "persona.json").read_text("utf-8"))["voice"]
    assert manner.understood(voice) == SHEETS[name]
    assert manner.count(SHEETS[name]) in (1, 2)
    assert rules.read(from_jsonl((PERSONAS / name / "conversations.jsonl").read_text("utf-8"), name, name), SHEETS[name]) == []


@pytest.mark.parametrize(
    ("sentence", "meant"),
    [
        ("Sentences of at most twelve words", VoiceRules(longest_sentence=12)),
        ("Never more than 8 words in a sentence; never more than forty words in an answer", VoiceRules(longest_sentence=8, longest_reply=40)),
        ("Talks like a six-year-old", VoiceRules(reading_age=6)),
        ("Never says “certainly” or “of course”. Often says “by my beak!”", VoiceRules(forbidden=("certainly", "of course"), favourites=("by my beak",))),
        ("At most one exclamation mark in a reply", VoiceRules(exclamations=1)),
        ("Doesn’t use contractions", VoiceRules(no_contractions=True)),
        ("CAPITALS for joy, at most twice in a reply", VoiceRules(capitals=2)),
        ("Never shouts in capitals", VoiceRules(capitals=0)),
        ("Writes each word in full", VoiceRules(no_contractions=True)),
    ],
)  # fmt: skip
def test_what_a_sentence_means(sentence, meant):
    assert manner.understood([sentence]) == meant


@pytest.mark.parametrize(
    "sentence",
    [
        "Short sentences, then one long one",
        "Counts to five, and after that says many",
        "His sister writes postcards full of exclamation marks",
        "Never hurried; says what he means",
        "Says “no” a lot, and never means it",
        "A six-year-old puppy",
        "Knows all capitals of the world",
        "",
    ],
)
def test_what_a_machine_can_not_hold_is_left_to_the_writer(sentence):
    assert manner.understood([sentence]) == VoiceRules()
