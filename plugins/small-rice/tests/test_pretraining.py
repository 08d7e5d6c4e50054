"""First weights from a file: taken up as they are, or a message that says what is wrong with them."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from asd_bench import BenchError, backbones
from asd_bench_small_rice import PretrainedConfig
from asd_bench_small_rice.detector import PretrainedSmallRice
from asd_bench_small_rice.networks import Classifier
from asd_bench_small_rice.pretraining import load_weights


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(7)
    network = backbones.efficientnet_b0()
    for name, values in network.named_buffers():
        if name.endswith("running_mean"):
            values.normal_()
    return network.state_dict()


@pytest.fixture
def file(state, tmp_path):
    """Writes a file of weights: ``file(state)``."""

    def write(tensors=state):
        save_file(tensors, tmp_path / "weights.safetensors")
        return str(tmp_path / "weights.safetensors")

    return write


def equals(network, state):
    return all(torch.equal(values, state[name]) for name, values in network.state_dict().items())


def test_weights_are_taken_up(file, state):
    network = backbones.efficientnet_b0()
    assert not equals(network, state)
    load_weights(network, file())
    assert equals(network, state)


def test_what_a_file_has_besides_is_left_out(file, state):
    short = Classifier("efficientnet-b0", 3, 0.0, 2).backbone
    load_weights(short, file({**state, "classifier.weight": torch.zeros(1000, 1280)}))
    assert equals(short, state)


def test_the_file_is_of_another_kind(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "weights.pt")
    with pytest.raises(BenchError, match="cannot be read"):
        load_weights(backbones.efficientnet_b0(), str(tmp_path / "weights.pt"))


def test_the_weights_are_of_another_network(file, state):
    with pytest.raises(BenchError, match=r"lack the tensor 'conv_stem\.weight'"):
        load_weights(backbones.efficientnet_b0(), file({f"features.{name}": state[name] for name in state}))
    three_channels = {**state, "conv_stem.weight": torch.zeros(32, 3, 3, 3)}
    with pytest.raises(BenchError, match=r"'conv_stem.weight' .* shape 32 x 3 x 3 x 3, .* 32 x 1 x 3 x 3"):
        load_weights(backbones.efficientnet_b0(), file(three_channels))


def test_fits_begin_with_the_weights(file, state, noise, config, fit_context, untrained_recipes):
    audio = noise([24] * 3, class_id=[0, 1, 0])
    detector = PretrainedSmallRice(PretrainedConfig(**vars(config(stages=3)), weights=file()))
    detector.fit(audio, fit_context())
    assert equals(detector.classifier.backbone, state)
