"""Chat asks, streams, stops and keeps; and no word that was typed is lost on the way."""

import inspect
import time
from dataclasses import replace

import gradio as gr
import pytest

from studio.domain.errors import Busy, NotFound
from studio.domain.talk import Talk
from studio.services import adapters, exports, orders
from studio.services.ollama import Ollama
from studio.services.voice import Voice
from studio.tabs import chat
from studio.tabs import room as room_words
from studio.tabs.room import Room, occasion, temperature
from tests import boxes
from tests.tabs import stage


class Speaker:
    """A voice that says what it is told to, word by word, and writes down what it was asked."""

    def __init__(self, answer="I smell rain and pencils.", error=None):
        self.answer, self.error, self.heard, self.asked, self.stops = answer, error, [], [], 0

    def speak(self, model, adapter, turns, system, temperature):
        self.asked.append((model, adapter, system))
        self.heard.append((adapter, tuple(turn.text for turn in turns), system, temperature))
        words = self.answer.split()
        for n in range(1, len(words) + 1):
            yield " ".join(words[:n])
        if self.error:
            raise self.error

    def stop(self):
        self.stops += 1

    def loaded(self):
        return bool(self.heard)

    def busy(self):
        return False


@pytest.fixture
def taught(library, tmp_path):
    """(studio, persona id) with one finished lesson and a voice that answers."""
    studio = replace(stage.studio(library, tmp_path), voice=Speaker())
    who = stage.character(library, 30)
    stage.lesson(studio, who, {"kind": "done", "at": 1.0}, finished=time.time())
    return studio, who


def ask(studio, persona_id, text, talks=None, who="character", mood=5):
    return list(chat.ask(studio, persona_id, talks or {}, chat.Ear(), who, None, None, mood, text))


def text(bubbles):
    return [bubble["content"][0]["text"] for bubble in bubbles]


def test_an_answer_grows_and_stays(taught):
    studio, who = taught
    shown = ask(studio, who, "What do you smell?")
    assert shown[0].box == "" and shown[0].send["visible"] is False and shown[0].stop["visible"] is True
    assert [text(room.voiced)[-1] for room in shown[1:-1]][:2] == ["I", "I smell"]
    talk = shown[-1].talks[who]
    assert [turn.text for turn in talk.voiced] == ["What do you smell?", "I smell rain and pencils."] and not talk.asked
    assert shown[-1].send["visible"] is True


def test_the_character_hears_its_scene_and_the_plain_model_does_not(taught):
    studio, who = taught
    ask(studio, who, "Who are you?", who="both")
    plain, voiced = studio.voice.heard
    assert plain[0] is None and plain[2] == ""
    assert voiced[0] == studio.library.adapters(who)[0] and voiced[2] == "You are a dog."
    assert plain[1] == voiced[1] == ("Who are you?",)


def test_the_scene_is_the_one_it_was_taught_under(taught):
    studio, who = taught
    character = studio.library.character(who)
    studio.library.save_sheet(who, replace(character.persona, system="You are a cat."), character.rev)
    ask(studio, who, "Who are you?")
    assert studio.voice.heard[0][2] == "You are a dog."


def test_the_newest_lesson_answers_unless_another_is_chosen(taught):
    studio, who = taught
    first = studio.library.adapters(who)[0]
    second = stage.lesson(studio, who, {"kind": "done", "at": 2.0}, finished=time.time())
    ask(studio, who, "Hello?")
    list(chat.ask(studio, who, {}, chat.Ear(), "character", first.name, None, 5, "Hello?"))
    assert [heard[0] for heard in studio.voice.heard] == [second, first]


@pytest.mark.parametrize("error", [Busy("A lesson needs the memory. Your words are kept. Wait until it ends."), RuntimeError("a defect")])
@pytest.mark.parametrize("answer", ["", "Half an"])
def test_a_question_that_finds_no_answer_comes_back(taught, error, answer):
    studio, who = taught
    studio = replace(studio, voice=Speaker(answer, error))
    talks = {who: Talk()}
    last = ask(studio, who, "  What is rain?  ", talks)[-1]
    assert last.note["visible"] and (str(error) == last.note["value"] or not isinstance(error, Busy))
    assert last.voiced["value"] == [] and last.send["visible"] is True
    assert chat.put_back(studio, who, last.talks, "")[1] == "What is rain?"
    assert chat.put_back(studio, who, last.talks, "and a thought typed since")[1] == "What is rain? and a thought typed since"
    assert chat.put_back(studio, who, chat.put_back(studio, who, last.talks, "")[0], "x") == (gr.skip(), gr.skip()), "only once"


