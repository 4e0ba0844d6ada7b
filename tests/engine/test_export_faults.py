"""Files with one fault each: the certificate has to see every one. A test that can't fail proves nothing."""

import shutil
from dataclasses import replace

import pytest

from studio.domain import examination, gemma
from studio.domain.conversation import Turn
from studio.engine.answerer import Answerer
from studio.engine.certifier import Certifier
from tests.engine.test_export import needs_engine
from tests.engine.zoo import ARITHMETIC, ZOO, Variant, faulty, flat, letters, made, no_bos, unscaled

pytestmark = needs_engine
DIALECTS = {"gemma3": gemma.GEMMA3, "gemma4": gemma.GEMMA4}
KEPT = ((Turn("0", "user", "is it bedtime?"), Turn("1", "model", "the quick brown fox jumps over the puddle by the gate")),)


class Case:
    """A good file, the model and adapter it was made of, and what is asked about it."""

    def __init__(self, family, root):
        variant = Variant("gemma3", learned={"use_rslora": True}) if family == "gemma3" else ZOO[family]
        self.pair = variant.make(root)
        made(root / "good", self.pair, "F32", prompts=[])
        self.good = root / "good" / "biscuit-F32.gguf"
        app = Answerer(*self.pair, DIALECTS[family], exact=True)
        self.questions = Certifier(app, DIALECTS[family], "You are Biscuit.", ("what happens when it rains?",), 512, 8, lambda: None, KEPT)

    def faults(self, path):
        """The expert words of the checks that say no."""
        return refused(self.questions.examine(path, "F32"))


def refused(found):
    return {check.expert for check in examination.checks(found, None) if check.ok is False}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    return {family: Case(family, tmp_path_factory.mktemp(family)) for family in DIALECTS}


@pytest.fixture
def case(cases):
    return cases["gemma3"]


@pytest.mark.parametrize("family", DIALECTS)
def test_the_good_file_has_no_fault(cases, family):
    assert cases[family].faults(cases[family].good) == set()


@pytest.mark.parametrize(("family", "fault"), [(family, fault) for family, found in ARITHMETIC.items() for fault in found])
def test_other_arithmetic_is_caught(cases, tmp_path, family, fault):
    found = cases[family].questions.examine(faulty(cases[family].good, tmp_path, ARITHMETIC[family][fault]), "F32")
    # Files that round are held to less, and still have to show it; the cap hardly touches the small logits of a tiny model.
    for kind in ("F32",) if fault == "output cap forgotten" else ("F32", "F16", "BF16", "Q8_0"):
        assert "logits" in refused(replace(found, kind=kind)), kind


@pytest.mark.parametrize("family", DIALECTS)
def test_control_tokens_typed_as_letters_are_caught(cases, tmp_path, family):
    assert {"token ids", "chat template"} <= cases[family].faults(faulty(cases[family].good, tmp_path, letters))


def test_a_missing_bos_rule_and_wrong_scores_are_caught(case, tmp_path):
    assert "chat template" in case.faults(faulty(case.good, tmp_path, no_bos))
    assert "token ids" in case.faults(faulty(case.good, tmp_path, flat))


def test_an_adapter_merged_without_its_scale_is_caught(case, tmp_path):
    made(tmp_path / "out", (case.pair[0], unscaled(case.pair[1], tmp_path / "adapter")), "F32", prompts=[])
    assert "logits" in case.faults(tmp_path / "out" / "biscuit-F32.gguf")


def test_another_markup_than_in_training_is_caught(case, tmp_path):
    other = tmp_path / "adapter"
    shutil.copytree(case.pair[1], other)
    (other / "chat_template.jinja").write_text(
        "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}", "utf-8"
    )
    made(tmp_path / "out", (case.pair[0], other), "F32", prompts=[])
    assert "chat template" in case.faults(tmp_path / "out" / "biscuit-F32.gguf")


TURNS = "{% for m in messages if m['role'] != 'system' %}<start_of_turn>{{ 'user' if m['role'] == 'user' else 'model' }}\n{{ m['content'] }}<end_of_turn>\n{% endfor %}<start_of_turn>model\n"


@pytest.mark.parametrize(
    ("template", "bos"),
    [(TURNS, "none"), ("{{ bos_token }}{{ bos_token }}" + TURNS, "two"), ("{{ bos_token }}" + TURNS, "one")],
    ids=["no beginning", "two beginnings", "the scene left out"],
)
def test_beginnings_are_counted_and_a_lost_scene_is_seen(case, tmp_path, template, bos):
    other = tmp_path / "adapter"
    shutil.copytree(case.pair[1], other)
    (other / "chat_template.jinja").write_text(template, "utf-8")
    made(tmp_path / "out", (case.pair[0], other), "F32", prompts=[])
    found = case.questions.examine(tmp_path / "out" / "biscuit-F32.gguf", "F32")
    assert found.folded[0] == 0
    assert dict(zip(("none", "one", "two"), found.begun, strict=True))[bos] >= found.speakers[1]
    assert examination.checks(found, None)[1].ok is False
