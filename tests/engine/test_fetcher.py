"""What is fetched of a model's repository."""

import pytest

from studio.engine import fetcher


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "2_Dense/model.safetensors", "1_Pooling/config.json", "LICENSE"])
def test_what_belongs_to_a_model_is_fetched(name):
    assert fetcher.is_wanted(name)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "onnx/config.json", "2_Dense/pytorch_model.bin", "2_Dense/more/config.json", ".gitattributes"]
)
def test_nothing_else_is_fetched(name):
    assert not fetcher.is_wanted(name)
