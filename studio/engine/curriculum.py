"""What the practice model reads: the corpora its card names and the practice exchanges of this project, drawn, encoded and batched."""

import hashlib
import itertools
import json
import random
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from studio.domain import gemma, smalltalk
from studio.domain.conversation import Turn

HERE = Path(__file__).resolve().parents[2]
SPACE = "▁"
WIDTHS = (32, 48, 64, 96, 128, 160, 192, 256, 320)  # tokens; the lengths rows are padded to
WINDOW = 40  # steps whose rows are drawn together
SAMPLE = 60_000  # conversations the vocabulary is made from
NAMES = ("Anna", "Ben", "Clara", "David", "Ella", "Frank", "Grace", "Henry", "Ida", "Jack", "Kate", "Leo", "Mary", "Nick", "Olive", "Paul", "Rose", "Sam", "Tina", "Will")  # fmt: skip
# Where the authors of a corpus meant a name: "[user 1's name]", "(User 2)", "[name]", "User 1".
HOLE = re.compile(r"[\[(]\s*(?:user\s?(?P<inside>[12])(?:'s)?(?:\s+name)?|username|(?:your |insert )?name)\s*[\])]|\buser (?P<bare>[12])\b(?:'s name)?", re.IGNORECASE)  # fmt: skip
OWN_NAME = re.compile(r"(?:\bi'm|\bi am|name is|name's|call me|this is)\s*$", re.IGNORECASE)
OPEN = re.compile(r"[\[\]<>{}]|[\[(](?:user|[^)]*\bname\b)", re.IGNORECASE)  # a hole that nothing can be put into


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the practice model. Token counts are per optimiser step."""

    seed: int = 7
    vocab: int = 4096
    hidden: int = 256
    layers: int = 6
    heads: int = 4
    mlp: int = 768
    window: int = 256
    longest: int = WIDTHS[-1]  # tokens in a row; longer conversations are cut at a visitor's turn
    batch_tokens: int = 4096
    steps: int = 7680
    warmup: int = 100
    learning_rate: float = 2.5e-3
    restart: int = 7000  # step, a multiple of WINDOW: from here the rate falls once more, and half of the free names are coined
    restart_rate: float = 4e-4
    weight_decay: float = 0.1
    dropout: float = 0.1  # on what each attention and MLP adds; the text is small and is read many times
    own: float = 0.44  # share of rows written for this project in the neutral voice
    voices: float = 0.38  # share of rows in the other voices
    topical: float = 0.05  # share of rows from Topical-Chat; the rest is Synthetic-Persona-Chat


def controls() -> list[str]:
    """Gemma 3's first 107 pieces, at Gemma's own ids."""
    return [
        "<pad>",
        "<eos>",
        "<bos>",
        "<unk>",
        "<mask>",
        "[multimodal]",
        *(f"<unused{n}>" for n in range(99)),
        "<start_of_turn>",
        "<end_of_turn>",
    ]


def corpus(folder: Path, name: str) -> list[dict]:
    """The conversations of one file without holes: `{"turns": [{"speaker", "text"}], "personas"?}`."""
    with open(folder / name, encoding="utf-8") as lines:
        records = [filled(json.loads(line), n) for n, line in enumerate(lines) if line.strip()]
    return [record for record in records if not any(OPEN.search(turn["text"]) for turn in record["turns"])]


def filled(record: dict, number: int) -> dict:
    """A corpus conversation with two names, decided by its number, where its authors left a hole for one."""
    one, other = random.Random(number).sample(NAMES, 2)
    names = {"1": one, "2": other}

    def fill(turn: dict) -> dict:
        def named(hole: re.Match[str]) -> str:
            is_own = bool(OWN_NAME.search(turn["text"][: hole.start()])) == (turn["speaker"] == "1")
            return names[hole["inside"] or hole["bare"] or ("1" if is_own else "2")]

        return {**turn, "text": HOLE.sub(named, turn["text"])}

    return {**record, "turns": [fill(turn) for turn in record["turns"]]}


def sketches(folder: Path) -> list[smalltalk.Sketch]:
    """All practice exchanges of one folder."""
    return [s for file in sorted(folder.glob("*.txt")) for s in smalltalk.read(file.read_text("utf-8"), file.name)]


def tidy(text: str) -> str:
    """Corpus text with curly quotes, dashes and doubled spaces evened out: a small vocabulary has no room for look-alikes."""
    for old, new in (("’", "'"), ("‘", "'"), ("“", '"'), ("”", '"'), ("—", ", "), ("–", "-"), ("…", "...")):
        text = text.replace(old, new)
    return " ".join(text.split())


def borrowed(rng: random.Random, record: dict) -> tuple[list[Turn], str]:
    """A stretch of a corpus conversation in which one of the two speakers answers as the model, half of the time under its description."""
    answers = rng.choice("12")
    turns = [Turn("", "model" if t["speaker"] == answers else "user", tidy(t["text"])) for t in record["turns"]]
    starts = [n for n, t in enumerate(turns[:-1]) if t.role == "user"]
    # Beginnings of conversations are what a newcomer types first, so half of the stretches start there.
    first = starts[0] if rng.random() < 0.5 else rng.choice(starts)
    about = record.get("personas", {}).get(answers, [])
    system = "About you: " + " ".join(tidy(line) for line in about) if about and rng.random() < 0.5 else ""
    return turns[first:], system


def typed(rng: random.Random, line: str) -> str:
    """A visitor's line as people type it: now and then without capitals or without its last mark."""
    if rng.random() < 0.15:
        line = line.lower()
    return line.rstrip(".?!") or line if rng.random() < 0.15 else line


