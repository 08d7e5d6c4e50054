"""The Predictive AutoEncoder: its size, what it sees, and what its error is made of."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from asd_bench import BenchError
from asd_bench_geco import PaeConfig
from asd_bench_geco.pae import Block, PredictiveAutoencoder, frame_at, masked_error


@pytest.mark.parametrize(("ffn_ratio", "count"), [(4, 8_037_056), (2, 5_412_544), (1, 4_100_288)])
def test_parameters(ffn_ratio, count):
    network = PredictiveAutoencoder(128, PaeConfig(ffn_ratio=ffn_ratio))
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_layout():
    network = PredictiveAutoencoder(128, PaeConfig())
    assert [block.join.out_features for block in network.encoder] == [512, 512]
    assert [block.join.out_features for block in network.decoder] == [256, 256]
    assert [type(layer) for layer in network.bottleneck] == [nn.Linear, nn.GELU, nn.Linear]
    assert [network.bottleneck[0].out_features, network.bottleneck[2].out_features] == [64, 256]
    assert {block.heads for block in (*network.encoder, *network.decoder)} == {8}


def test_heads_must_share_the_width():
    with pytest.raises(BenchError, match="3 attention heads cannot share a width of 512"):
        PaeConfig(heads=3)


def windows_of(seed, n=6):
    return torch.randn(n, 5, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("masked", range(5))
def test_what_the_masked_frame_holds_makes_no_difference(small_pae, masked):
    network, windows, position = small_pae(), windows_of(0), torch.full((6,), masked)
    before = network(windows, position)
    changed = windows.clone()
    changed[:, masked] += 100
    assert torch.equal(network(changed, position), before)


@pytest.mark.parametrize("shown", range(1, 5))
def test_what_another_frame_holds_does(small_pae, shown):
    network, windows, position = small_pae(), windows_of(0), torch.zeros(6, dtype=torch.int64)
    changed = windows.clone()
    changed[:, shown] += 1
    moved = frame_at(network(changed, position), position) - frame_at(network(windows, position), position)
    assert (moved.abs().amax(dim=1) > 1e-4).all()


def test_every_window_has_its_own_masked_frame(small_pae):
    network, windows = small_pae(), windows_of(0)
    position = torch.tensor([0, 1, 2, 3, 4, 0])
    together = network(windows, position)
    for number in range(6):
        alone = network(windows[number : number + 1], position[number : number + 1])
        torch.testing.assert_close(together[number : number + 1], alone)


@pytest.mark.parametrize("used", ["encoder_positions", "decoder_positions"])
def test_the_order_of_frames_matters(small_pae, used):
    """Without learnt positions attention would take the others for a heap of frames."""
    network, windows, position = small_pae(), windows_of(0), torch.zeros(6, dtype=torch.int64)
    exchanged = windows[:, [0, 4, 2, 3, 1]]

    def moved():
        return (network(exchanged, position)[:, 0] - network(windows, position)[:, 0]).abs().amax(dim=1)

    nn.init.zeros_(network.encoder_positions)
    nn.init.zeros_(network.decoder_positions)
    assert (moved() < 1e-5).all()
    nn.init.normal_(getattr(network, used))
    assert (moved() > 1e-3).all()


def test_attention_by_hand(pae_config):
    """One head, queries and keys of zero: every frame is joined by the mean of the values."""
    block = Block(4, pae_config(heads=1))
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    nn.init.ones_(block.norm_attention.weight)
    block.queries_keys_values.weight.data[8:] = torch.eye(4)
    block.join.weight.data[:] = torch.eye(4)
    frames = torch.tensor([[[1.0, -1.0, 1.0, -1.0], [3.0, 3.0, -3.0, -3.0]]])
    # Each frame normalised is ±1; their mean is (1, 0, 0, −1).
    expected = frames + torch.tensor([1.0, 0.0, 0.0, -1.0])
    torch.testing.assert_close(block(frames), expected, atol=1e-4, rtol=0)


def test_attention_is_torchs(pae_config):
    torch.manual_seed(0)
    block = Block(12, pae_config(heads=4))
    frames = torch.randn(4, 5, 12)
    queries, keys, values = (
        part.unflatten(2, (4, 3)).transpose(1, 2) for part in block.queries_keys_values(frames).chunk(3, dim=2)
    )
    expected = nn.functional.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)
    torch.testing.assert_close(block._attend(frames), block.join(expected))


# -- decibels ----------------------------------------------------------------------------------------------------------


def test_predictions_are_in_decibels(small_pae):
    """Louder by 30 dB in training and in the window: the same standard scores, and so a prediction louder by 30 dB."""
    network, windows, position = small_pae(), windows_of(0), torch.full((6,), 2)
    quiet = network(windows, position)
    network.scale.mean += 30
    torch.testing.assert_close(network(windows + 30, position), quiet + 30, atol=1e-4, rtol=0)


# -- the error ---------------------------------------------------------------------------------------------------------


def test_error_by_hand():
    windows = torch.zeros(2, 3, 2)
    predicted = torch.tensor([[[1.0, 3.0], [10.0, 10.0], [20.0, 20.0]], [[5.0, 5.0], [6.0, 6.0], [2.0, 0.0]]])
    # Frame 0: (1 + 9) / 2; frame 2: (4 + 0) / 2.
    assert masked_error(predicted, windows, torch.tensor([0, 2])).tolist() == [5.0, 2.0]


def test_the_error_is_in_squared_decibels(small_pae):
    """A band that varies by 10 dB weighs a hundred times as much as one that varies by 1 dB."""
    network, position = small_pae(bands=2), torch.zeros(1, dtype=torch.int64)
    nn.init.zeros_(network.predict.weight)
    network.scale.deviation.copy_(torch.tensor([10.0, 1.0]))
    windows = torch.zeros(1, 5, 2)
    windows[0, 0] = torch.tensor([10.0, 1.0])
    # One standard deviation off in each: (100 + 1) / 2.
    assert masked_error(network(windows, position), windows, position).item() == pytest.approx(50.5)


def test_predictions_of_other_frames_have_no_gradient():
    windows, position = windows_of(0), torch.tensor([0, 1, 2, 3, 4, 2])
    predicted = windows_of(1).requires_grad_()
    masked_error(predicted, windows, position).mean().backward()
    masked = position[:, None] == torch.arange(5)
    assert (predicted.grad[~masked] == 0).all()
    assert (predicted.grad[masked] != 0).all()
