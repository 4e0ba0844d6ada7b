"""What a safetensors file says of itself is believed only where it is so."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from studio.domain import tensors
from studio.domain.errors import BadFile

Q = "base_model.model.model.layers.0.self_attn.q_proj"


def taken_apart(file):
    length = tensors.header_length(file[: tensors.LENGTH], len(file))
    header = file[tensors.LENGTH : tensors.LENGTH + length]
    return header, len(file) - tensors.LENGTH - length


def read(file):
    return tensors.read(*taken_apart(file))


def written(entries, data):
    header = json.dumps(entries).encode() if isinstance(entries, dict) else entries
    return struct.pack("<Q", len(header)) + header + bytes(data)


def adapter(**other):
    shapes = {f"{Q}.lora_A.weight": (2, 6), f"{Q}.lora_B.weight": (4, 2)} | other
    return read(save({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}))


def test_a_file_of_the_library_itself_is_read():
    found = read(save({"a": np.zeros((2, 3), np.float32), "b": np.zeros(5, np.float16)}, {"format": "pt"}))
    assert {name: (tensor.dtype, tensor.shape) for name, tensor in found.items()} == {"a": ("F32", (2, 3)), "b": ("F16", (5,))}


@pytest.mark.parametrize(
    ("entries", "data"),
    [
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, 4),  # cut off
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, 12),  # more than is told
        ({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, 8),  # another size
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, 12),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, 12),  # a gap
        ({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, -8]}}, 8),
        ({"a": {"dtype": "F32", "shape": [True, 2], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F32", "shape": [2**60, 2**60], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "PICKLE", "shape": [2], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F32"}}, 8),
        (b'{"a": 1, "a": 2}', 0),
        (b"[" * 100_000, 0),
        (b"[]", 0),
    ],
)
def test_a_header_that_lies_is_refused(entries, data):
    with pytest.raises(BadFile):
        read(written(entries, data))


@given(st.binary(max_size=64))
def test_no_bytes_do_anything_but_be_read_or_refused(file):
    try:
        read(file)
    except BadFile as error:
        assert str(error).endswith(".")


def test_an_adapter_tells_the_size_of_what_it_was_learned_for():
    assert tensors.learned(adapter(), 2, False) == {"model.layers.0.self_attn.q_proj": (4, 6)}
    dora = adapter(**{f"{Q}.lora_magnitude_vector.weight": (4,)})
    assert tensors.learned(dora, 2, True) == {"model.layers.0.self_attn.q_proj": (4, 6)}


@pytest.mark.parametrize(
    ("other", "rank", "dora", "why"),
    [
        ({}, 3, False, "incomplete"),
        ({}, 2, True, "incomplete"),
        ({f"{Q}.lora_magnitude_vector": (5,)}, 2, True, "incomplete"),
        ({f"{Q}.lora_B.weight": (4, 3)}, 2, False, "incomplete"),
        ({"base_model.model.lm_head.weight": (2, 2)}, 2, False, "does not learn"),
        ({"base_model.model.vision_tower.x.lora_A.weight": (2, 2)}, 2, False, "does not learn"),
    ],
)
def test_an_adapter_that_is_not_whole_is_refused(other, rank, dora, why):
    with pytest.raises(BadFile, match=why):
        tensors.learned(adapter(**other), rank, dora)


def test_an_adapter_belongs_to_the_model_that_has_its_matrices_in_its_sizes():
    sides = {"model.layers.0.self_attn.q_proj": (4, 6)}
    tensors.check_belongs(sides, [("language_model.model.layers.0.self_attn.q_proj.weight", (4, 6))])
    with pytest.raises(BadFile, match="another size"):
        tensors.check_belongs(sides, [("model.layers.0.self_attn.q_proj.weight", (4, 8))])
    with pytest.raises(BadFile, match="is not in the model"):
        tensors.check_belongs(sides, [("model.layers.1.self_attn.q_proj.weight", (4, 6))])
