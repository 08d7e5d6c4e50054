"""The mel spectrogram's options and its presets, one per published user.

The systems differ in their mel conventions more than their papers say, and the differences move scores, so a preset
carries every number of its user. Nothing here imports torch; the transform is in `asd_bench.builtin.frontends.mel`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from asd_bench.errors import BenchError
from asd_bench.hookspecs import hookimpl
from asd_bench.specs import FrontendSpec, option

#: Smallest normal float32. A floor below it would round to zero on the device, and its logarithm to -inf.
_SMALLEST_FLOOR = 1.2e-38


@dataclass(frozen=True)
class MelConfig:
    """Options of the mel spectrogram; the defaults are the DCASE baselines' of 2021 and later.

    The window is always a periodic Hann window of ``n_fft`` samples, as in librosa and torchaudio.

    Raises:
        BenchError: if the mel range is empty or reaches beyond half the sample rate.
    """

    sample_rate: int = option(16_000, "Sample rate of the clips, in Hz.", minimum=1)
    n_fft: int = option(1024, "Length of the window and of the Fourier transform, in samples.", minimum=2)
    hop: int = option(512, "Step from frame to frame, in samples.", minimum=1)
    n_mels: int = option(128, "Number of mel bands.", minimum=1)
    f_min: float = option(0.0, "Lower edge of the lowest band, in Hz.", minimum=0)
    f_max: float | None = option(
        None, "Upper edge of the highest band, in Hz; null is half the sample rate.", minimum=0
    )
    mel_scale: Literal["slaney", "htk"] = option(
        "slaney", "Mel scale: slaney (librosa: linear below 1 kHz) or htk (torchaudio)."
    )
    mel_norm: Literal["slaney", "none"] = option(
        "slaney", "Bands of equal area (slaney: librosa) or of peak one (none: torchaudio)."
    )
    power: Literal[1, 2] = option(2, "Exponent of the spectrogram: 1 is magnitude, 2 is power.")
    center: bool = option(True, "Pad half a window at both ends, so that frame t is centred on sample t * hop.")
    pad_mode: Literal["constant", "reflect"] = option(
        "constant", "What centring pads with: zeros (constant: librosa) or the mirrored signal (reflect: torchaudio)."
    )
    window_norm: bool = option(
        False, "Divide the spectrum by the root of the window's energy (torchaudio's normalized=True)."
    )
    log: Literal["none", "db"] = option(
        "db", "db is (20 / power) * log10 of the mel spectrogram; none leaves it linear."
    )
    floor_mode: Literal["add", "max"] = option(
        "max", "How eps keeps the logarithm finite: log(mel + eps) (add) or log(max(mel, eps)) (max)."
    )
    eps: float = option(
        sys.float_info.epsilon, "Floor under the logarithm, in units of the mel spectrogram.", minimum=_SMALLEST_FLOOR
    )
    top_db: float | None = option(
        None,
        "Raise all that lies further below each clip's own maximum to this many dB below it; null is off.",
        minimum=0,
    )

    def __post_init__(self) -> None:
        nyquist = self.sample_rate / 2
        top = nyquist if self.f_max is None else self.f_max
        if not self.f_min < top <= nyquist:
            raise BenchError(
                f"a mel range of {self.f_min:g} to {top:g} Hz does not fit audio of {self.sample_rate} Hz",
                where="f_min, f_max",
                fix=f"choose 0 <= f_min < f_max <= {nyquist:g}",
            )


_TARGET = "asd_bench.builtin.frontends.mel:Mel"

# torchaudio's MelSpectrogram, where it differs from librosa's.
_TORCHAUDIO = {"mel_scale": "htk", "mel_norm": "none", "pad_mode": "reflect"}

# Kuroyanagi's DCASE2022 recipe, which the first-shot paper follows where it is silent; the range is the paper's own.
_FIRST_SHOT = {
    **_TORCHAUDIO,
    "n_fft": 2048,
    "hop": 256,
    "n_mels": 224,
    "f_min": 50.0,
    "f_max": 7800.0,
    "power": 1,
    "window_norm": True,
    "log": "none",
}

FRONTENDS: tuple[FrontendSpec, ...] = (
    FrontendSpec(
        name="mel",
        summary="Log-mel of the DCASE baselines since 2021: 128 Slaney bands, 64 ms window, 32 ms hop, dB",
        target=_TARGET,
        config=MelConfig,
    ),
    FrontendSpec(
        name="mel-dcase2020",
        summary="Log-mel of the DCASE2020 baseline, which adds eps under the logarithm (GeCo, AWS Group-MADE)",
        target=_TARGET,
        config=MelConfig,
        defaults={"floor_mode": "add"},
    ),
    FrontendSpec(
        name="mel-small-rice",
        summary="Log-mel of Small Rice (DCASE2021): 128 HTK bands, not centred (311 frames in 10 s), 120 dB range",
        target=_TARGET,
        config=MelConfig,
        # 1e-10 is the amin of torchaudio's AmplitudeToDB, which the authors' code leaves at its default.
        defaults={**_TORCHAUDIO, "center": False, "f_max": 8000.0, "eps": 1e-10, "top_db": 120.0},
    ),
    FrontendSpec(
        name="mel-first-shot",
        summary="Magnitude mel of the first-shot system (DCASE2023): 224 HTK bands, 128 ms window, 16 ms hop, no log",
        target=_TARGET,
        config=MelConfig,
        defaults=_FIRST_SHOT,
    ),
    FrontendSpec(
        name="mel-first-shot-transformer",
        summary="The same with a 32 ms hop: 63 frames in 2 s, within the Transformer's 64 positions",
        target=_TARGET,
        config=MelConfig,
        defaults={**_FIRST_SHOT, "hop": 512},
    ),
)


@hookimpl
def asd_frontends() -> tuple[FrontendSpec, ...]:
    return FRONTENDS