def test_silence_is_said_and_the_question_comes_back(taught):
    studio, who = taught
    last = ask(replace(studio, voice=Speaker("")), who, "Hello?")[-1]
    assert "No answer came" in last.note["value"] and last.talks[who].unsent == "Hello?"


def test_an_empty_box_asks_nothing(taught):
    assert ask(*taught, "   ") == [] and taught[0].voice.heard == []


def test_a_second_press_while_speaking_asks_nothing(taught):
    studio, who = taught
    first = chat.ask(studio, who, {}, chat.Ear(), "character", None, None, 5, "Hello?")
    speaking = next(first).talks
    with pytest.raises(Busy):
        ask(studio, who, "Hello?", speaking)


def test_stop_keeps_what_was_said_and_asks_nobody_else(taught):
    studio, who = taught
    ear = chat.Ear()
    answering = chat.ask(studio, who, {}, ear, "both", None, None, 5, "Hello?")
    next(answering), next(answering), next(answering)
    chat.hush(studio, ear)
    last = list(answering)[-1]
    assert studio.voice.stops == 1 and len(studio.voice.heard) == 1
    assert text(last.plain["value"]) == ["Hello?", "I smell rain"] and last.voiced["value"] == []
    assert last.send["visible"] is True and last.again["interactive"] is True


def test_stop_before_the_first_word_gives_the_question_back(taught):
    studio, who = taught
    ear = chat.Ear()
    answering = chat.ask(replace(studio, voice=Speaker("")), who, {}, ear, "both", None, None, 5, "Hello?")
    next(answering)
    chat.hush(studio, ear)
    last = list(answering)[-1]
    assert chat.put_back(studio, who, last.talks, "")[1] == "Hello?" and last.hello["visible"] is True


def test_another_answer_takes_the_place_of_the_last(taught):
    studio, who = taught
    talks = ask(studio, who, "Hello?", who="both")[-1].talks
    studio = replace(studio, voice=Speaker("Something else."))
    talk = list(chat.again(studio, who, talks, chat.Ear(), "both", None, None, 5))[-1].talks[who]
    assert [turn.text for turn in talk.voiced] == [turn.text for turn in talk.plain] == ["Hello?", "Something else."]


def test_another_answer_that_does_not_come_leaves_the_old_one(taught):
    studio, who = taught
    talks = ask(studio, who, "Hello?")[-1].talks
    last = list(chat.again(replace(studio, voice=Speaker("", Busy("Not now."))), who, talks, chat.Ear(), "character", None, None, 5))[-1]
    assert text(last.voiced["value"]) == ["Hello?", "I smell rain and pencils."] and not last.talks[who].unsent


def test_leaving_for_another_character_ends_the_answer_without_touching_its_page(taught):
    studio, who = taught
    ear = chat.Ear()
    answering = chat.ask(studio, who, {}, ear, "character", None, None, 5, "Hello?")
    next(answering)
    chat.leave(studio, next(answering).talks, ear)
    last = list(answering)[-1]
    assert studio.voice.stops == 1 and not last.talks[who].asked and last.talks[who].voiced[-1].text == "I smell"
    assert last == Room(talks=last.talks)


def test_kept_twice_is_kept_once(taught):
    studio, who = taught
    talks = ask(studio, who, "What do you\nsmell on a very long and winding walk around the pond with Mia and Button?")[-1].talks
    before = len(studio.library.conversations(who))
    room = chat.keep(studio, who, talks, "character")
    chat.keep(studio, who, talks, "character")
    chat.keep(studio, who, room.talks, "character")
    kept = [c for c in studio.library.conversations(who) if c.turns[-1].text == "I smell rain and pencils."]
    assert len(studio.library.conversations(who)) == before + 1 and len(kept) == 1
    assert kept[0].title == "What do you smell on a very long and winding walk around"
    assert room.note["value"] == "Kept in Write. Edit it before the next lesson." and room.keep["interactive"] is False