class Pool:
    """The practice exchanges of one voice. One that can be said in many ways is drawn more often than one that is always the same."""

    def __init__(self, sketches: list[smalltalk.Sketch]) -> None:
        self.sketches = sketches
        self.weights = list(itertools.accumulate(1 + s.variety for s in sketches))
        # A system text with open places is many voices: some sixty bits of them, in the texts there are.
        self.share = 1 + sketches[0].voices / 10

    def draw(self, rng: random.Random) -> smalltalk.Sketch:
        """One exchange, by its variety."""
        return rng.choices(self.sketches, cum_weights=self.weights)[0]


def written(rng: random.Random, sketch: smalltalk.Sketch, pool: Pool, name: str = "") -> tuple[list[Turn], str]:
    """A practice exchange; now and then several of the same voice in a row, so that the model has seen a subject change.

    `name` is the speaker's, in a voice that may have any.
    """
    cast = sketch.cast(rng, {"[name]": name} if name else {})
    lines = sketch.expand(rng, cast)
    while rng.random() < 0.35 and len(lines) < 8:
        lines += pool.draw(rng).expand(rng, cast)
    turns = [Turn("", "model", line) if n % 2 else Turn("", "user", typed(rng, line)) for n, line in enumerate(lines)]
    return turns, retold(rng, cast.system)


