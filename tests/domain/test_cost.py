"""What a lesson took, and what it would cost elsewhere."""

import json
from pathlib import Path

import pytest

from studio.domain import cost
from studio.domain.errors import BadFile

TABLE = json.loads((Path(__file__).parents[2] / "assets" / "prices.json").read_text("utf-8"))
PRICES = cost.from_dict(
    {
        "date": "May 2026",
        "used": 0.5,
        "least_minutes": 1,
        "cards": [{"name": "A", "dollars_an_hour": 3.6, "teraflops": 100}, {"name": "B", "dollars_an_hour": 36, "teraflops": 200}],
    }
)


def test_the_shipped_table_is_dated_and_says_where_it_is_from():
    prices = cost.from_dict(TABLE)
    assert prices.cards and TABLE["date"] and len(TABLE["source"]) > 40


def test_the_price_is_the_time_of_the_computation_but_no_less_than_the_least():
    # 6 * 1e9 * 1e6 operations at 50 teraflops are 120 seconds; a dollar is a thousand seconds.
    assert cost.rented(1e6, 1e9, PRICES.cards[0], PRICES) == pytest.approx(0.12)
    assert cost.rented(1, 1, PRICES.cards[0], PRICES) == pytest.approx(0.06)


def test_one_line_says_time_energy_and_price():
    said = cost.sentence(780, 4.0, 1e6, 1e9, PRICES)
    assert (
        said
        == "It took about 13 minutes here and 4 watt-hours. The same 1,000,000 tokens would cost about 12 cents on a rented A, at prices of May 2026, without setting it up."
    )
    assert "does not say how much power" in cost.sentence(780, None, 1e6, 1e9, PRICES)


@pytest.mark.parametrize(
    ("amount", "words"),
    [(0.001, "less than a cent"), (0.01, "1 cent"), (0.4, "40 cents"), (0.999, "1.00 dollars"), (1234.5, "1,234.50 dollars")],
)
def test_an_amount_as_people_say_it(amount, words):
    assert cost.dollars(amount) == words


@pytest.mark.parametrize("table", [{}, {**TABLE, "cards": []}, {**TABLE, "used": 0}, {**TABLE, "cards": [{"name": "x"}]}])
def test_a_table_that_can_not_be_read_is_named(table):
    with pytest.raises(BadFile, match=r"prices\.json"):
        cost.from_dict(table)
