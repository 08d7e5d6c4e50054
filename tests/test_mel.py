"""The mel frontend against librosa, against numpy, and against numbers worked out by hand."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import torch

from asd_bench.builtin.frontends import FRONTENDS, MelConfig
from asd_bench.builtin.frontends.mel import Mel
from asd_bench.errors import BenchError

SHARED = Path(os.environ.get("ASD_BENCH_SHARED", Path(__file__).resolve().parents[2] / "shared"))
RATE = 16_000
EPS = sys.float_info.epsilon

PRESETS: dict[str, dict[str, Any]] = {spec.name: dict(spec.defaults) for spec in FRONTENDS}

#: Magnitude and power as they leave the filterbank, with triangles of peak one.
LINEAR: dict[str, Any] = {"mel_scale": "htk", "mel_norm": "none", "log": "none"}


def preset(name: str, **changes: Any) -> MelConfig:
    return MelConfig(**{**PRESETS[name], **changes})


def machine_noise(n_clips: int, n_samples: int, *, seed: int = 0) -> np.ndarray:
    """int16 clips like a machine's: a hum with harmonics in broadband noise, each at its own level."""
    rng = np.random.default_rng(seed)
    time = np.arange(n_samples) / RATE
    clips = np.empty((n_clips, n_samples), dtype=np.int16)
    for i in range(n_clips):
        hum = sum(np.sin(2 * np.pi * 50 * k * time + rng.uniform(0, 6)) / k for k in range(1, 40))
        level = 10 ** rng.uniform(1, 3.5)
        clips[i] = np.clip(level * (hum + rng.standard_normal(n_samples)), -32768, 32767)
    return clips


def librosa_log_mel(clip: np.ndarray, *, floor_mode: str) -> np.ndarray:
    """The DCASE baselines' features of one int16 clip, shape (frames, 128)."""
    mel = librosa.feature.melspectrogram(
        y=clip.astype(np.float32) / 32768, sr=RATE, n_fft=1024, hop_length=512, n_mels=128, power=2.0
    )
    floored = mel + EPS if floor_mode == "add" else np.maximum(mel, EPS)
    return (10 * np.log10(floored)).T


