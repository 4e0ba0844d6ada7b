"""Frozen norms in one piece: the model's own numbers and gradients, in the layout they came in."""

import copy

import pytest
import torch
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.gemma4.modeling_gemma4 import Gemma4RMSNorm

from studio.engine import norms

WIDTH = 64
LONG = 2 * norms.CACHED // WIDTH + 7  # rows: two blocks and a rest


def plain_and_quick(kind):
    torch.manual_seed(0)
    plain = kind(WIDTH, eps=1e-6)
    torch.nn.init.normal_(plain.weight)
    plain.weight.requires_grad_(False)
    return plain, norms.quicken(copy.deepcopy(plain))


def by_heads(rows):
    """Laid out as projections leave it: the heads of one token beside each other."""
    return rows.view(1, -1, 4, WIDTH).transpose(1, 2)


@pytest.mark.parametrize("kind", [Gemma3RMSNorm, Gemma4RMSNorm])
@pytest.mark.parametrize("laid", [lambda rows: rows[None], by_heads, lambda rows: rows[::2, :][None]], ids=["rows", "heads", "every other"])
def test_a_norm_and_its_gradient_are_the_models_own_whatever_the_layout(kind, laid):
    plain, quick = plain_and_quick(kind)
    rows, pull = torch.randn(4 * LONG, WIDTH), torch.randn(4 * LONG, WIDTH)
    found = []
    for norm in (plain, quick):
        x = rows.clone().requires_grad_()
        answer = norm(laid(x))
        answer.backward(laid(pull))
        found.append((answer.detach(), x.grad))
    (wanted, slope), (answer, own) = found
    torch.testing.assert_close(answer, wanted)
    torch.testing.assert_close(own, slope)


def test_heads_stay_beside_each_other_in_memory():
    _, quick = plain_and_quick(Gemma3RMSNorm)
    x = by_heads(torch.randn(4 * LONG, WIDTH, dtype=torch.bfloat16)).requires_grad_()
    assert quick(x).stride() == x.stride()
