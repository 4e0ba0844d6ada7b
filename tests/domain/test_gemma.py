"""The markup the studio writes is the markup Gemma was made with."""

import importlib.metadata

import jinja2
import jinja2.sandbox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.domain import gemma
from studio.domain.conversation import Turn, to_messages
from studio.domain.errors import StudioError

TALK = (
    Turn("1", "user", " Come on. "),
    Turn("2", "model", "We are EARLY\nfor the puddle."),
    Turn("3", "user", "It is water."),
    Turn("4", "model", "It has sky!"),
)
SYSTEM = "You are Biscuit."
DIALECTS = (gemma.GEMMA2, gemma.GEMMA3, gemma.GEMMA4, gemma.GEMMA4_LARGE)

TURNS_3 = (
    "<start_of_turn>user\n{}Come on.<end_of_turn>\n<start_of_turn>model\nWe are EARLY\nfor the puddle.<end_of_turn>\n"
    "<start_of_turn>user\nIt is water.<end_of_turn>\n<start_of_turn>model\nIt has sky!<end_of_turn>\n"
)
TURNS_4 = (
    "<|turn>user\nCome on.<turn|>\n<|turn>model\nWe are EARLY\nfor the puddle.<turn|>\n"
    + "<|turn>user\nIt is water.<turn|>\n<|turn>model\nIt has sky!<turn|>\n"
)
EXPECTED = {
    ("gemma2", ""): "<bos>" + TURNS_3.format(""),
    ("gemma2", SYSTEM): "<bos>" + TURNS_3.format("You are Biscuit.\n\n"),
    ("gemma3", ""): "<bos>" + TURNS_3.format(""),
    ("gemma3", SYSTEM): "<bos>" + TURNS_3.format("You are Biscuit.\n\n"),
    ("gemma4", ""): "<bos>" + TURNS_4,
    ("gemma4", SYSTEM): "<bos><|turn>system\nYou are Biscuit.<turn|>\n" + TURNS_4,
    ("gemma4-large", ""): "<bos>" + TURNS_4,
    ("gemma4-large", SYSTEM): "<bos><|turn>system\nYou are Biscuit.<turn|>\n" + TURNS_4,
}


def joined(segments):
    return "".join(s.text for s in segments)


def render(template, turns, system, opened):
    """What a Jinja chat template makes of a conversation, in the surroundings transformers gives it."""
    surroundings = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    surroundings.globals["raise_exception"] = refuse
    messages = ([{"role": "system", "content": system}] if system else []) + to_messages(turns)
    return surroundings.from_string(template).render(messages=messages, bos_token="<bos>", add_generation_prompt=opened)


def refuse(message):
    raise ValueError(message)


def published(name):
    """A chat template as the trl package ships it; read as a file, because importing trl takes seconds."""
    files = [f for f in importlib.metadata.files("trl") or [] if f.match(f"chat_templates/{name}.jinja")]
    assert files, f"trl is not installed, or ships no {name}.jinja any more: look for where the template is now"
    return files[0].locate().read_text("utf-8")


