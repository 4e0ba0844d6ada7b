"""The folds of Train for several voices: who learns along, and what is blended."""

import pytest

from studio.domain.blend import Blend
from studio.domain.errors import NotReady
from studio.domain.persona import Persona
from studio.services import blends
from studio.tabs import blending, chat, fits, form, past, room, several, train
from tests.services.test_blends import voice
from tests.services.test_sharing import character, taught
from tests.tabs import stage
from tests.tabs.journals import page


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


@pytest.fixture
def cast(library):
    return character(library, "Nib", "You are a dog."), character(library, "Marlow", "You keep a lighthouse.", 30, ("Who are you?",))


# ---------------------------------------------------------------- several at once
def test_others_with_conversations_are_offered_and_ticks_belong_to_one_character(studio, cast):
    nib, marlow = cast
    studio.library.create(Persona("Nobody"))
    offer = several.offered(studio, nib)
    assert [label for label, _ in offer["choices"]] == ["Marlow, 30 conversations"]
    tick = [value for _, value in offer["choices"]]
    assert several.chosen(studio, nib, tick) == (marlow,)
    assert several.chosen(studio, marlow, tick) == (), "a page that shows another character by now teaches nobody by mistake"
    assert "value" not in offer, "a tick set while the list is on its way stays"
    assert not several.offered(studio, None)["choices"]


def test_a_press_teaches_all_that_are_ticked_and_the_cards_count_with_them(studio, cast):
    nib, marlow = cast
    tick = [f"{nib}:{marlow}"]
    assert fits.desk(studio, nib, "practice", (marlow,)).material.conversations == 42
    alone, both = (form.form(studio, nib, None, "quick", "", ticks)[5:] for ticks in ([], tick))
    assert alone != both, "the recipe is made for what there is to learn"
    assert train.press(studio, tick, nib, "practice", "quick", "", *both) == ""
    ((kind, folder),) = studio.jobs.started
    assert kind == "train" and studio.library.adapters(marlow) == studio.library.adapters(nib) == [folder]
    spec = studio.library.read_json(folder / "spec.json", {})
    assert [member["name"] for member in spec["company"]] == ["Nib", "Marlow"]


def test_the_page_of_each_names_the_others_and_what_was_measured(studio, cast):
    nib, marlow = cast
    taught(studio, nib, marlow)
    for who in cast:
        told = page(studio, who)["company"]
        assert told["visible"] and told["value"].startswith("Nib and Marlow learn together.")
        assert "Marlow 1.00, before learning 4.00" in told["value"]
    assert page(studio, marlow)["t3"]["value"] == "The keeper."


def test_the_table_and_the_lists_say_with_whom(studio, cast):
    nib, marlow = cast
    taught(studio, nib, marlow)
    row = past.listing(studio, past.Whose(persona=marlow))["rows"][0]
    assert row["differs"] == "with Nib"
    adapter = blends.ingredients(studio.library, nib)[0].adapter
    assert room.lesson_line(adapter).endswith("12 conversations with Marlow")


# ---------------------------------------------------------------- blends
def test_the_fold_is_there_from_two_voices_on(studio, cast):
    nib, marlow = cast
    voice(studio, nib)
    assert blending.visit(studio, nib, [])[0]["visible"] is False
    voice(studio, marlow)
    desk = blending.visit(studio, nib, ["gone-1"])
    assert desk.fold["visible"] is True and desk.voices["value"] == []
    assert [label.split(",")[0] for label, _ in desk.voices["choices"]] == ["Nib", "Marlow"]


def test_each_chosen_voice_has_a_slider_with_its_name(studio, cast):
    nib, marlow = cast
    folders = [voice(studio, who) for who in cast]
    desk = blending.choose(studio, nib, [folder.name for folder in folders])
    assert [slider["visible"] for slider in (desk.weight_1, desk.weight_2, desk.weight_3)] == [True, True, False]
    assert desk.weight_2["label"].startswith("Marlow, ") and desk.keep["interactive"] is False


def test_nothing_is_kept_that_nobody_heard(studio, cast):
    folders = [voice(studio, who) for who in cast]
    names = [folder.name for folder in folders]
    with pytest.raises(NotReady, match="Press Listen"):
        blending.keep(studio, cast[0], names, "linear", {}, 0.5, 0.5, 0.5, 0.5)


def test_a_refusal_gives_the_button_back(studio, cast):
    folders = [voice(studio, cast[0]), voice(studio, cast[1], sizes=True)]
    *_, last = blending.listen(studio, blending.Listener(), cast[0], [f.name for f in folders], "linear", 0, {}, 0.5, 0.5)
    assert last.listen["visible"] is True and last.stop["visible"] is False
    assert "DoRA" in last.note["value"]


def test_a_kept_blend_stands_in_the_table_as_what_it_is(studio, cast):
    nib, marlow = cast
    folders = [voice(studio, who) for who in cast]
    wanted = Blend(tuple(f.name for f in folders), (0.5, 0.5))
    list(blends.mix(studio.library, studio.voice, nib, wanted))
    desk = blending.keep(studio, nib, wanted.parents, "linear", {(f"blend:{nib}", "Hello!"): "Hi."}, 0.5, 0.5)
    first, second = past.listing(studio, past.Whose(persona=nib))["rows"]
    assert (first["id"], first["state"], first["steps"], first["loss"]) == (desk.kept, "blended", "–", "–")
    assert first["differs"].startswith("blend of Nib, ") and second["differs"] == "Nothing"


def test_a_kept_blend_is_the_one_that_answers_in_chat_until_another_is_chosen(studio, cast):
    nib, marlow = cast
    folders = [voice(studio, who) for who in cast]
    before = chat.visit(studio, nib, {}, "character", None, None, "")
    assert before.partner["value"] == before.newest == folders[0].name
    wanted = Blend(tuple(f.name for f in folders), (0.5, 0.5))
    list(blends.mix(studio.library, studio.voice, nib, wanted))
    kept = blending.keep(studio, nib, wanted.parents, "linear", {(f"blend:{nib}", "Hello!"): "Hi."}, 0.5, 0.5).kept
    after = chat.visit(studio, nib, {}, "character", before.partner["value"], None, before.newest)
    assert after.partner["value"] == after.newest == kept
    assert "value" not in chat.visit(studio, nib, {}, "character", folders[0].name, None, after.newest).partner, (
        "the one chosen on the page stays"
    )


def test_another_character_finds_nothing_chosen_nothing_heard_and_nothing_to_keep(studio, cast):
    nib, marlow = cast
    for who in cast:
        voice(studio, who)
    desk = blending.arrive(studio, blending.Listener(), marlow)
    assert desk.voices["value"] == [] and desk.heard == {} and desk.note["visible"] is False
    assert desk.stage["visible"] is False and desk.keep["interactive"] is False
    assert not any(getattr(desk, f"weight_{n}")["visible"] for n in range(1, 5))


def test_what_is_still_being_said_does_not_reach_the_fold_of_another_character(studio, cast):
    folders = [voice(studio, who) for who in cast]
    listener = blending.Listener()
    saying = blending.listen(studio, listener, cast[0], [f.name for f in folders], "linear", 0, {}, 0.5, 0.5)
    assert next(saying).note["value"] == "Blending."
    blending.arrive(studio, listener, cast[1])
    assert list(saying) == [] and listener.persona == ""
