"""The network: which frames depend on which, its size, and that its dense form is the masked one."""

from __future__ import annotations

import functools

import pytest
import torch
from torch.autograd.functional import jacobian

from asd_bench_aws.group_made import FACTORISATIONS, Factorisation, GroupMade

BANDS, COMPONENTS = 3, 2

#: The middle frame given the rest, before what has no use is left out of it.
TWO_GROUPS = Factorisation((1, 1, 2, 1, 1))

#: Frame -> the frames that it is predicted from, counted from 1.
DEPENDENCIES = {
    "causal": {1: set(), 2: {1}, 3: {1, 2}, 4: {1, 2, 3}, 5: {1, 2, 3, 4}},
    "joint": {1: set(), 2: {1}, 4: {1, 2}, 5: {1, 2, 4}, 3: {1, 2, 4, 5}},
    "two groups": {1: set(), 2: set(), 4: set(), 5: set(), 3: {1, 2, 4, 5}},
    "middle-given-rest": {3: {1, 2, 4, 5}},
}

ALL = {**FACTORISATIONS, "two groups": TWO_GROUPS}


def network(ordering, hidden=(24, 24), bands=BANDS, components=COMPONENTS):
    torch.manual_seed(0)
    return GroupMade(ALL[ordering], n_bands=bands, hidden=hidden, n_components=components).double()