@pytest.mark.parametrize("system", ["", SYSTEM], ids=["plain", "system"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_a_conversation_is_marked_up_as_written_here_by_hand(dialect, system):
    assert joined(gemma.segments(TALK, system, dialect)) == EXPECTED[dialect.name, system]


@pytest.mark.parametrize(
    ("dialect", "end"),
    [
        (gemma.GEMMA2, "It is water.<end_of_turn>\n<start_of_turn>model\n"),
        (gemma.GEMMA3, "It is water.<end_of_turn>\n<start_of_turn>model\n"),
        (gemma.GEMMA4, "It is water.<turn|>\n<|turn>model\n"),
        (gemma.GEMMA4_LARGE, "It is water.<turn|>\n<|turn>model\n<|channel>thought\n<channel|>"),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_a_prompt_ends_with_an_opened_turn(dialect, end):
    assert gemma.prompt(TALK[:3], "", dialect).endswith(end)


def test_a_prompt_without_turns_is_only_the_opened_turn():
    assert gemma.prompt((), "", gemma.GEMMA3) == "<bos><start_of_turn>model\n"


@pytest.mark.parametrize("opened", [False, True], ids=["whole", "opened"])
@pytest.mark.parametrize("system", ["", SYSTEM], ids=["plain", "system"])
@pytest.mark.parametrize(
    ("name", "dialect"),
    [("gemma3", gemma.GEMMA3), *((f"gemma4{version}", gemma.GEMMA4) for version in ("", "_v2", "_v3", "_v4", "_v5"))],
    ids=lambda v: getattr(v, "name", v),
)
def test_our_markup_equals_the_published_template(name, dialect, system, opened):
    turns = TALK[:3] if opened else TALK
    ours = gemma.prompt(turns, system, dialect) if opened else joined(gemma.segments(turns, system, dialect))
    assert ours == render(published(name), turns, system, opened)


@pytest.mark.parametrize("opened", [False, True], ids=["whole", "opened"])
def test_our_markup_equals_the_published_gemma_2_template_which_knows_no_system(opened):
    turns = TALK[:3] if opened else TALK
    ours = gemma.prompt(turns, "", gemma.GEMMA2) if opened else joined(gemma.segments(turns, "", gemma.GEMMA2))
    assert ours == render(published("gemma"), turns, "", opened)
    with pytest.raises(ValueError, match="System role not supported"):
        render(published("gemma"), turns, SYSTEM, opened)


@pytest.mark.parametrize("opened", [False, True], ids=["whole", "opened"])
@pytest.mark.parametrize("system", ["", SYSTEM], ids=["plain", "system"])
def test_the_template_given_to_gemma_2_writes_what_the_studio_writes(system, opened):
    turns = TALK[:3] if opened else TALK
    ours = gemma.prompt(turns, system, gemma.GEMMA2) if opened else joined(gemma.segments(turns, system, gemma.GEMMA2))
    assert ours == render(gemma.chat_template(gemma.GEMMA2), turns, system, opened)
    with pytest.raises(ValueError, match="alternate"):
        render(gemma.chat_template(gemma.GEMMA2), TALK[1:], system, opened)


def test_families_that_know_a_system_message_keep_their_own_template():
    assert [gemma.chat_template(d) for d in DIALECTS[1:]] == [None, None, None]


def test_learned_are_the_replies_with_the_mark_that_ends_them_and_nothing_else():
    learned = [s.text for s in gemma.segments(TALK, SYSTEM, gemma.GEMMA3) if s.learned]
    assert learned == ["We are EARLY\nfor the puddle.<end_of_turn>", "It has sky!<end_of_turn>"]


def test_one_conversation_is_one_row_unless_replies_open_with_a_thought():
    assert gemma.rows(TALK, SYSTEM, gemma.GEMMA4) == [gemma.segments(TALK, SYSTEM, gemma.GEMMA4)]
    rows = gemma.rows(TALK, SYSTEM, gemma.GEMMA4_LARGE)
    assert [[s.text for s in row if s.learned] for row in rows] == [["We are EARLY\nfor the puddle.<turn|>"], ["It has sky!<turn|>"]]
    assert rows[1][0].text == gemma.prompt(TALK[:3], SYSTEM, gemma.GEMMA4_LARGE)
    assert "thought" not in joined(gemma.segments(TALK, SYSTEM, gemma.GEMMA4_LARGE)), "history never shows a thought"


@pytest.mark.parametrize(
    "text",
    [
        "<end_of_turn>",
        "a<start_of_turn>model\nHa",
        "<bos>",
        "</start_of_image>",
        "<unused17>",
        "<turn|>",
        "<|turn>system",
        "<|think|>",
        "<channel|>",
        "<pad>",
    ],
)
def test_words_can_not_speak_as_somebody_else(text):
    assert gemma.has_marks(text)
    assert not gemma.has_marks(gemma.plain(text))
    for dialect in DIALECTS:
        turns = (Turn("1", "user", text), Turn("2", "model", text))
        row = joined(gemma.segments(turns, text, dialect))
        assert row.count(dialect.start) == (2 if dialect.folds_system else 3)
        assert row.count(gemma.BOS) == 1


def test_ordinary_angle_brackets_stay_as_they_are():
    assert gemma.plain("1 < 2, <b>bold</b>, <3, <unusual>") == "1 < 2, <b>bold</b>, <3, <unusual>"


@given(
    st.text()
    | st.lists(st.sampled_from(["<", "|", ">", "/", "bos>", "turn", "<|", "|>", "end_of_turn>", "channel", " ", "\n"])).map("".join)
)
def test_no_text_keeps_a_mark(text):
    assert not gemma.has_marks(gemma.plain(text))


@given(st.lists(st.text(), min_size=1, max_size=6), st.text(), st.sampled_from(DIALECTS))
def test_every_row_has_one_beginning_and_learns_every_reply(texts, system, dialect):
    turns = tuple(Turn(str(n), "model" if n % 2 else "user", text) for n, text in enumerate(texts))
    segments = gemma.segments(turns, system, dialect)
    assert joined(segments).count(gemma.BOS) == 1
    assert [s.text for s in segments if s.learned] == [gemma.plain(t.text) + dialect.end for t in turns if t.role == "model"]


@pytest.mark.parametrize(
    ("model_type", "thought", "dialect"),
    [
        ("gemma", False, gemma.GEMMA2),
        ("gemma2", False, gemma.GEMMA2),
        ("gemma3_text", False, gemma.GEMMA3),
        ("gemma3", False, gemma.GEMMA3),
        ("gemma4", False, gemma.GEMMA4),
        ("gemma4_text", True, gemma.GEMMA4_LARGE),
    ],
)
def test_a_config_names_its_dialect(model_type, thought, dialect):
    assert gemma.dialect_of(model_type, thought) is dialect


def test_another_family_is_refused_with_a_sentence():
    with pytest.raises(StudioError, match="“llama” model"):
        gemma.dialect_of("llama")
