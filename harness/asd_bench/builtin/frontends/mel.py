"""Mel spectrograms in the conventions of librosa and torchaudio, batched, on any device."""

from __future__ import annotations

import torch
from torch.nn import functional

from asd_bench.builtin.frontends import MelConfig
from asd_bench.errors import BenchError

# Windowed samples per chunk. On a CPU the chunk's arrays (1 MB each) should stay in a core's own cache: measured on one
# thread, chunks of a ten-second clip or less are a tenth faster than of three and a third faster than of six, and two
# threads with a chunk each (as frames are computed for the cache) half as fast again as two threads that share chunks
# of three. On a GPU a chunk should be long enough to hide the launches.
_CHUNK_CPU = 2**18
_CHUNK_GPU = 2**24

_INT16_SCALE = 1 / 32768


class Mel:
    """Mel spectrogram of a batch of equally long clips; see `MelConfig` for the conventions.

    Stateless: window and filterbank follow from the configuration and are kept once per device.

    A clip's numbers do not depend on its batch mates: clips are transformed in chunks of one size (the last is filled
    up with silence), so that a matrix product has the same shape in every batch, and ``top_db`` looks at each clip
    alone. Autocast is off inside. TensorFloat-32 is not: where ``torch.set_float32_matmul_precision`` allows it, its
    rounding moves a decibel value by up to 0.01.

    Args:
        config: the conventions.
    """

    def __init__(self, config: MelConfig) -> None:
        self.config = config
        self._constants: dict[torch.device, tuple[torch.Tensor, torch.Tensor]] = {}

    @property
    def n_features(self) -> int:
        """Values per frame: the number of mel bands."""
        return self.config.n_mels

    @property
    def min_samples(self) -> int:
        """Length of the shortest clip that gives one frame, in samples."""
        if not self.config.center:
            return self.config.n_fft
        if self.config.pad_mode == "reflect":
            # A signal can be mirrored by less than its own length.
            return self.config.n_fft // 2 + 1
        return 1

    def n_frames(self, n_samples: int) -> int:
        """Number of frames of a clip of ``n_samples`` samples.

        Raises:
            BenchError: if the clip is shorter than `min_samples`.
        """
        if n_samples < self.min_samples:
            raise BenchError(
                f"a clip of {n_samples} samples is too short for a mel spectrogram that needs {self.min_samples}",
                where=f"n_fft={self.config.n_fft}, center={self.config.center}, pad_mode={self.config.pad_mode}",
                fix="leave the clip out, or set a smaller n_fft",
            )
        padding = 2 * (self.config.n_fft // 2) if self.config.center else 0
        return 1 + (n_samples + padding - self.config.n_fft) // self.config.hop

    def __call__(self, wave: torch.Tensor) -> torch.Tensor:
        """Transform a batch of waveforms; differentiable where ``wave`` is floating point.

        Args:
            wave: shape (n, samples). int16 is scaled by 1/32768; floating point is taken as it is.

        Returns:
            float32, contiguous, shape (n, frames, n_mels), on the device of ``wave``; in dB, or linear where
            ``log="none"``.

        Raises:
            BenchError: if the clips are shorter than `min_samples`.
            TypeError: if ``wave`` is neither int16 nor floating point.
            ValueError: if ``wave`` is not two-dimensional.
        """
        if wave.ndim != 2:
            raise ValueError(f"expected waveforms of shape (n, samples), got {tuple(wave.shape)}")
        if wave.dtype != torch.int16 and not wave.is_floating_point():
            raise TypeError(f"expected int16 or floating point waveforms, got {wave.dtype}")

        window, filterbank = self._constants_on(wave.device)
        n_clips = self._clips_per_chunk(wave)
        features = []
        with torch.autocast(wave.device.type, enabled=False):
            for clips in wave.split(n_clips):
                filled = functional.pad(clips, (0, 0, 0, n_clips - len(clips)))
                features.append(self._transform(filled, window, filterbank)[: len(clips)])
        return torch.cat(features)

    def _transform(self, wave: torch.Tensor, window: torch.Tensor, filterbank: torch.Tensor) -> torch.Tensor:
        samples = wave.float()
        if wave.dtype == torch.int16:
            samples = samples * _INT16_SCALE
        spectrum = torch.stft(
            samples,
            self.config.n_fft,
            self.config.hop,
            window=window,
            center=self.config.center,
            pad_mode=self.config.pad_mode,
            return_complex=True,
        ).transpose(1, 2)
        if self.config.power == 1:
            # Not the root of the power: its gradient is infinite in silence.
            spectrogram = spectrum.abs()
        else:
            squares = torch.view_as_real(spectrum).square()
            spectrogram = squares[..., 0] + squares[..., 1]
        mel = spectrogram @ filterbank
        return self._to_db(mel) if self.config.log == "db" else mel

    def _to_db(self, mel: torch.Tensor) -> torch.Tensor:
        floored = mel + self.config.eps if self.config.floor_mode == "add" else mel.clamp(min=self.config.eps)
        decibel = floored.log10() * (20 / self.config.power)
        if self.config.top_db is None:
            return decibel
        return torch.maximum(decibel, decibel.amax(dim=(1, 2), keepdim=True) - self.config.top_db)

    def _clips_per_chunk(self, wave: torch.Tensor) -> int:
        # A function of the clips' length and the device alone: every chunk of every batch has the same shape.
        windowed_samples = self.n_frames(wave.shape[1]) * self.config.n_fft
        budget = _CHUNK_CPU if wave.device.type == "cpu" else _CHUNK_GPU
        return max(1, budget // windowed_samples)

    def _constants_on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Window, shape (n_fft,), and filterbank, shape (n_fft // 2 + 1, n_mels)."""
        if device not in self._constants:
            # Tensors made in inference mode could not be used for training later.
            with torch.inference_mode(False):
                self._constants[device] = (self._window().to(device), self._filterbank().to(device))
        return self._constants[device]

    def _window(self) -> torch.Tensor:
        window = torch.hann_window(self.config.n_fft, dtype=torch.float64)
        if self.config.window_norm:
            window = window / window.square().sum().sqrt()
        return window.float()

    def _filterbank(self) -> torch.Tensor:
        # Imported here because it takes a second, for numba's sake, and nothing else of this module needs it.
        from librosa import filters

        bank = filters.mel(
            sr=self.config.sample_rate,
            n_fft=self.config.n_fft,
            n_mels=self.config.n_mels,
            fmin=self.config.f_min,
            fmax=self.config.f_max,
            htk=self.config.mel_scale == "htk",
            norm="slaney" if self.config.mel_norm == "slaney" else None,
        )
        return torch.from_numpy(bank.T.copy())
