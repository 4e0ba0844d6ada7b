"""The file's dictionary, derived from `tokenizer.json` alone.

Gemma's tokenizer.json holds a BPE. For Gemma 1 to 3 llama.cpp reads a scored SentencePiece list: a piece's score is minus the rank of the first merge that
yields it, which makes both cut every text alike. For Gemma 4 it reads the merges themselves. Types are those of llama.cpp's `llama_token_type`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf import GGUFWriter, TokenType

from studio.domain.errors import BadFile, StudioError
from studio.domain.gemma import GEMMA4, GEMMA4_LARGE, Dialect
from studio.engine.lexer import Lexicon

SPACE = "▁"
_SPECIAL_SCORE = -1000.0
# Control tokens that programs around the model look for in its answers: only as USER_DEFINED are they written out (as llama.cpp's converter has it).
_HEARD = frozenset(("<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>", '<|"|>'))
_NAMES = {"bos": "<bos>", "eos": "<eos>", "unk": "<unk>", "pad": "<pad>"}


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id, with their scores and types, and the ids that have a meaning. `merges`: in the order of the BPE, for Gemma 4 only."""

    tokens: tuple[str, ...]
    scores: tuple[float, ...]
    types: tuple[TokenType, ...]
    ids: Mapping[str, int]  # bos, eos, unk, pad, eot
    merges: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.tokens)


def read(folder: Path, dialect: Dialect) -> Vocabulary:
    """The dictionary of a model folder; raises StudioError where it is not a Gemma tokenizer."""
    try:
        with Lexicon(folder / "tokenizer.json") as lexicon:
            return _derive(lexicon.rest(), lexicon, dialect)
    except FileNotFoundError as error:
        raise BadFile("The model's folder has no tokenizer.json. What was learned is safe. Fetch the model again.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(f"The model's tokenizer.json can't be read ({error}). What was learned is safe. Fetch the model again.") from error


def _derive(value: Mapping[str, Any], lexicon: Lexicon, dialect: Dialect) -> Vocabulary:
    model = value["model"]
    if model.get("type") != "BPE" or not model.get("byte_fallback") or not _turns_spaces(value.get("normalizer")):
        raise StudioError(
            "This model cuts words in another way than Gemma does, and the file could not keep that. What was learned is safe. Choose a Gemma model."
        )
    added = {row["id"]: row for row in value.get("added_tokens", [])}
    pieces: dict[int, str] = {n: piece for piece, n in model["vocab"].items()}
    pieces |= {n: row["content"] for n, row in added.items()}
    ranks, count = _ranks(lexicon)
    tokens = [pieces.get(n, "") for n in range(max(pieces) + 1)]
    scores = [-float(ranks.get(piece, count)) for piece in tokens]
    types = [TokenType.NORMAL] * len(tokens)
    odd = {n for n, piece in enumerate(tokens) if piece in ("", _NAMES["unk"]) or piece.startswith("<0x")}
    for n in odd | set(added):
        tokens[n], scores[n], types[n] = _row(n, pieces.get(n), added.get(n), scores[n])
    # Without a space in a piece, one space tells the two apart; Gemma writes spaces as ▁.
    written = tuple(f"{left} {right}" for left, right in lexicon.merges()) if dialect in (GEMMA4, GEMMA4_LARGE) else ()
    return Vocabulary(tuple(tokens), tuple(scores), tuple(types), _ids(tokens, types, dialect), written)


def _turns_spaces(normalizer: Mapping[str, Any] | None) -> bool:
    steps = (normalizer or {}).get("normalizers", [normalizer])
    return [step and (step.get("type"), step.get("pattern"), step.get("content")) for step in steps] == [
        ("Replace", {"String": " "}, SPACE)
    ]


def _ranks(lexicon: Lexicon) -> tuple[dict[str, int], int]:
    """(piece -> rank of the first merge that yields it, how many merges there are)."""
    ranks: dict[str, int] = {}
    count = 0
    for left, right in lexicon.merges():
        ranks.setdefault(left + right, count)
        count += 1
    return ranks, count


def _row(n: int, piece: str | None, added: Mapping[str, Any] | None, merged: float) -> tuple[str, float, TokenType]:
    """A token that is no ordinary piece, or may be none. `merged`: the score its merge gives it."""
    if piece is None:
        return f"[PAD{n}]", _SPECIAL_SCORE, TokenType.UNUSED
    if piece == _NAMES["unk"]:
        return piece, _SPECIAL_SCORE, TokenType.UNKNOWN
    if len(piece) == 6 and piece.startswith("<0x"):
        return piece, 0.0, TokenType.BYTE
    if added is None:
        return piece, merged, TokenType.NORMAL
    if added["special"] and piece not in _HEARD:
        return piece, _SPECIAL_SCORE, TokenType.CONTROL
    # A run of ▁ among the added tokens never matches raw text in the BPE (its spaces are not ▁ yet); as a USER_DEFINED token it would.
    return (piece, merged, TokenType.NORMAL) if SPACE in piece else (piece, _SPECIAL_SCORE, TokenType.USER_DEFINED)


def _ids(tokens: Sequence[str], types: Sequence[TokenType], dialect: Dialect) -> dict[str, int]:
    wanted = {**_NAMES, "eot": dialect.end, "start": dialect.start}
    missing = [name for name in wanted.values() if name not in tokens]
    if missing or types.count(TokenType.BYTE) != 256:
        raise StudioError(
            f"This model's dictionary lacks {missing[0] if missing else 'letters'}, so its file could not hold a talk. What was learned is safe. Choose a Gemma model."
        )
    found = {key: tokens.index(name) for key, name in wanted.items()}
    if types[found["eot"]] is TokenType.NORMAL or types[found["start"]] is TokenType.NORMAL:
        raise StudioError(
            f"This model takes {dialect.end} for ordinary letters, so its file would never stop talking. What was learned is safe. Choose a Gemma model."
        )
    del found["start"]
    return found


def write(vocabulary: Vocabulary, writer: GGUFWriter) -> None:
    """Add the dictionary to a file. `add_bos` is explicit because Ollama reads it; without `add_space_prefix` llama.cpp would put a space first."""
    if vocabulary.merges:
        writer.add_tokenizer_model("gemma4")
        writer.add_token_merges(list(vocabulary.merges))
    else:
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
    writer.add_token_list(list(vocabulary.tokens))
    writer.add_token_scores(list(vocabulary.scores))
    writer.add_token_types([int(kind) for kind in vocabulary.types])
    writer.add_bos_token_id(vocabulary.ids["bos"])
    writer.add_eos_token_id(vocabulary.ids["eos"])
    writer.add_unk_token_id(vocabulary.ids["unk"])
    writer.add_pad_token_id(vocabulary.ids["pad"])
    writer.add_eot_token_id(vocabulary.ids["eot"])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
