"""A base in 4 bits: what it needs, and that it is the same one at every load."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tests.tiny import make_tiny_model
from tunewright.errors import MissingExtraError
from tunewright.models.hardware import Hardware
from tunewright.models.load import Quantisation, load_model, num_parameters
from tunewright.models.source import ModelSource
from tunewright.spec.model import ModelSpec

CPU = Hardware("cpu", "fp32", "asked for")


def test_without_bitsandbytes_the_extra_that_brings_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_tiny_model(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingExtraError, match="bitsandbytes is not installed") as caught:
        load_model(ModelSource(str(folder), folder), ModelSpec(source=str(folder)), CPU, Quantisation())
    assert caught.value.hint == "pip install 'tunewright[qlora]'"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_load_gives_the_same_4_bit_base_on_its_device_in_its_precision(tmp_path: Path, precision) -> None:
    pytest.importorskip("bitsandbytes")
    folder = make_tiny_model(tmp_path / "model")
    source, spec = ModelSource(str(folder), folder), ModelSpec(source=str(folder))
    hardware = Hardware("cpu", precision, "asked for")
    first, second = (load_model(source, spec, hardware, Quantisation()) for _ in range(2))
    state = second.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in first.state_dict().items())
    assert not first.training
    assert first.get_input_embeddings().weight.dtype == hardware.dtype
    assert num_parameters(first) == num_parameters(load_model(source, spec, hardware))
    ids_BT = torch.arange(12).reshape(2, 6)
    assert torch.equal(first(ids_BT).logits, second(ids_BT).logits)
    assert not torch.equal(first(ids_BT).logits, load_model(source, spec, hardware)(ids_BT).logits)
