"""What a lesson took on this computer, beside what the same tokens would cost on a rented graphics card."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studio.domain.errors import BadFile
from studio.domain.progress import in_words

FLOPS_A_PARAMETER = 6  # per token: forward and backward, as for training all of a model; an upper bound for an adapter


@dataclass(frozen=True)
class Card:
    """A graphics card for rent. `teraflops` is its dense 16-bit peak."""

    name: str
    dollars_an_hour: float
    teraflops: float


@dataclass(frozen=True)
class Prices:
    """The table of a certain month. `used` is the share of its peak a card reaches; no card is rented for less than `least_minutes`."""

    date: str
    used: float
    least_minutes: float
    cards: tuple[Card, ...]


def from_dict(value: Mapping[str, Any]) -> Prices:
    """The table in `prices.json`; raises BadFile where it can't be read."""
    try:
        cards = tuple(Card(str(c["name"]), float(c["dollars_an_hour"]), float(c["teraflops"])) for c in value["cards"])
        prices = Prices(str(value["date"]), float(value["used"]), float(value["least_minutes"]), cards)
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile("The price table (assets/prices.json) can't be read. Put the file back as it came with the studio.") from error
    if not cards or prices.used <= 0 or any(card.teraflops <= 0 for card in cards):
        raise BadFile("The price table (assets/prices.json) has no card that computes. Put the file back as it came with the studio.")
    return prices


def rented(tokens: float, parameters: float, card: Card, prices: Prices) -> float:
    """Dollars the computation of so many tokens costs on this card; the time to fetch a model and to set up is left out."""
    seconds = FLOPS_A_PARAMETER * parameters * tokens / (card.teraflops * 1e12 * prices.used)
    return max(seconds / 3600, prices.least_minutes / 60) * card.dollars_an_hour


def dollars(amount: float) -> str:
    """An amount as people say it."""
    if amount < 0.01:
        return "less than a cent"
    return f"{amount * 100:.0f} {'cent' if round(amount * 100) == 1 else 'cents'}" if amount < 0.995 else f"{amount:,.2f} dollars"


def sentence(seconds: float, watt_hours: float | None, tokens: float, parameters: float, prices: Prices) -> str:
    """One quiet line after a lesson: time and energy here, and the cheapest card's price for the same tokens."""
    cheapest = min(prices.cards, key=lambda card: rented(tokens, parameters, card, prices))
    here = f"It took {in_words(seconds)} here"
    energy = f" and {watt_hours:.2g} watt-hours" if watt_hours is not None else "; this computer does not say how much power it draws"
    there = f"{dollars(rented(tokens, parameters, cheapest, prices))} on a rented {cheapest.name}"
    return f"{here}{energy}. The same {tokens:,.0f} tokens would cost about {there}, at prices of {prices.date}, without setting it up."