def test_an_example_edited_in_write_is_not_kept_a_second_time(taught):
    studio, who = taught
    talks = chat.keep(studio, who, ask(studio, who, "Hello?")[-1].talks, "character").talks
    kept = next(c for c in studio.library.conversations(who) if c.title == "Hello?")
    found = studio.library.load(kept.id)
    found["turns"][1]["text"] = "Woof."
    assert studio.library.save(kept.id, found["rev"], "op1", "Hello?", found["turns"])["ok"]
    before = len(studio.library.conversations(who))
    chat.keep(studio, who, talks, "character")
    assert len(studio.library.conversations(who)) == before


def test_start_again_can_be_taken_back(taught):
    studio, who = taught
    talks = ask(studio, who, "Hello?")[-1].talks
    room = chat.restart(studio, who, talks, "character")
    assert room.hello["visible"] and room.restart["value"] == "Bring the conversation back"
    assert text(chat.restart(studio, who, room.talks, "character").voiced["value"])[0] == "Hello?"


def test_the_room_invites_with_questions_never_heard(taught):
    studio, who = taught
    room = chat.visit(studio, who, {}, "character", None, None)
    kept_back = adapters.unheard(adapters.learned(studio.library, who)[0], 99)
    assert room.hello_words == "Say hello. Biscuit has been waiting."
    shown = [q["value"] for q in (room.first, room.second, room.third) if q["visible"]]
    assert shown and set(shown) <= set(kept_back)
    assert room_words.PRACTICE in room.origin and room.unlearned["visible"] is False and room.send["variant"] == "primary"


def test_who_has_not_learned_leaves_the_talking_to_the_plain_model(library, tmp_path):
    studio = replace(stage.studio(library, tmp_path), voice=Speaker())
    who = stage.character(library)
    room = chat.visit(studio, who, {}, "both", None, None)
    assert room.unlearned["visible"] and room.bar["visible"] is False and room.voiced_column["visible"] is False
    assert room.send["variant"] == "secondary", "Teach is the one filled button"
    ask(studio, who, "Hello?", who="both")
    assert [heard[0] for heard in studio.voice.heard] == [None]


def test_a_running_lesson_can_be_talked_to_but_a_finished_one_comes_first(taught):
    studio, who = taught
    running = stage.lesson(studio, who, {"kind": "start", "at": 1.0}, alive=True)
    (running / "adapter_model.safetensors").write_bytes(b"weights")
    learned = adapters.learned(studio.library, who)
    assert [a.finished for a in learned] == [True, False] and learned[1].folder == running
    assert "so far" in occasion(learned[1])


def test_the_slider_runs_from_greedy_to_wild():
    assert [temperature(mood) for mood in (0, 5, 10)] == [0.0, 0.7, 1.5]


def test_a_tab_that_was_never_opened_has_no_choice_yet(taught):
    assert chat.visit(*taught, {}, None, None, None).who["value"] == "character"
    assert "value" not in chat.visit(*taught, {}, "both", None, None).who, "what is pressed while the room still comes is not taken back"


def test_without_a_character_nothing_happens(taught):
    assert chat.visit(taught[0], None, {}, "character", None, None) == Room()


def test_every_answering_handler_streams():
    assert inspect.isgeneratorfunction(chat.ask) and inspect.isgeneratorfunction(chat.again)


def test_everything_that_can_be_pressed_is_answered(taught):
    with gr.Blocks() as page:
        persona = gr.Radio([])
        with gr.Tabs():
            chat.build(taught[0], persona)
    assert {"ask", "again", "hush", "keep", "restart", "visit"} <= {listener.name for listener in page.fns.values()}


@pytest.fixture
def box():
    server = boxes.opened()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def out_in_the_world(taught, box):
    """The character, with two files of the same size, one of another, and a place in a stand-in for Ollama."""
    studio, who = taught
    studio = replace(studio, ollama=Ollama(f"127.0.0.1:{box.server_port}"))
    for kind in ("Q8_0", "Q4_K_M", "Q8_0"):
        exported(studio, who, kind)
    exports.remember(studio.library, exports.newest(studio.library, who))
    box.models = {"biscuit:latest": {}, "gemma3:1b": {}, "far:cloud": {}}
    return studio, who


