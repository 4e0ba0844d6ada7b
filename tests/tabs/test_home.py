"""Home: what it says follows from what is on the disk."""

import json
import re
from types import SimpleNamespace

import gradio as gr
import pytest

from studio.domain.conversation import Turn
from studio.domain.errors import StudioError
from studio.domain.persona import Persona
from studio.domain.progress import lesson
from studio.services.jobs import Jobs
from studio.settings import PROJECT
from studio.tabs import home, standing

ACT, AGAIN, AROUND, START, WHERE, WAY = 3, 4, 5, 6, 7, 10
AT = 1_795_000_000


@pytest.fixture
def studio(library):
    return SimpleNamespace(library=library, jobs=Jobs(library, PROJECT))


def written(library, name="Pim", count=0, answered=True):
    """A character with so many conversations."""
    identifier = library.create(Persona(name, ink="plum"))
    for n in range(count):
        turns = [Turn("a", "user", f"Hello {n}"), Turn("b", "model", "Hm.")]
        library.add(identifier, f"Day {n}", turns if answered else turns[:1])
    return identifier


def taught(library, identifier):
    """A lesson that ended."""
    folder = library.new_folder("adapters", identifier)
    sheet = library.character(identifier).persona.to_dict()
    spec = {
        "kind": "train",
        "persona_id": identifier,
        "persona": sheet,
        "model": "practice",
        "dataset": {"conversations": 31},
        "created": AT,
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    (folder / "result.json").write_text(json.dumps({"finished": AT}))
    (folder / "adapter_model.safetensors").write_bytes(b"")
    return folder


def exported(library, identifier):
    """A file that was made."""
    folder = library.new_folder("exports", identifier)
    (folder / "spec.json").write_text(json.dumps({"kind": "export", "persona_id": identifier}))
    (folder / "events.jsonl").write_text(json.dumps({"kind": "done", "at": AT}) + "\n")


def page(studio, identifier, opened=None):
    return home.look(studio, identifier, identifier if opened is None else opened)


def words(update):
    return update["value"] if isinstance(update, dict) else update


@pytest.mark.parametrize(
    ("count", "headline", "button", "tab"),
    [
        (0, "Pim has no words yet.", "Write the first conversation", "write"),
        (1, "Pim has 1 conversation. About 30 is a good start.", "Keep writing", "write"),
        (12, "Pim has 12 conversations. About 30 is a good start.", "Keep writing", "write"),
        (30, "Pim is written and ready to learn.", "Teach Pim", "train"),
    ],
)
def test_the_headline_and_the_one_button_follow_from_what_is_written(studio, count, headline, button, tab):
    shown = page(studio, written(studio.library, count=count))
    assert (words(shown[1]), words(shown[ACT]), shown[WHERE]) == (headline, button, tab)


def test_unanswered_conversations_lead_to_prepare(studio):
    shown = page(studio, written(studio.library, count=30, answered=False))
    assert shown[WHERE] == "prepare" and "Most of them need a look" in words(shown[1])


def test_a_taught_character_waits_to_talk_and_an_exported_one_may_travel(studio):
    identifier = written(studio.library, count=30)
    taught(studio.library, identifier)
    shown = page(studio, identifier)
    assert (words(shown[1]), words(shown[ACT]), shown[WHERE]) == ("Pim is waiting to talk.", "Talk to Pim", "chat")
    assert "31 conversations" in words(shown[2])
    exported(studio.library, identifier)
    shown = page(studio, identifier)
    assert (words(shown[1]), words(shown[ACT]), shown[WHERE]) == ("Pim is ready to travel.", "Export Pim", "export")


def test_a_running_lesson_is_told_with_the_time_that_was_measured(studio):
    character = studio.library.character(written(studio.library, count=30))
    learning = lesson(
        [{"kind": "start", "steps": 100, "epochs": 4, "at": 0.0}, {"kind": "step", "step": 40, "loss": 2.0, "epoch": 1.6, "at": 240.0}],
    )
    stand = standing.Standing(character, 30, learning, None, None)
    assert standing.headline(stand) == "Pim is learning. About six minutes left."
    assert standing.lede(stand).startswith("Pass 2 of 4.")
    assert standing.next_step(stand, "Pim") == ("train", "Watch Pim learn")
    assert standing.brief_state(stand) == "30 conversations · learning now"
    unmeasured = standing.Standing(character, 30, lesson([]), None, None)
    assert standing.headline(unmeasured) == "Pim is learning."


def test_exactly_one_button_is_filled(studio):
    identifier = written(studio.library, count=3)
    for opened in ("", identifier):
        shown = home.look(studio, identifier, opened)
        filled = [n for n in (ACT, START) if shown[n]["visible"] is True]
        assert len(filled) == 1


def test_the_first_visit_welcomes_until_somebody_was_opened(studio):
    identifier = written(studio.library)
    assert words(home.look(studio, identifier, "")[0]) == "Welcome"
    assert words(home.look(studio, identifier, "an-id-of-another-home")[0]) == "Welcome"
    assert words(home.look(studio, identifier, identifier)[1]) == "Pim has no words yet."


def test_without_any_character_there_is_still_a_way_to_start(studio):
    shown = home.look(studio, None, "")
    assert words(shown[0]) == "Welcome" and shown[START]["visible"] is True and len(shown) == home.PARTS


def test_a_question_about_a_character_that_has_just_gone_changes_nothing(studio):
    written(studio.library)
    assert home.look(studio, "gone", "gone") == [gr.skip()] * home.PARTS


def test_the_path_marks_one_place_and_calls_done_only_what_is_known(studio):
    identifier = written(studio.library, count=31)
    taught(studio.library, identifier)
    way = page(studio, identifier)[WAY]
    assert re.findall(r'<li class="(\w+)"', way) == ["done", "done", "done", "now", "next"]
    assert way.count("You are here") == 1 and "31 conversations" in way


def test_nothing_a_person_wrote_gets_into_markup(studio):
    name = "</style><script>alert(1)</script>${1+1}"
    identifier = studio.library.create(Persona(name, description=name, ink="berry"))
    for markup in (home.reink(studio, identifier), page(studio, identifier)[WAY], page(studio, identifier)[8]):
        assert "alert" not in markup and "${" not in markup


def test_reinking_names_every_portrait_and_the_open_characters_ink(studio):
    first, second = written(studio.library, "Pim"), written(studio.library, "Pom")
    markup = home.reink(studio, second)
    assert markup.count("--pic:url(/studio/avatar/") == 2 and first in markup
    assert markup.endswith('<i class="ink-plum"></i>')


def test_a_new_character_takes_the_next_free_ink_and_is_opened(studio):
    written(studio.library, "Pim")
    ink = home.compose(studio)[5]
    assert ink == "blue"
    cast = home.keep(studio, "", "  Pom  ", "A cat", ink)[2]
    assert cast["choices"][-1][0] == "Pom" and cast["value"] == cast["choices"][-1][1]
    assert home.compose(studio)[5] == "petrol"


def test_a_character_without_a_name_is_refused_with_a_sentence(studio):
    with pytest.raises(StudioError, match="needs a name"):
        home.keep(studio, "", "   ", "", "blue")


def test_renaming_keeps_the_rest_of_the_sheet(studio):
    identifier = studio.library.create(Persona("Pim", voice=("Short",), facts=("Old",), ink="plum"))
    home.keep(studio, identifier, "Pom", "A cat", "slate")
    assert studio.library.character(identifier).persona == Persona("Pom", "A cat", voice=("Short",), facts=("Old",), ink="slate")


def test_a_copy_has_the_conversations_too(studio):
    copied = home.duplicate(studio, written(studio.library, "P" * 60, count=2))[0]["value"]
    assert studio.library.character(copied).persona.name.endswith("(copy)")
    assert studio.library.character(copied).conversations == 2


def test_the_bin_gives_back_what_it_was_given(studio):
    kept, thrown = written(studio.library, "Pim"), written(studio.library, "Pom", count=2)
    cast, _, _, news, gone = home.discard(studio, thrown)
    assert (cast["value"], news, gone) == (kept, "Pom moved to the bin. It stays there for 30 days.", thrown)
    assert home.open_bin(studio)[1]["choices"][0][1] == thrown
    assert home.put_back(studio, thrown)[0]["value"] == thrown
    assert studio.library.character(thrown).conversations == 2


def test_the_last_character_stays(studio):
    with pytest.raises(StudioError, match="only character"):
        home.discard(studio, written(studio.library))


def test_a_long_name_is_cut_on_cards_and_buttons_only(studio):
    identifier = written(studio.library, "Grandmother Pimpernel of the Upper Marsh", count=30)
    shown = page(studio, identifier)
    assert words(shown[1]) == "Grandmother Pimpernel of the Upper Marsh is written and ready to learn."
    assert words(shown[ACT]) == "Teach Grandmother Pimpernel of…"
    assert all(len(line) <= 68 for line in home.card(studio.library.character(identifier).persona).split("\n"))


def test_the_page_opens_with_the_character_that_was_open_last(studio):
    first, second = written(studio.library, "Pim"), written(studio.library, "Pom")
    assert home.opening(studio, second)["value"] == second
    assert home.opening(studio, "gone")["value"] == first
    assert home.opening(studio, None)["value"] == first


def test_what_the_library_had_to_mend_is_said_as_the_page_opens(studio, monkeypatch):
    said = []
    monkeypatch.setattr(studio.library, "notices", lambda: ["A copy of <Pip> was used."])
    monkeypatch.setattr(home.gr, "Warning", lambda words, **options: said.append((words, options["duration"])))
    home.opening(studio, None)
    assert said == [("A copy of &lt;Pip&gt; was used.", None)]
