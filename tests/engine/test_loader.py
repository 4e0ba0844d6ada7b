"""A model folder of every family the trainer knows, from disk to an answer."""

import pytest
import torch

from studio.domain.errors import StudioError
from studio.engine import loader
from tests.engine import tiny


@pytest.mark.parametrize("family", ["gemma", "gemma2", "gemma3", "gemma3 with eyes", "gemma3n", "gemma4"])
def test_every_family_loads_and_answers(tmp_path, family):
    folder = tmp_path / "model"
    tiny.folder(folder, family)
    model = loader.model(folder)
    said = model.generate(torch.tensor([[2, 30, 31, 32]]), max_new_tokens=3, do_sample=False)
    assert said.shape[1] > 4 and torch.isfinite(model(said).logits).all()


def test_the_size_is_counted_without_reading_the_weights(tmp_path):
    folder = tmp_path / "model"
    tiny.folder(folder, "gemma3")
    assert loader.parameters(folder) == sum(weight.numel() for weight in loader.model(folder).parameters())


def test_the_head_is_given_the_last_token_as_if_it_stood_alone(tmp_path):
    model, seen = loader.model(tiny.folder(tmp_path / "model", "gemma3")).requires_grad_(False), []
    model.lm_head.register_forward_pre_hook(lambda head, given: seen.append(given[0].stride()))
    ids = torch.tensor([[2, 30, 31, 32]])
    last = model(ids, logits_to_keep=1).logits
    assert seen == [(64, 64, 1)], "else PyTorch copies the whole head for one token"
    torch.testing.assert_close(last, model(ids).logits[:, -1:])


def test_a_folder_that_is_gone_is_a_sentence(tmp_path):
    with pytest.raises(StudioError, match="gone"):
        loader.model(tmp_path / "nowhere")
