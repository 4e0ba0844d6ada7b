"""Files with one fault each: the certificate has to see every one. A test that can't fail proves nothing."""

import shutil

import pytest

from studio.domain import gemma
from studio.engine import certifier
from studio.engine.answerer import Answerer
from studio.engine.certifier import Certifier
from tests.engine.test_export import needs_engine
from tests.engine.zoo import ARITHMETIC, ZOO, Variant, faulty, flat, letters, made, no_bos, unscaled

pytestmark = needs_engine
DIALECTS = {"gemma3": gemma.GEMMA3, "gemma4": gemma.GEMMA4}


class Case:
    """A good file, the model and adapter it was made of, and what is asked about it."""

    def __init__(self, family, root):
        variant = Variant("gemma3", learned={"use_rslora": True}) if family == "gemma3" else ZOO[family]
        self.pair = variant.make(root)
        made(root / "good", self.pair, "F32", prompts=[])
        self.good = root / "good" / "biscuit-F32.gguf"
        app = Answerer(*self.pair, DIALECTS[family], exact=True)
        self.questions = Certifier(app, DIALECTS[family], "You are Biscuit.", ("what happens when it rains?",), 512, 8, lambda: None)

    def faults(self, path):
        """The titles of the checks that say no."""
        found = self.questions.examine(path)
        return {check.expert for check in certifier.checks("F32", found, found, rounded=False) if check.ok is False}


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
    path = faulty(cases[family].good, tmp_path, ARITHMETIC[family][fault])
    assert "greedy decoding" in cases[family].faults(path)


@pytest.mark.parametrize("family", DIALECTS)
def test_control_tokens_typed_as_letters_are_caught(cases, tmp_path, family):
    assert {"token ids", "chat template"} <= cases[family].faults(faulty(cases[family].good, tmp_path, letters))


def test_a_missing_bos_rule_and_wrong_scores_are_caught(case, tmp_path):
    assert "chat template" in case.faults(faulty(case.good, tmp_path, no_bos))
    assert "token ids" in case.faults(faulty(case.good, tmp_path, flat))


def test_an_adapter_merged_without_its_scale_is_caught(case, tmp_path):
    made(tmp_path / "out", (case.pair[0], unscaled(case.pair[1], tmp_path / "adapter")), "F32", prompts=[])
    assert "greedy decoding" in case.faults(tmp_path / "out" / "biscuit-F32.gguf")


def test_another_markup_than_in_training_is_caught(case, tmp_path):
    other = tmp_path / "adapter"
    shutil.copytree(case.pair[1], other)
    (other / "chat_template.jinja").write_text(
        "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}", "utf-8"
    )
    made(tmp_path / "out", (case.pair[0], other), "F32", prompts=[])
    assert "chat template" in case.faults(tmp_path / "out" / "biscuit-F32.gguf")