def frames(n=1, bands=BANDS, seed=0):
    return torch.randn(n, 5, bands, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


# -- connectivity ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", ALL)
def test_frames_depend_on_those_before_them_in_the_order(ordering):
    made = network(ordering)

    def parameters(windows):
        """Shape (predicted, bands, parameters of a band's mixture)."""
        return torch.cat(made(windows), dim=-1)[0]

    # A rectified unit may be off at one place, so several are looked at.
    slopes = sum(jacobian(parameters, frames(seed=seed))[:, :, :, 0].abs() for seed in range(5))
    assert slopes.shape == (len(made.predicted), BANDS, 3 * COMPONENTS, 5, BANDS)
    for row, frame in enumerate(made.predicted.tolist()):
        for column in range(5):
            block = slopes[row, :, :, column]
            if column + 1 in DEPENDENCIES[ordering][frame + 1]:
                # Every parameter of every band, on every band.
                assert (block > 0).all(), f"frame {frame + 1} lacks frame {column + 1}"
            else:
                assert not block.any(), f"frame {frame + 1} sees frame {column + 1}"


@pytest.mark.parametrize("hidden", [(4,), (4, 4), (4, 5, 6, 7), ()])
@pytest.mark.parametrize("ordering", ALL)
def test_masks_allow_what_the_order_allows_and_leave_no_frame_out(ordering, hidden):
    made = network(ordering, hidden)
    assert len(made.masks) == len(hidden) + 1
    paths = functools.reduce(lambda below, above: above @ below, (mask.double() for mask in made.masks))
    outputs = paths.unflatten(0, (len(made.predicted), -1)).unflatten(2, (len(made.given), BANDS))
    for row, frame in enumerate(made.predicted.tolist()):
        for column, given in enumerate(made.given.tolist()):
            block = outputs[row, :, column]
            assert (block > 0).all() if given + 1 in DEPENDENCIES[ordering][frame + 1] else not block.any()


@pytest.mark.parametrize("ordering", ["causal", "joint", "middle-given-rest"])
def test_degrees_go_round(ordering):
    made = network(ordering, hidden=(9, 9))
    degrees = made.masks[0].unflatten(1, (-1, BANDS))[:, :, 0].sum(dim=1)
    # A unit of degree d is given d frames, or all four where the others have one degree.
    expected = [4] * 9 if ordering == "middle-given-rest" else [1, 2, 3, 4, 1, 2, 3, 4, 1]
    assert degrees.tolist() == expected


def test_weights_under_a_mask_never_count():
    made, other = network("joint"), network("joint")
    with torch.no_grad():
        for layer in (*other.hidden, other.output):
            layer.weight[~layer.mask] += 100
    torch.testing.assert_close(other.negative_log_likelihoods(frames(4)), made.negative_log_likelihoods(frames(4)))
    made.negative_log_likelihoods(frames(4)).sum().backward()
    assert all(not layer.weight.grad[~layer.mask].any() for layer in (*made.hidden, made.output))


# -- the middle frame given the rest -----------------------------------------------------------------------------------


def test_the_dense_form_equals_the_masked_one():
    masked, dense = network("two groups"), network("middle-given-rest")
    around = [frame * BANDS + band for frame in (0, 1, 3, 4) for band in range(BANDS)]
    of_a_frame = BANDS * 3 * COMPONENTS
    state = masked.state_dict()
    state["hidden.0.weight"] = state["hidden.0.weight"][:, around]
    for name in ("output.weight", "output.bias"):
        state[name] = state[name][2 * of_a_frame : 3 * of_a_frame]
    dense.load_state_dict(state)
    windows = frames(50)
    torch.testing.assert_close(
        dense.negative_log_likelihoods(windows)[:, 0],
        masked.negative_log_likelihoods(windows)[:, 2],
        rtol=1e-13,
        atol=0,
    )
    assert all(mask.all() for mask in dense.masks)


def test_another_middle_frame_changes_its_score_and_nothing_predicted_for_it():
    made, windows = network("middle-given-rest"), frames(6)
    moved = windows.clone()
    moved[:, 2] += 0.5
    for before, after in zip(made(windows), made(moved), strict=True):
        assert torch.equal(before, after)
    assert (made.negative_log_likelihoods(windows) != made.negative_log_likelihoods(moved)).all()


# -- a density ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", FACTORISATIONS)
def test_every_frame_has_a_conditional_density(ordering):
    """With one band, the density of a frame given the others integrates to one over that frame's values."""
    made = network(ordering, bands=1)
    grid = torch.linspace(-30, 30, 6001, dtype=torch.float64)
    for row, frame in enumerate(made.predicted.tolist()):
        windows = frames(bands=1).repeat(len(grid), 1, 1)
        windows[:, frame, 0] = grid
        density = torch.exp(-made.negative_log_likelihoods(windows)[:, row])
        assert torch.trapezoid(density, grid).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("ordering", ["joint", "causal"])
def test_the_five_terms_are_the_conditional_densities(ordering):
    """Each term is found again where all frames that it may not depend on are others."""
    made, windows = network(ordering), frames(8)
    terms = made.negative_log_likelihoods(windows)
    assert terms.shape == (8, 5)
    for frame in range(5):
        known = [number - 1 for number in (*DEPENDENCIES[ordering][frame + 1], frame + 1)]
        others = frames(8, seed=1)
        others[:, known] = windows[:, known]
        torch.testing.assert_close(made.negative_log_likelihoods(others)[:, frame], terms[:, frame])


def test_bands_add_up():
    made, windows = network("joint"), frames(8)
    one_band = windows.clone()
    one_band[:, 2, 1] += 0.3
    mixture = made(windows)
    # The last frame of the order: what changes is the term of its one band.
    difference = made.negative_log_likelihoods(one_band) - made.negative_log_likelihoods(windows)
    assert not difference[:, [0, 1, 3, 4]].any()
    normal = torch.distributions.Normal(mixture.mean[:, 2, 1], mixture.log_sigma[:, 2, 1].exp())
    weights = mixture.weight_logits[:, 2, 1].softmax(dim=-1)
    before, after = (
        -(weights * normal.log_prob(values[:, 2, 1, None]).exp()).sum(dim=-1).log() for values in (windows, one_band)
    )
    torch.testing.assert_close(difference[:, 2], after - before)


# -- sizes and types ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hidden", "full", "middle"),
    [((128,) * 4, 2.61, 0.61), ((512,) * 2, 10.44, 2.50), ((1024,) * 2, 21.39, 5.51)],
    ids=["4x128", "2x512", "2x1024"],
)
def test_sizes(hidden, full, middle):
    for factorisation, millions in (("joint", full), ("middle-given-rest", middle)):
        made = GroupMade(FACTORISATIONS[factorisation], n_bands=128, hidden=hidden, n_components=10)
        assert round(size(made) / 1e6, 2) == millions


def test_published_sizes_exactly():
    sizes = [
        size(GroupMade(FACTORISATIONS[ordering], n_bands=128, hidden=(1024, 1024), n_components=10))
        for ordering in ("causal", "middle-given-rest")
    ]
    assert sizes == [21_385_984, 5_510_912]


def test_mixtures_are_float32_where_hidden_layers_are_not():
    made = GroupMade(FACTORISATIONS["middle-given-rest"], n_bands=4, hidden=(8,), n_components=2)
    with torch.autocast("cpu", torch.bfloat16):
        assert {part.dtype for part in made(torch.randn(3, 5, 4))} == {torch.float32}
