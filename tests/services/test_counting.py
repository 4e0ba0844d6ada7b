"""Tokens counted piece by piece are those of the whole text."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as some
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from studio.services.counting import AT_ONCE, BLANK, Counting

PRACTICE = Tokenizer.from_file(str(Path(__file__).parents[2] / "assets" / "practice-model" / "tokenizer.json"))
MARKS = ("<bos>", "<start_of_turn>", "<end_of_turn>")
PIECES = (
    *MARKS,
    " ",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\t",
    "\0",
    BLANK,
    "<",
    "<start_of",
    ">",
    "<unused1>",
    "[multimodal]",
    "model\n",
    "the",
    "Biscuit,",
    "don’t",
    "é",
    "🐾",
    "犬が",
    ".",
)
TEXTS = some.lists(some.one_of(some.sampled_from(PIECES), some.text(max_size=6)), max_size=30).map("".join)


def whole(tokenizer, texts):
    return [len(tokenizer.encode(text, add_special_tokens=False)) for text in texts]


def small(*merged, normalizer=None):
    """A tokenizer of letters and blanks, and of what is merged of them."""
    letters = [*"ab", BLANK, *(f"<0x{n:02X}>" for n in range(256)), *("".join(pair) for pair in merged)]
    made = Tokenizer(models.BPE({letter: n for n, letter in enumerate(letters)}, list(merged), byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizer or normalizers.Replace(" ", BLANK)
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    made.add_special_tokens([AddedToken(mark, normalized=False) for mark in MARKS])
    return made


@settings(max_examples=150, deadline=None)
@given(some.lists(TEXTS, max_size=4))
def test_the_tokens_of_the_pieces_are_those_of_the_whole(texts):
    assert list(Counting(PRACTICE, MARKS).counts(texts)) == whole(PRACTICE, texts)


def test_texts_are_taken_a_few_at_a_time():
    taken = []
    counts = Counting(PRACTICE, MARKS).counts(taken.append(n) or f"Talk {n}" for n in range(3 * AT_ONCE))
    next(counts)
    assert len(taken) == AT_ONCE
    assert len(list(counts)) == 3 * AT_ONCE - 1


@settings(max_examples=100, deadline=None)
@given(some.lists(some.text("ab ", max_size=12), max_size=3))
def test_a_vocabulary_that_goes_on_over_a_blank_counts_whole_texts(texts):
    for merged in (
        [("a", BLANK), (f"a{BLANK}", "b")],
        [(BLANK, "a"), (BLANK, BLANK), ("b", f"{BLANK}a")],
        [("a", "b"), (BLANK, "ab"), (BLANK, BLANK)],
    ):
        tokenizer = small(*merged)
        assert list(Counting(tokenizer, MARKS).counts(texts)) == whole(tokenizer, texts)
    assert list(Counting(small(("a", BLANK), (f"a{BLANK}", "b")), MARKS).counts(["a b"])) == [1]


def test_a_tokenizer_that_puts_something_before_a_text_counts_whole_texts():
    tokenizer = small((BLANK, "a"), normalizer=normalizers.Sequence([normalizers.Prepend(BLANK), normalizers.Replace(" ", BLANK)]))
    texts = ["a a<end_of_turn>a b", "", "b"]
    assert list(Counting(tokenizer, MARKS).counts(texts)) == whole(tokenizer, texts)