def numpy_mel(config: MelConfig, clip: np.ndarray) -> np.ndarray:
    """Linear mel spectrogram in torchaudio's convention, in float64 and by the textbook, shape (frames, n_mels)."""
    n = config.n_fft
    signal = clip / 32768
    if config.center:
        signal = np.pad(signal, n // 2, mode="reflect" if config.pad_mode == "reflect" else "constant")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    if config.window_norm:
        window = window / np.sqrt(np.sum(window**2))
    frames = np.lib.stride_tricks.sliding_window_view(signal, n)[:: config.hop]
    spectrogram = np.abs(np.fft.rfft(frames * window)) ** config.power

    def to_mel(hz: float) -> float:
        return 2595 * math.log10(1 + hz / 700)

    mels = np.linspace(to_mel(config.f_min), to_mel(config.f_max or config.sample_rate / 2), config.n_mels + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = np.arange(n // 2 + 1) * config.sample_rate / n
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return spectrogram @ np.clip(np.minimum(rising, falling), 0, None)


def sine(bin_index: int, n_fft: int, n_samples: int, amplitude: float = 1.0) -> torch.Tensor:
    phase = 2 * math.pi * bin_index / n_fft * torch.arange(n_samples, dtype=torch.float64)
    return (amplitude * torch.sin(phase)).float()[None]


@pytest.mark.filterwarnings("ignore:n_fft=1024 is too large")  # librosa's, of the clip shorter than a window
@pytest.mark.parametrize(("name", "floor_mode"), [("mel", "max"), ("mel-dcase2020", "add")])
@pytest.mark.parametrize("n_samples", [160_000, 176_000, 100_001, 700])
def test_agrees_with_librosa(name: str, floor_mode: str, n_samples: int) -> None:
    clips = machine_noise(3, n_samples)
    ours = Mel(preset(name))(torch.from_numpy(clips)).numpy()
    for clip, features in zip(clips, ours, strict=True):
        np.testing.assert_allclose(features, librosa_log_mel(clip, floor_mode=floor_mode), rtol=0, atol=1e-3)


def test_agrees_with_librosa_on_a_real_clip() -> None:
    path = SHARED / "data/dcase2023/ToyCar/train/section_00_source_train_normal_0003_car_B1_spd_31V_mic_1.flac"
    if not path.is_file():
        pytest.skip(f"real audio is not there: {path} (set ASD_BENCH_SHARED)")
    soundfile = pytest.importorskip("soundfile")
    clip, rate = soundfile.read(path, dtype="int16")
    assert rate == RATE
    ours = Mel(preset("mel"))(torch.from_numpy(clip)[None])[0].numpy()
    np.testing.assert_allclose(ours, librosa_log_mel(clip, floor_mode="max"), rtol=0, atol=1e-3)


def test_floor_of_silence_by_hand() -> None:
    silence = torch.zeros(1, 16_000, dtype=torch.int16)
    # 10 log10(2^-52) = -156.54 dB, whether added to nothing or the larger of the two.
    for name in ("mel", "mel-dcase2020"):
        torch.testing.assert_close(Mel(preset(name))(silence), torch.full((1, 32, 128), -156.5356), rtol=0, atol=1e-3)


@pytest.mark.parametrize("power", [1, 2])
def test_floor_modes(power: int) -> None:
    wave = torch.from_numpy(machine_noise(1, 16_000))
    linear = Mel(preset("mel", power=power, log="none"))(wave)
    eps = linear.median().item()
    for floor_mode, floored in (("add", linear + eps), ("max", linear.clamp(min=eps))):
        decibel = Mel(preset("mel", power=power, floor_mode=floor_mode, eps=eps))(wave)
        torch.testing.assert_close(decibel, 20 / power * floored.log10(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["mel-first-shot", "mel-first-shot-transformer"])
def test_first_shot_agrees_with_numpy(name: str) -> None:
    clips = machine_noise(2, 32_000)
    ours = Mel(preset(name))(torch.from_numpy(clips)).numpy()
    for clip, features in zip(clips, ours, strict=True):
        reference = numpy_mel(preset(name), clip)
        np.testing.assert_allclose(features, reference, rtol=2e-5, atol=2e-6 * reference.max())


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("power", [1, 2])
def test_htk_decibels_agree_with_numpy(center: bool, power: int) -> None:
    config = preset("mel-small-rice", center=center, power=power, top_db=None)
    clip = machine_noise(1, 48_000)
    reference = 20 / power * np.log10(np.maximum(numpy_mel(config, clip[0]), 1e-10))
    ours = Mel(config)(torch.from_numpy(clip))[0].numpy()
    np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-3)


def test_sine_by_hand() -> None:
    # A sine of amplitude A in the centre of bin k has magnitude A * sum(window) / 2 there, for the Hann window
    # A * N / 4, and half of it in both neighbours. Neighbouring triangles of peak one add up to one, so the bands sum
    # to A * N / 4 * (1/2 + 1 + 1/2) in magnitude and (A * N / 4)^2 * (1/4 + 1 + 1/4) in power.
    amplitude, n_fft = 0.5, 1024
    wave = sine(200, n_fft, 8 * n_fft, amplitude)
    peak = amplitude * n_fft / 4
    magnitude = Mel(MelConfig(**LINEAR, power=1, center=False))(wave).sum(dim=2)
    power = Mel(MelConfig(**LINEAR, power=2, center=False))(wave).sum(dim=2)
    torch.testing.assert_close(magnitude, torch.full_like(magnitude, 2 * peak), rtol=1e-5, atol=0)
    torch.testing.assert_close(power, torch.full_like(power, 1.5 * peak**2), rtol=1e-5, atol=0)


def test_window_norm_by_hand() -> None:
    # The energy of a Hann window is 3 N / 8: N = 2048 gives sqrt(768) = 27.7128.
    wave = sine(300, 2048, 8 * 2048)
    bands = Mel(preset("mel-first-shot", center=False))(wave).sum(dim=2)
    torch.testing.assert_close(bands, torch.full_like(bands, 2048 / 2 / 27.712813), rtol=1e-5, atol=0)


def test_slaney_bands_have_equal_area() -> None:
    # An impulse under the window's peak has magnitude one in every bin, so a band holds the sum of its weights, and
    # Slaney's weights times the bin width (rate / n_fft) sum to one.
    impulse = torch.zeros(1, 16_384)
    impulse[0, 8192] = 1.0
    bands = Mel(MelConfig(n_fft=16_384, n_mels=32, center=False, log="none"))(impulse)
    torch.testing.assert_close(bands * RATE / 16_384, torch.ones(1, 1, 32), rtol=2e-3, atol=0)


@pytest.mark.parametrize(
    ("config", "n_samples", "n_frames"),
    [
        (preset("mel"), 160_000, 313),
        (preset("mel"), 176_000, 344),
        (preset("mel", center=False), 160_000, 311),
        (preset("mel-small-rice"), 160_000, 311),
        (preset("mel", center=False), 1024 + 4 * 512, 5),
        (preset("mel", center=False), 1024 + 5 * 512 - 1, 5),
        (preset("mel", center=False), 33_280, 64),
        (preset("mel"), 33_280, 66),
        (preset("mel-first-shot"), 32_000, 126),
        (preset("mel-first-shot-transformer"), 32_000, 63),
        (preset("mel"), 1, 1),
        (preset("mel", center=False), 1024, 1),
        (preset("mel", pad_mode="reflect"), 513, 2),
    ],
)
def test_frame_counts(config: MelConfig, n_samples: int, n_frames: int) -> None:
    mel = Mel(config)
    assert mel.n_frames(n_samples) == n_frames
    features = mel(torch.zeros(2, n_samples, dtype=torch.int16))
    assert features.shape == (2, n_frames, mel.n_features)
    assert features.dtype == torch.float32
    assert features.is_contiguous()


@pytest.mark.parametrize(
    ("config", "shortest"),
    [
        (MelConfig(), 1),
        (MelConfig(center=False), 1024),
        (MelConfig(pad_mode="reflect"), 513),
        (preset("mel-first-shot"), 1025),
    ],
)
def test_too_short_clip(config: MelConfig, shortest: int) -> None:
    mel = Mel(config)
    assert mel.min_samples == shortest
    assert mel(torch.zeros(1, shortest)).shape[1] == mel.n_frames(shortest) >= 1
    with pytest.raises(BenchError, match=f"{shortest - 1} samples is too short"):
        mel.n_frames(shortest - 1)
    with pytest.raises(BenchError, match="too short"):
        mel(torch.zeros(1, shortest - 1))


def test_empty_batch() -> None:
    assert Mel(MelConfig())(torch.zeros(0, 16_000)).shape == (0, 32, 128)


@pytest.mark.parametrize("n_samples", [3072, 32_000, 160_000])
@pytest.mark.parametrize("name", PRESETS)
def test_batch_mates_change_no_bit(name: str, n_samples: int) -> None:
    mel = Mel(preset(name))
    clips = torch.from_numpy(machine_noise(7, n_samples))
    batch = mel(clips)
    for i in range(len(clips)):
        assert torch.equal(mel(clips[i : i + 1])[0], batch[i])
    assert torch.equal(mel(clips.flip(0)).flip(0), batch)


def test_top_db_is_per_clip() -> None:
    # Noise with a burst 40 dB above it, so that the clamp at 20 dB acts; the batch mate is 60 dB louder.
    mel = Mel(preset("mel-small-rice", top_db=20.0))
    quiet = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 32_000))).float() * 1e-3
    quiet[:, :2048] *= 100
    loud = quiet * 1000
    alone = mel(quiet)
    together = mel(torch.cat([quiet, loud]))
    assert torch.equal(together[:1], alone)
    for features in together:
        assert (features.max() - features.min()).item() == pytest.approx(20.0, abs=1e-4)
    unclamped = Mel(preset("mel-small-rice", top_db=None))(quiet)
    torch.testing.assert_close(alone, unclamped.clamp(min=unclamped.max().item() - 20.0))