class Coiner:
    """Makes up names out of any pieces of the vocabulary, rare ones too: whoever reads them has to copy, not to remember."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        pieces = sorted(tokenizer.get_vocab())
        self.heads = [p[1:] for p in pieces if re.fullmatch(SPACE + "[A-Z][a-z]{0,3}", p)]
        self.tails = [p for p in pieces if re.fullmatch("[a-z]{1,4}", p)]

    def __call__(self, rng: random.Random) -> str:
        """A name of three to ten letters."""
        name = ""
        while not 3 <= len(name) <= 10:
            name = rng.choice(self.heads) + "".join(rng.choices(self.tails, k=rng.randint(1, 3)))
        return name


def retold(rng: random.Random, system: str) -> str:
    """A system text, half of the time with its sentences after the first in another order: it is to be read, not known by heart."""
    first, *others = re.split(r"(?<=[.!?]) ", system)
    if rng.random() < 0.5:
        rng.shuffle(others)
    return " ".join([first, *others])


Row = tuple[list[int], list[int]]  # token ids; the same with -100 where nothing is learned
Batch = dict[str, torch.Tensor]


class Texts:
    """An endless, seeded stream of rows (token ids), mixed by the recipe's shares."""

    def __init__(self, recipe: Recipe, folder: Path, tokenizer: Tokenizer | None = None) -> None:
        self.recipe, self.tokenizer, self.end = recipe, tokenizer, controls().index("<end_of_turn>")
        self.persona = corpus(folder, "synthetic-persona-chat.jsonl")
        self.topical = corpus(folder, "topical-chat.jsonl")
        own = sketches(HERE / "assets/practice-text/neutral")
        voices: dict[str, list[smalltalk.Sketch]] = {}
        for sketch in sketches(HERE / "assets/practice-text/voices"):
            voices.setdefault(sketch.system, []).append(sketch)
        self.pools = [Pool(of) for _, of in sorted(voices.items())]
        # These are never learned: they measure.
        self.held_borrowed, self.held_own = self.persona[-60:], Pool(own[::25])
        self.persona, self.topical = self.persona[:-60], self.topical[:-60]
        self.own = Pool([s for n, s in enumerate(own) if n % 25])

    def digest(self) -> str:
        """A hash over all text in use, kept in the recipe file."""
        parts = (self.persona, self.topical, *([asdict(s) for s in pool.sketches] for pool in (self.own, *self.pools)))
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def draw(self, rng: random.Random, coin: Coiner | None = None) -> tuple[list[Turn], str, bool]:
        """One conversation, its system text, and whether the visitor's side is learned too. With `coin`, half of the free names are its."""
        share = rng.random()
        if share < self.recipe.own:
            return *written(rng, self.own.draw(rng), self.own), False
        if share < self.recipe.own + self.recipe.voices:
            pool = rng.choices(self.pools, [pool.share for pool in self.pools])[0]
            return *written(rng, pool.draw(rng), pool, coin(rng) if coin and rng.random() < 0.5 else ""), False
        records = self.topical if share > 1 - self.recipe.topical else self.persona
        return *borrowed(rng, rng.choice(records)), True

    def held(self) -> dict[str, list[Row]]:
        """What is never learned, encoded: it measures the corpora ("borrowed") and our own neutral answers ("own")."""
        rng = random.Random(0)
        return {
            "borrowed": [self.encode(*borrowed(rng, record), True) for record in self.held_borrowed],
            "own": [self.encode(*written(rng, sketch, self.held_own), False) for sketch in self.held_own.sketches],
        }

    def encode(self, turns: list[Turn], system: str, everything: bool) -> Row:
        """One row, cut to the recipe's length at the end of a turn where possible.

        Both sides of a borrowed conversation are good English and are learned. Of the practice exchanges only the answers are: the same few
        system texts and sloppy questions come back thousands of times and would be known by heart.
        """
        assert self.tokenizer is not None
        parts = gemma.segments(turns, system, gemma.GEMMA3)
        found = self.tokenizer.encode("".join(s.text for s in parts), add_special_tokens=False)
        ids, labels = found.ids, list(found.ids)
        # A turn ends with its mark and a newline; the control tokens keep the tokens of one turn apart from the next.
        ends = [n + 2 for n, token in enumerate(ids) if token == self.end][1:]
        cut = max((end for end in ends if end <= self.recipe.longest), default=self.recipe.longest)
        if not everything:
            spans, at = [], 0
            for part in parts:
                spans += [(at, at + len(part.text))] if part.learned else []
                at += len(part.text)
            labels = [
                token if any(a <= start < b for a, b in spans) else -100 for token, (start, _) in zip(ids, found.offsets, strict=True)
            ]
        return ids[:cut], labels[:cut]

    def batches(self, start: int) -> Iterator[list[Row]]:
        """Batches from step `start` (a multiple of WINDOW) on, rows of like length together. The same for every start.

        A batch has one of a few shapes: with any other number of rows every step would ask the allocator and the matrix kernels for
        something new, and half of the time would go into finding it.
        """
        assert self.tokenizer is not None
        coiner = Coiner(self.tokenizer)
        for window in itertools.count(start // WINDOW):
            coin = coiner if window * WINDOW >= self.recipe.restart else None
            rng = random.Random(f"{self.recipe.seed}:{window}")
            waiting: dict[int, list[Row]] = {width: [] for width in WIDTHS}
            full: list[list[Row]] = []
            while len(full) < WINDOW:
                row = self.encode(*self.draw(rng, coin))
                width = next(w for w in WIDTHS if w >= min(len(row[0]), WIDTHS[-1]))
                waiting[width].append(row)
                if len(waiting[width]) == self.recipe.batch_tokens // width:
                    full.append(waiting[width])
                    waiting[width] = []
            # Short rows fill their batches early and long ones late.
            rng.shuffle(full)
            yield from full


def make_tokenizer(recipe: Recipe, texts: Texts) -> Tokenizer:
    """A SentencePiece-style BPE with byte fallback and Gemma's control tokens, in Gemma 3's own tokenizer.json shape."""
    rng = random.Random(recipe.seed)
    lines: list[str] = []
    for _ in range(SAMPLE):
        turns, system, _ = texts.draw(rng)
        lines += [t.text for t in turns] + [system]
    trainer = Tokenizer(models.BPE())
    trainer.normalizer = normalizers.Replace(" ", SPACE)
    trainer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(SPACE, "merged_with_next"), pre_tokenizers.Split(Regex(r"[.,!?;:\"()]+|\d"), "isolated")]
    )
    seeds = [chr(n) for n in range(33, 127)] + [SPACE, *"éèáíóúñüöäç£€°’‘“”–—…"]
    taken = [*controls(), "\n", *(f"<0x{n:02X}>" for n in range(256))]
    trainer.train_from_iterator(
        lines,
        trainers.BpeTrainer(
            vocab_size=recipe.vocab - len(taken), initial_alphabet=seeds, limit_alphabet=len(seeds), min_frequency=4, show_progress=False
        ),
    )
    learned = json.loads(trainer.to_str())["model"]
    pieces = [p for p, _ in sorted(learned["vocab"].items(), key=lambda item: item[1]) if p not in taken]
    vocab = {piece: n for n, piece in enumerate([*taken, *pieces])}
    # Every way to make a piece from two others, in the order of the pieces, as in Gemma's own file: llama.cpp merges by pieces, not by a list.
    splits = [(piece[:n], piece[n:]) for piece in pieces for n in range(1, len(piece))]
    merges = [pair for pair in splits if pair[0] in vocab and pair[1] in vocab]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(c, normalized=False, special=True) for c in controls()])
    return tokenizer


def collate(rows: list[Row]) -> Batch:
    """Right-padded ids, mask and labels, each (rows, width); see WIDTHS."""
    longest = max(len(ids) for ids, _ in rows)
    width = next(w for w in WIDTHS if w >= longest)
    return {
        "input_ids": torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows]),
        "labels": torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in rows]),
    }
