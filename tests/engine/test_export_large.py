"""Large models: nothing is kept twice in full, the app's side is computed in float32 on rounded weights, and where even that has no room it is said."""

from types import SimpleNamespace

import psutil
import pytest

from studio.domain import certificate, gemma, sizes
from studio.engine.answerer import Answerer
from tests.engine.test_export import needs_engine
from tests.engine.zoo import PATTERNS, PROMPTS, Variant, made

pytestmark = needs_engine


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return Variant("gemma3", learned={"use_rslora": True, **PATTERNS}).make(tmp_path_factory.mktemp("large"))


@pytest.fixture(autouse=True)
def large(monkeypatch):
    monkeypatch.setattr(sizes, "SMALL_MASTER", 0)  # from here on the tiny model counts as a large one


@pytest.mark.parametrize(
    ("kind", "master", "limit"), [("BF16", None, 1e-3), ("Q8_0", None, 5e-3), ("Q4_K_M", "BF16", 0.2), ("adapter", None, 1e-3)]
)
def test_a_large_model_is_held_to_the_same_bars(pair, tmp_path, kind, master, limit):
    result = made(tmp_path, pair, kind)
    assert (result["master"] or {}).get("kind") == master
    assert 0 < result["logits"]["nmse"] <= result["logits"]["limit"] == limit
    assert result["checks"][certificate.NUMBERS]["ok"] is True
    assert result["character"]["perplexity_app"] > 1 and len(result["answers"]) == len(PROMPTS)


def test_the_apps_side_is_the_model_in_float32_but_for_its_rounded_weights(pair):
    exact, rounded = (Answerer(*pair, gemma.GEMMA3, exact=exact) for exact in (True, False))
    ids = exact.ids(gemma.BOS + " ".join(PROMPTS))
    one, other = exact.logits(ids), rounded.logits(ids)
    assert other.dtype == "float32"
    assert 0 < ((one - other) ** 2).sum() / (one**2).sum() < 1e-4  # in half precision throughout it would be some 1e-3
    assert rounded.answer(ids, 12) == rounded.answer(ids, 12, guess=rounded.answer(ids, 12)[0])
    assert rounded.answer(ids, 12) == rounded.answer(ids, 12, guess=[5, 6, 7])


def test_without_memory_for_the_app_the_file_is_made_and_not_called_compared(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1_000_000))
    result = made(tmp_path, pair, "Q8_0")
    assert (result["logits"], result["answers"], result["character"]) == (None, [], None)
    assert [check["ok"] for check in result["checks"]] == [True, True, None, None, None, None]
    assert result["checks"][certificate.NUMBERS]["sentence"] == certificate.NO_MEMORY