@pytest.mark.parametrize("name", PRESETS)
def test_int16_equals_floating_point(name: str) -> None:
    mel = Mel(preset(name))
    clips = torch.from_numpy(machine_noise(3, 32_000))
    clips[0, :2] = torch.tensor([-32768, 32767])
    for dtype in (torch.float32, torch.float64):
        features = mel(clips.to(dtype) / 32768)
        assert features.dtype == torch.float32
        assert torch.equal(features, mel(clips))


def test_refuses_what_is_no_batch_of_waveforms() -> None:
    mel = Mel(MelConfig())
    with pytest.raises(ValueError, match=r"\(n, samples\)"):
        mel(torch.zeros(16_000))
    with pytest.raises(TypeError, match="int32"):
        mel(torch.zeros(1, 16_000, dtype=torch.int32))


@pytest.mark.parametrize(
    ("changes", "derivative_per_value"),
    [({"power": 1}, None), ({"power": 2}, None), ({"log": "db"}, 20 / math.log(10))],
)
def test_gradient_by_hand(changes: dict[str, Any], derivative_per_value: float | None) -> None:
    # Euler: scaling x by (1 + t) scales magnitude by (1 + t), power by (1 + t)^2 and adds 20 log10(1 + t) dB, so the
    # derivative along x itself is f, 2 f, and 20 / ln 10 for every value.
    mel = Mel(MelConfig(**{**LINEAR, **changes}))
    # Two chunks, the second filled up with silence.
    wave = torch.from_numpy(machine_noise(40, 16_000)).float().div(32768).requires_grad_()
    features = mel(wave)
    features.double().sum().backward()
    assert wave.grad is not None
    along = (wave.grad.double() * wave.detach().double()).sum(dim=1)
    if derivative_per_value is None:
        expected = mel.config.power * features.detach().double().sum(dim=(1, 2))
    else:
        expected = torch.full((40,), derivative_per_value * features[0].numel(), dtype=torch.float64)
    torch.testing.assert_close(along, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", PRESETS)
def test_gradient_in_silence_is_finite(name: str) -> None:
    wave = torch.zeros(2, 16_000, requires_grad=True)
    Mel(preset(name))(wave).sum().backward()
    assert wave.grad is not None
    assert bool(wave.grad.isfinite().all())


def test_first_use_in_inference_mode_leaves_training_possible() -> None:
    mel = Mel(MelConfig())
    with torch.inference_mode():
        mel(torch.zeros(1, 16_000))
    wave = sine(100, 1024, 16_000).requires_grad_()
    mel(wave).sum().backward()
    assert wave.grad is not None


def test_autocast_changes_nothing() -> None:
    mel = Mel(MelConfig())
    clips = torch.from_numpy(machine_noise(2, 16_000))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = mel(clips)
    assert torch.equal(mixed, mel(clips))


@pytest.mark.gpu
@pytest.mark.parametrize("name", PRESETS)
def test_gpu_agrees_with_cpu(name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    mel = Mel(preset(name))
    clips = torch.from_numpy(machine_noise(5, 160_000))
    on_gpu = mel(clips.cuda())
    expected = mel(clips)
    atol = 1e-3 if mel.config.log == "db" else 1e-5 * expected.max().item()
    torch.testing.assert_close(on_gpu.cpu(), expected, rtol=1e-4, atol=atol)
    for i in range(len(clips)):
        assert torch.equal(mel(clips[i : i + 1].cuda())[0], on_gpu[i])


BASELINE = {
    "sample_rate": 16_000,
    "n_fft": 1024,
    "hop": 512,
    "n_mels": 128,
    "f_min": 0.0,
    "f_max": None,
    "mel_scale": "slaney",
    "mel_norm": "slaney",
    "power": 2,
    "center": True,
    "pad_mode": "constant",
    "window_norm": False,
    "log": "db",
    "floor_mode": "max",
    "eps": 2.220446049250313e-16,
    "top_db": None,
}
TORCHAUDIO = {**BASELINE, "mel_scale": "htk", "mel_norm": "none", "pad_mode": "reflect"}
SMALL_RICE = {**TORCHAUDIO, "f_max": 8000.0, "center": False, "eps": 1e-10, "top_db": 120.0}
FIRST_SHOT = {
    **TORCHAUDIO,
    "n_fft": 2048,
    "hop": 256,
    "n_mels": 224,
    "f_min": 50.0,
    "f_max": 7800.0,
    "power": 1,
    "window_norm": True,
    "log": "none",
}


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("mel", BASELINE),
        ("mel-dcase2020", {**BASELINE, "floor_mode": "add"}),
        ("mel-small-rice", SMALL_RICE),
        ("mel-first-shot", FIRST_SHOT),
        ("mel-first-shot-transformer", {**FIRST_SHOT, "hop": 512}),
    ],
)
def test_preset_numbers(name: str, numbers: dict[str, Any]) -> None:
    assert dataclasses.asdict(preset(name)) == numbers


def test_presets_are_complete() -> None:
    assert list(PRESETS) == ["mel", "mel-dcase2020", "mel-small-rice", "mel-first-shot", "mel-first-shot-transformer"]
    for spec in FRONTENDS:
        assert spec.target == f"{Mel.__module__}:{Mel.__qualname__}"
        assert spec.config is MelConfig
        assert spec.summary
        assert "\n" not in spec.summary


@pytest.mark.parametrize("changes", [{"f_max": 8000.1}, {"f_min": 8000.0}, {"f_min": 500.0, "f_max": 400.0}])
def test_impossible_mel_range(changes: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match="mel range"):
        MelConfig(**changes)


def test_declaring_imports_neither_torch_nor_librosa() -> None:
    code = (
        "import sys, asd_bench.builtin.frontends; print([m for m in ('torch', 'librosa', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
