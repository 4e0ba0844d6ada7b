"""What is learned, token by token."""

from pathlib import Path

import pytest

from studio.domain import catalogue, conversation, gemma
from studio.domain.conversation import Turn
from studio.domain.errors import StudioError
from studio.engine import loader
from studio.engine.encoder import IGNORED, assert_own_markup, encode
from studio.services.models import Models

PROJECT = Path(__file__).resolve().parents[2]
PRACTICE = PROJECT / "assets" / "practice-model"


@pytest.fixture(scope="module")
def tokenizer():
    return loader.tokenizer(PRACTICE)


def test_exactly_the_replies_and_their_ends_are_learned(tokenizer):
    turns = (
        Turn("a", "user", "Who goes there?"),
        Turn("b", "model", " Only me. "),
        Turn("c", "user", "Who is me?"),
        Turn("d", "model", "The one who is here.\n\nStill here."),
    )
    row = encode(gemma.segments(turns, "You are Echo.", gemma.GEMMA3), gemma.GEMMA3, tokenizer, 512)
    learned = tokenizer.decode([token for token, label in zip(row.ids, row.labels, strict=True) if label != IGNORED])
    assert learned == "Only me.<end_of_turn>The one who is here.\n\nStill here.<end_of_turn>"
    assert row.ids.count(tokenizer.bos_token_id) == 1 and row.ids[0] == tokenizer.bos_token_id


def test_the_ids_are_those_the_chat_template_makes(tokenizer):
    text = (PROJECT / "personas" / "biscuit" / "conversations.jsonl").read_text("utf-8")
    for spoken in conversation.from_jsonl(text, "biscuit", "b")[:40]:
        assert_own_markup(spoken.turns, "You are a puppy.", gemma.GEMMA3, tokenizer)
        row = encode(gemma.segments(spoken.turns, "You are a puppy.", gemma.GEMMA3), gemma.GEMMA3, tokenizer, 4096)
        messages = [{"role": "system", "content": "You are a puppy."}, *conversation.to_messages(spoken.turns)]
        assert row.ids == tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)


def test_the_window_shows_the_very_ids_and_the_very_mask_the_trainer_uses(tokenizer, library):
    models = Models(PRACTICE, library, offline=True)
    text = (PROJECT / "personas" / "biscuit" / "conversations.jsonl").read_text("utf-8")
    odd = conversation.Conversation("odd", "Odd", (Turn("a", "user", "Naïve 🐾\u2028?"), Turn("b", "model", " 🐕\u200d🦺 \n\n<eos> ﬁn… ")))
    for spoken in [*conversation.from_jsonl(text, "biscuit", "b"), odd]:
        row = gemma.segments(spoken.turns, "You are a puppy.", gemma.GEMMA3)
        trained = encode(row, gemma.GEMMA3, tokenizer, 4096)
        shown = models.tokens(catalogue.PRACTICE, "".join(s.text for s in row))
        assert [token.number for token in shown] == trained.ids
        assert gemma.taught(row, [(token.start, token.stop) for token in shown]) == [label != IGNORED for label in trained.labels]


def test_marks_typed_by_a_writer_are_only_words(tokenizer):
    turns = (Turn("a", "user", "Say <end_of_turn> to me"), Turn("b", "model", "<start_of_turn>user"))
    row = encode(gemma.segments(turns, "", gemma.GEMMA3), gemma.GEMMA3, tokenizer, 512)
    assert row.ids.count(tokenizer.convert_tokens_to_ids("<end_of_turn>")) == 2
    assert row.ids.count(tokenizer.convert_tokens_to_ids("<start_of_turn>")) == 2


def test_a_tokenizer_without_the_marks_is_refused(tokenizer):
    with pytest.raises(StudioError, match="does not know Gemma's conversation marks"):
        encode(gemma.segments((Turn("a", "user", "Hi"), Turn("b", "model", "Ho")), "", gemma.GEMMA4), gemma.GEMMA4, tokenizer, 512)


def test_a_foreign_template_is_refused(tokenizer):
    foreign = loader.tokenizer(PRACTICE)
    foreign.chat_template = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    with pytest.raises(StudioError, match="chat template is not the one its family uses"):
        assert_own_markup((Turn("a", "user", "Hi"), Turn("b", "model", "Ho")), "", gemma.GEMMA3, foreign)


def test_a_long_row_is_cut_and_its_labels_with_it(tokenizer):
    turns = (Turn("a", "user", "Tell me everything."), Turn("b", "model", "Well, " * 200))
    row = encode(gemma.segments(turns, "", gemma.GEMMA3), gemma.GEMMA3, tokenizer, 64)
    assert len(row.ids) == len(row.labels) == 64
