"""One table of colours, each as (light, dark). The theme, the style sheet and the contrast test all read it."""

from collections.abc import Iterator

Pair = tuple[str, str]

NEUTRALS: dict[str, Pair] = {
    "paper": ("#F5F4EF", "#12151D"),
    "sheet": ("#FFFFFF", "#1A1F2A"),
    "raised": ("#FBFAF7", "#222836"),
    "line": ("#DFDCD2", "#333A4A"),
    "edge": ("#858893", "#6F788D"),
    "text": ("#1B2133", "#EEECE6"),
    "night": ("#1B2133", "#1B2133"),
    "text-2": ("#474E61", "#C3C7D2"),
    "text-3": ("#636979", "#9CA3B4"),
    "good": ("#1F6B3D", "#7FD3A0"),
    "good-wash": ("#E3F1E6", "#17302A"),
    "warn": ("#8A4B08", "#F3BC72"),
    "warn-wash": ("#FBEEDB", "#372A18"),
    "bad": ("#A8261F", "#FF9C92"),
    "bad-wash": ("#FBE7E4", "#3B1E20"),
}

# ink: text and buttons · deep: the cover band · wash: bubbles · pop: the second printing colour · chip: behind a small portrait · on: text on ink.
# No ink is green, orange-red or amber: those belong to good, bad and warn.
ROLES = ("ink", "deep", "wash", "pop", "chip", "on")
_ON: Pair = ("#FFFFFF", "#10151F")
INKS: dict[str, dict[str, Pair]] = {
    name: dict(zip(ROLES, pairs, strict=True))
    for name, pairs in {
        "blue": (
            ("#24539E", "#9CC0FF"),
            ("#1C3F7D", "#16294C"),
            ("#E3ECF9", "#1E2E4E"),
            ("#F2A33A", "#F2A33A"),
            ("#F2A33A", "#F2A33A"),
            ("#FFFFFF", "#0E1628"),
        ),
        "plum": (
            ("#6A3A78", "#DDB3EA"),
            ("#4E2A5A", "#352140"),
            ("#F2E7F4", "#36263F"),
            ("#D9B24A", "#D9B24A"),
            ("#D9B24A", "#D9B24A"),
            ("#FFFFFF", "#1E1024"),
        ),
        "petrol": (
            ("#0E6470", "#7FD3DC"),
            ("#0B4C56", "#0C353D"),
            ("#DDEFF0", "#15363D"),
            ("#F0C64B", "#F0C64B"),
            ("#8FCFD2", "#8FCFD2"),
            _ON,
        ),
        "berry": (
            ("#A12B64", "#FFA8CB"),
            ("#751D48", "#471A31"),
            ("#FAE5EE", "#40202F"),
            ("#7CC4B8", "#7CC4B8"),
            ("#7CC4B8", "#7CC4B8"),
            _ON,
        ),
        "bronze": (
            ("#775313", "#E9C272"),
            ("#553A0B", "#372A10"),
            ("#F5ECD8", "#362B17"),
            ("#6FB0A0", "#6FB0A0"),
            ("#6FB0A0", "#6FB0A0"),
            _ON,
        ),
        "slate": (
            ("#43546A", "#B5C6DC"),
            ("#2F3C4D", "#242E3B"),
            ("#E6EBF1", "#27313F"),
            ("#E08A5B", "#E08A5B"),
            ("#E08A5B", "#E08A5B"),
            _ON,
        ),
    }.items()
}


def tokens() -> Iterator[tuple[str, Pair]]:
    """Every CSS variable the palette gives, as (name, (light, dark)): `paper`, ..., `blue-ink`, ..."""
    yield from NEUTRALS.items()
    for ink, roles in INKS.items():
        for role, pair in roles.items():
            yield f"{ink}-{role}", pair


def contrast(one: str, other: str) -> float:
    """The WCAG 2 contrast ratio of two #RRGGBB colours, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def pairings() -> Iterator[tuple[str, Pair, Pair, float]]:
    """Every pairing of colours the studio draws, as (words, foreground, background, the contrast it needs)."""
    yield from _neutral_pairings()
    for name, roles in INKS.items():
        yield f"{name} ink on paper", roles["ink"], NEUTRALS["paper"], 4.5
        yield f"{name} ink on sheet", roles["ink"], NEUTRALS["sheet"], 4.5
        yield f"{name} ink on wash", roles["ink"], roles["wash"], 4.5
        yield f"{name} button", roles["on"], roles["ink"], 4.5
        yield f"text on {name} wash", NEUTRALS["text"], roles["wash"], 4.5
        yield f"text-2 on {name} wash", NEUTRALS["text-2"], roles["wash"], 4.5
        yield f"text-3 on {name} wash", NEUTRALS["text-3"], roles["wash"], 4.5
        yield f"white on {name} band", ("#FFFFFF", "#FFFFFF"), roles["deep"], 7
        yield f"{name} pop on band", roles["pop"], roles["deep"], 3
        yield f"night on {name} pop", NEUTRALS["night"], roles["pop"], 4.5


def _neutral_pairings() -> Iterator[tuple[str, Pair, Pair, float]]:
    for front in ("text", "text-2", "text-3", "good", "warn", "bad"):
        for back in ("paper", "sheet", "raised"):
            yield f"{front} on {back}", NEUTRALS[front], NEUTRALS[back], 4.5
    for state in ("good", "warn", "bad"):
        yield f"{state} on its wash", NEUTRALS[state], NEUTRALS[f"{state}-wash"], 4.5
        yield f"text on {state} wash", NEUTRALS["text"], NEUTRALS[f"{state}-wash"], 4.5
    yield "edge on sheet", NEUTRALS["edge"], NEUTRALS["sheet"], 3
    yield "edge on paper", NEUTRALS["edge"], NEUTRALS["paper"], 3
