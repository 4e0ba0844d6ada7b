"""Prepare reads everything once and says what it found."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from studio.domain.conversation import Turn, from_jsonl
from studio.domain.errors import StudioError
from studio.domain.persona import Persona
from studio.tabs import findings, mask, prepare
from tests.tabs import stage

FEW = "Ready, with one thing worth a look."  # the twelve conversations on this stage are few


@pytest.fixture
def studio(library, tmp_path):
    return stage.studio(library, tmp_path)


def titled(studio, who, title):
    """One conversation of a character."""
    return next(c for c in studio.library.conversations(who) if c.title == title)


def look(studio, who, model=None, conversation=None):
    return prepare.look(studio, who, model, conversation)._asdict()


def desk(studio, who, check=None):
    """The open desk with one finding on it."""
    return prepare.consult(studio, who, None, check, who)


def add(studio, who, title, *texts):
    """One more conversation."""
    return studio.library.add(who, title, [Turn(f"t{n}", "model" if n % 2 else "user", text) for n, text in enumerate(texts)])


def test_a_character_without_conversations_shows_the_way_to_write(studio):
    for who in (None, stage.character(studio.library, 0)):
        page = look(studio, who)
        assert (page["empty"]["visible"], page["page"]["visible"]) == (True, False)


def test_good_conversations_are_ready_and_lead_to_train(studio):
    who = stage.character(studio.library, 50)
    page = look(studio, who)
    assert "<h1>Ready.</h1>" in page["head"]
    assert page["show"]["visible"] is False
    assert (page["onward"]["visible"], page["onward"]["variant"]) == (True, "primary")
    assert page["title"] == "What Biscuit will learn, word for word"
    assert "45 to learn from, 5 kept back" in prepare.picture(studio, who, None).panels
    assert "<dd>50</dd>" in page["numbers"]
    assert desk(studio, who).box["visible"] is False


def test_a_conversation_without_an_answer_has_to_be_fixed_first(studio):
    who = stage.character(studio.library)
    bad = add(studio, who, "Dinner is late", "Where is it?")
    page = look(studio, who)
    assert "Not ready yet: one thing to fix." in page["head"]
    assert page["ticks"].count('class="bad"') == 1
    assert (page["show"]["variant"], page["onward"]["variant"]) == ("primary", "secondary")
    shown = desk(studio, who)
    assert shown.which["value"] == "ending"
    assert shown.where["choices"] == [("Dinner is late\nIt has no answer from Biscuit at the end. Add one, or leave it out.", f"{bad}:0")]
    assert (shown.mend["visible"], shown.hush["visible"]) == (False, False), "nobody else can write the answer, and it can't be left so"


def test_at_most_twelve_places_are_listed_and_the_rest_is_counted(studio):
    who = stage.character(studio.library)
    for n in range(15):
        add(studio, who, f"Draft {n}", f"Where is {n}?")
    shown = desk(studio, who).where
    assert len(shown["choices"]) == 12
    assert shown["label"] == "The first 12 of 15. Choose one to open it."


def test_the_desk_opens_for_the_character_it_was_opened_for_only(studio):
    who = stage.character(studio.library)
    assert prepare.consult(studio, who, None, None, "somebody else").box["visible"] is False
    assert prepare.consult(studio, None, None, None, "").box["visible"] is False


def test_what_was_found_is_said_once_while_the_desk_is_open(studio):
    who = stage.character(studio.library)
    add(studio, who, "Dinner is late", "Where is it?")
    said = ("One conversation has no answer at the end", "These are few conversations")
    closed = prepare.look(studio, who, None, None).ticks
    assert [closed.count(title) for title in said] == [1, 1]
    opened, above = prepare.open_desk(studio, who, None)
    listed = "".join(label for label, _ in prepare.consult(studio, who, None, None, opened).which["choices"])
    assert [above.count(title) + listed.count(title) for title in said] == [1, 1]
    assert above.count('class="ok"') == closed.count('class="ok"') > 3, "what is all right stays in view"
    assert prepare.look(studio, who, None, None, opened).ticks == above, "also when the page is read again"
    assert prepare.look(studio, who, None, None, "somebody else").ticks == closed


def test_a_mend_is_an_ordinary_save_and_the_finding_is_gone(studio):
    who = stage.character(studio.library)
    blank = add(studio, who, "Blanks", " Hello there? ", "It is me.")
    shown = desk(studio, who, "trim")
    assert (shown.mend["value"], shown.mend["visible"]) == ("Take the blanks off", True)
    done = findings.mend(studio, prepare.reading(studio, who, None), "trim")
    assert done == "One conversation was mended. What stood there before is in History, in Write."
    assert studio.library.load(blank)["turns"][0]["text"] == "Hello there?"
    assert studio.library.history(blank)["revisions"][1]["turns"][0]["text"] == " Hello there? "
    with pytest.raises(StudioError, match="not there any more"):
        findings.mend(studio, prepare.reading(studio, who, None), "trim")


def test_a_button_that_would_change_nothing_is_not_there(studio):
    who = stage.character(studio.library)
    add(studio, who, "Headings", "How does it work?", "# A heading")
    assert desk(studio, who, "layout").mend["visible"] is False
    add(studio, who, "Bold", "How does it work at all?", "It is **wet**.")
    assert desk(studio, who, "layout").mend["visible"] is True
    findings.mend(studio, prepare.reading(studio, who, None), "layout")
    assert titled(studio, who, "Bold").replies == ("It is wet.",)


def test_copies_go_to_the_bin_and_can_come_back(studio):
    who = stage.character(studio.library)
    first, second = (add(studio, who, "Twin", "Where is the ball?", "Under the hedge.") for _ in range(2))
    assert findings.mend(studio, prepare.reading(studio, who, None), "copy").startswith("One conversation was moved to the bin.")
    (gone,) = studio.library.removed(who)
    assert gone[0] in (first, second)
    assert [f.kind for f in prepare.reading(studio, who, None).findings] == ["thin"]


def test_a_silenced_check_is_counted_and_can_be_taken_back(studio):
    who = stage.character(studio.library)
    add(studio, who, "Mail", "Where do I write?", "To me@example.com, of course.")
    with pytest.raises(StudioError, match="Write why first"):
        prepare.silence(studio, who, None, "email", " ")
    prepare.silence(studio, who, None, "email", "Made up.")
    page, shown = look(studio, who), desk(studio, who)
    assert FEW in page["head"]
    assert "e-mail" not in page["ticks"] and "Nothing private was found" not in page["ticks"]
    assert (shown.quiet["visible"], shown.quiet_head) == (True, "<h3>One check is silenced</h3>")
    assert shown.quieted["choices"] == [("One line holds an e-mail address\nMade up.", "email")]
    add(studio, who, "More mail", "And you?", "To you@example.com, as well.")
    assert "Two lines hold e-mail addresses" in look(studio, who)["ticks"], "it speaks again where it finds more"
    prepare.silence(studio, who, None, "email", "Both made up.")
    prepare.hear(studio, who, "email")
    assert studio.library.character(who).persona.silenced == ()
    assert "Two lines hold e-mail addresses" in look(studio, who)["ticks"]
    with pytest.raises(StudioError, match="Choose a check"):
        prepare.hear(studio, who, None)


def test_the_words_a_finding_is_about_are_shown_as_words(studio):
    who = stage.character(studio.library)
    studio.library.save_sheet(who, replace(studio.library.character(who).persona, facts=("Biscuit is <b>six</b>.", "Biscuit is six.")), 1)
    add(studio, who, "Seven", "How old are you?", "I am seven.")
    shown = desk(studio, who, "fact: Biscuit is six.")
    assert shown.said["value"] == "Biscuit is six."
    assert shown.where["choices"][0][0] == "Seven\nLine 2 says otherwise than “Biscuit is six.”. Change one of the two."


def test_too_few_conversations_lead_back_to_write(studio):
    page = look(studio, stage.character(studio.library, 4))
    assert "There are four." in page["ticks"]
    assert page["onward"]["visible"] is False


def test_long_is_measured_with_the_model_and_its_length(studio):
    who = stage.character(studio.library)
    studio.library.add(who, "Long", [Turn("x", "user", "word " * 300), Turn("y", "model", "Yes.")])
    page = look(studio, who)
    assert "One conversation is long" in page["ticks"]
    assert "over 256 tokens" in page["ticks"]


def test_nothing_a_person_wrote_reaches_html(studio):
    hostile = "<img src=x onerror=alert(1)>${1+1}"
    who = stage.character(studio.library, name=hostile[:60])
    studio.library.add(who, hostile, [Turn("x", "user", hostile), Turn("y", "model", f"me@example.com {hostile}")], [hostile])
    studio.library.add(who, hostile, [Turn("x", "user", hostile)])
    prepare.silence(studio, who, None, "email", hostile)
    page, shown, drawn = look(studio, who), desk(studio, who), prepare.picture(studio, who, None)
    view = prepare.marked(studio, who, None, studio.library.conversations(who)[0].id, "pieces")
    assert drawn.tags["value"] == f"{hostile} 1", "in a text field"
    for markup in (page["head"], page["ticks"], page["numbers"], shown.quiet_head, drawn.panels, drawn.voice, drawn.sky, view.measure):
        assert "<img" not in markup
        assert "${" not in markup


def test_the_files_for_other_programs_hold_every_teachable_conversation(studio):
    who = stage.character(studio.library)
    studio.library.add(who, "Half", [Turn("x", "user", "Where is it?")])
    page = look(studio, who)
    assert page["gemma"]["value"].endswith("biscuit-gemma3.jsonl")
    marked_up = [json.loads(line) for line in Path(page["gemma"]["value"]).read_text("utf-8").splitlines()]
    assert len(marked_up) == 12
    assert "<bos><start_of_turn>user\nYou are a dog.\n\nQuestion 0?<end_of_turn>\n" in "".join(row["text"] for row in marked_up)
    messages = [json.loads(line) for line in Path(page["messages"]["value"]).read_text("utf-8").splitlines()]
    assert {"role": "assistant", "content": "Answer number 0."} in [row["messages"][1] for row in messages]


def views(studio, who, title, view="read"):
    return prepare.marked(studio, who, None, titled(studio, who, title).id, view)


def test_the_reading_view_marks_what_the_character_says(studio):
    who = stage.character(studio.library)
    shown = views(studio, who, "Talk 0")
    assert [piece for piece in shown.text if piece[1]] == [("Answer number 0.", "learned")]
    assert "".join(text for text, _ in shown.text) == "Mia: Question 0?\nBiscuit: Answer number 0.\n"
    assert "of this is learned" in shown.measure
    assert shown.cut["visible"] is False


def test_the_exact_view_is_what_the_model_sees_mark_for_mark(studio):
    who = stage.character(studio.library)
    shown = views(studio, who, "Talk 0", "exact")
    whole = "<bos><start_of_turn>user\nYou are a dog.\n\nQuestion 0?<end_of_turn>\n<start_of_turn>model\nAnswer number 0.<end_of_turn>\n"
    assert "".join(text for text, _ in shown.text) == whole
    assert [text for text, mark in shown.text if mark] == ["Answer number 0.<end_of_turn>"]
    assert "3 of 11 tokens" in shown.measure, "three of the eleven words between blanks begin in the reply"


def test_pieces_and_numbers_are_the_tokens_of_the_chosen_model(library, tmp_path):
    studio = stage.studio(library, tmp_path)
    studio.models.practice = Path(__file__).parents[2] / "assets" / "practice-model"
    who = stage.character(library)
    whole = "".join(text for text, _ in views(studio, who, "Talk 0", "exact").text)
    tokens = studio.models.tokens("practice", whole)
    numbers = views(studio, who, "Talk 0", "numbers").text
    assert " ".join("".join(text for text, _ in numbers).split()) == " ".join(str(token.number) for token in tokens)
    pieces = [piece for piece in views(studio, who, "Talk 0", "pieces").text if piece != mask.BETWEEN]
    assert [text.replace("\u21b5\n", "\n") for text, _ in pieces] == [whole[token.start : token.stop] for token in tokens]
    learned = [text for text, mark in pieces if mark]
    assert "".join(learned) == "Answer number 0.<end_of_turn>"
    assert sum(len(text.split()) for text, mark in numbers if mark) == len(learned)


def test_what_would_be_cut_off_is_shown(studio):
    who = stage.character(studio.library)
    add(studio, who, "Long", "And then?", " ".join(["once"] * 300), "And after?", "The end.")
    shown = views(studio, who, "Long")
    assert shown.cut["visible"] is True
    assert shown.cut["value"].startswith("once once") and shown.cut["value"].endswith("Mia: And after?\nBiscuit: The end.")
    found = desk(studio, who, "long")
    assert (found.said["value"], found.said["label"]) == (shown.cut["value"], findings.CUT)
    assert found.where["choices"][0][0] == "Long\nLine 2 does not fit any more: the model can't read so much at once. Make two of it."
    kept = "".join(text for text, _ in shown.text)
    assert (kept + shown.cut["value"]).count("once") == 300
    assert "too long and would be cut off" in shown.measure
    for view in ("exact", "pieces", "numbers"):
        assert "The end." not in "".join(text for text, _ in views(studio, who, "Long", view).text)


def test_every_view_of_every_bundled_conversation_learns_the_same_words(library, tmp_path):
    studio = stage.studio(library, tmp_path)
    studio.models.practice = Path(__file__).parents[2] / "assets" / "practice-model"
    text = (Path(__file__).parents[2] / "personas" / "marlow" / "conversations.jsonl").read_text("utf-8")
    who = library.create(Persona("Marlow", visitor="Bridie", system="You are Marlow."))
    library.add_many(who, from_jsonl(text, "marlow", "m"))
    for spoken in library.conversations(who)[:20]:
        read = prepare.marked(studio, who, None, spoken.id, "read").text
        assert "".join(text for text, mark in read if mark) == "".join(t.text.strip() for t in spoken.turns if t.role == "model")
        exact = prepare.marked(studio, who, None, spoken.id, "exact").text
        assert "".join(text for text, mark in exact if mark) == "".join(
            f"{t.text.strip()}<end_of_turn>" for t in spoken.turns if t.role == "model"
        )


def test_a_model_that_reads_each_answer_as_an_example_of_its_own_shows_every_line_once(studio, tmp_path):
    folder = tmp_path / "practice-model"
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma4", "max_position_embeddings": 256}))
    shutil.copy(Path(__file__).parents[2] / "assets" / "practice-model" / "tokenizer.json", folder)
    (folder / "chat_template.jinja").write_text("{{ '<|channel>thought\\n<channel|>' }}")
    who = stage.character(studio.library)
    add(studio, who, "Four lines", "One here.", "Two here.", "Three here.", "Four here.", "And five?")
    shown = views(studio, who, "Four lines")
    assert (
        "".join(text for text, _ in shown.text)
        == "Mia: One here.\nBiscuit: Two here.\nMia: Three here.\nBiscuit: Four here.\nMia: And five?\n"
    )
    assert [text for text, mark in shown.text if mark] == ["Two here.", "Four here."]
    assert "read as 2 examples" in shown.measure
    exact = views(studio, who, "Four lines", "exact")
    assert [text for text, mark in exact.text if mark] == ["Two here.<turn|>", "Four here.<turn|>"]
    add(studio, who, "No answer", "Hello?")
    assert views(studio, who, "No answer").text == [("Mia: ", None), ("Hello?", None), ("\n", None)]


def test_a_conversation_that_is_gone_leaves_the_view_empty(studio):
    for who, one in ((stage.character(studio.library), "gone"), (None, None)):
        shown = prepare.marked(studio, who, None, one, "read")
        assert (shown.text, shown.cut["visible"], shown.measure) == ([], False, "")


def test_the_picture_says_how_the_voice_sounds_in_plain_words(studio):
    who = stage.character(studio.library)
    studio.library.add(who, "Tagged", [Turn("x", "user", "Rain?"), Turn("y", "model", "WET rain! Is it wet? It is.")], ["rain", "wet"])
    drawn = prepare.picture(studio, who, None)
    assert (drawn.tags["value"], drawn.voice_head) == ("rain 1, wet 1", "How Biscuit sounds")
    assert "Exclamation marks" in drawn.voice and "CAPITALS" in drawn.voice
    assert "Most often 2 lines." in drawn.panels
    assert drawn.sky.count("data-n=") == 13 and drawn.sky.count('class="held"') == 1
    assert prepare.picture(studio, None, None).panels == gr.skip()


def test_a_dot_of_the_map_leads_to_its_conversation(studio):
    who = stage.character(studio.library)
    third = studio.library.conversations(who)[2].id
    assert prepare.pick(studio, who, None, gr.SelectData(None, {"index": 2, "value": 2})) == third
    for odd in (99, -1, "2", None):
        assert prepare.pick(studio, who, None, gr.SelectData(None, {"index": odd, "value": 0})) == gr.skip()


def test_the_conversation_looked_at_stays_when_the_page_is_read_again(studio):
    who = stage.character(studio.library)
    third = studio.library.conversations(who)[2].id
    assert look(studio, who, conversation=third)["conversation"]["value"] == third
    assert look(studio, who, conversation="gone")["conversation"]["value"] == studio.library.conversations(who)[0].id


def test_without_any_model_the_page_still_stands(studio, tmp_path):
    (tmp_path / "practice-model" / "config.json").unlink()
    who = stage.character(studio.library)
    page = look(studio, who)
    assert FEW in page["head"]
    assert page["gemma"]["interactive"] is False
    assert prepare.marked(studio, who, None, studio.library.conversations(who)[0].id, "exact").text == []


def test_the_tab_can_be_built(studio):
    with gr.Blocks():
        persona = gr.Radio([])
        with gr.Tabs():
            assert prepare.build(studio, persona) is None


def test_the_picture_of_the_set_says_how_many_statements_have_a_scene(studio):
    who = studio.library.create(Persona("Biscuit", visitor="Mia", facts=("I am six.", "Thunder scares me.")))
    for n in range(12):
        add(studio, who, f"Storm {n}", "Does thunder scare you?", f"Not {n}.")
    assert "1 of 2 statements have a scene." in prepare.picture(studio, who, None).panels
    assert "statements" not in prepare.picture(studio, stage.character(studio.library), None).panels