def exported(studio, who, kind):
    """An export that is done, as its folder would look."""
    folder = orders.order_export(studio.library, studio.models, studio.library.adapters(who)[0], kind, "biscuit")
    (folder / f"biscuit-{kind}.gguf").write_bytes(b"GGUF")
    result = {"path": f"biscuit-{kind}.gguf", "bytes": 4, "checks": [], "answers": []}
    studio.library.write_json(folder / "result.json", result)
    return folder


def keys(choice):
    return [key for _, key in choice["choices"]]


def test_everybody_who_can_answer_is_offered_in_the_words_of_the_studio(out_in_the_world):
    studio, who = out_in_the_world
    room = chat.visit(studio, who, {}, "both", None, None)
    labels = [label for label, _ in room.partner["choices"]]
    assert [label.split(" · ")[0] for label in labels] == [
        "In the studio", "The file for Ollama, Balanced", "The file for Ollama, Small", "In Ollama"
    ]  # fmt: skip
    assert keys(room.beside) == ["plain", *keys(room.partner), "ollama:gemma3:1b"] and room.beside["value"] == "plain"
    assert keys(room.partner)[1] == f"file:{studio.library.exports(who)[0].name}", "of two files of one size the newer"
    left = chat.visit(studio, who, {}, "both", None, keys(room.partner)[2])
    assert "The file, Small" in left.plain_head and left.who["choices"][1] == ("The file, Small", "before")
    assert room.partner["visible"] and room.beside["visible"]


def test_a_file_answers_beside_the_app_under_the_scene_it_was_made_with(out_in_the_world):
    studio, who = out_in_the_world
    file = keys(chat.visit(studio, who, {}, "both", None, None).partner)[2]
    list(chat.ask(studio, who, {}, chat.Ear(), "both", None, file, 5, "Who are you?"))
    (left, right) = studio.voice.asked
    assert left[0].name == "biscuit-Q4_K_M.gguf" and left[1] is None and left[2] == "You are a dog."
    assert right[0] == studio.models.practice and right[1] == studio.library.adapters(who)[0]


def test_the_character_in_ollama_answers_and_hears_stop(out_in_the_world, box):
    studio, who = out_in_the_world
    studio = replace(studio, voice=Voice())
    shown = list(chat.ask(studio, who, {}, chat.Ear(), "character", "ollama:biscuit", None, 0, "Who are you?"))
    assert shown[-1].talks[who].voiced[-1].text == "Woof, says the box." and box.orders[-1]["model"] == "biscuit"
    box.usual, ear = "word " * 5_000, chat.Ear()
    answering = chat.ask(studio, who, {}, ear, "character", "ollama:biscuit", None, 5, "And then?")
    for room in answering:
        if len(room.talks[who].voiced) > 1:
            break
    chat.hush(studio, ear)
    talk = list(answering)[-1].talks[who]
    assert talk.voiced[-1].text.startswith("word") and not talk.asked
    assert box.left.wait(10)


def test_no_other_voice_passes_for_one_that_is_gone(out_in_the_world, box):
    studio, who = out_in_the_world
    box.models = {}
    with pytest.raises(NotFound, match="Ollama has stopped"):
        list(chat.ask(studio, who, {}, chat.Ear(), "character", "ollama:biscuit", None, 5, "Who are you?"))
    assert studio.voice.heard == []
    assert chat.visit(studio, who, {}, "character", "ollama:biscuit", None).partner["value"] == studio.library.adapters(who)[0].name


def test_a_character_whose_lessons_are_gone_still_speaks_from_its_file(out_in_the_world):
    studio, who = out_in_the_world
    studio.library.bin_lesson(studio.library.adapters(who)[0], time.time())
    room = chat.visit(studio, who, {}, "character", None, None)
    assert room.unlearned["visible"] is False and keys(room.partner)[0].startswith("file:")


def test_what_a_model_of_ollama_is_called_cannot_become_markup(out_in_the_world, box):
    studio, who = out_in_the_world
    box.models = {"${1+1}<b>:latest": {}}
    head = chat.visit(studio, who, {}, "both", None, "ollama:${1+1}<b>").plain_head
    assert "<b>" not in head and "${" not in head and "&lt;b&gt;" in head
