"""What all encoders have in common: they embed segments of clips, and keep those of the training clips.

An encoder is a detector that scores nothing. Back ends measure how far a clip's embeddings are from normal ones.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from asd_bench import Audio, BenchError, Context
from asd_bench_first_shot import EncoderConfig
from asd_bench_first_shot.segments import Segments, Standardisation, standardisations

#: Segments embedded at a time. Always as many, so that an embedding does not depend on how many are asked for.
CPU_CHUNK = 32
GPU_CHUNK = 256

#: How far two frontends' frames of one sound may be apart, as a share of the largest: devices differ by less.
SAME_FRONTEND = 1e-2


class Encoder(ABC):
    """The embeddings of segments, and how they are kept. What is trained is up to the concrete encoders.

    Attributes:
        embedders: one for all machine types, or one for each in the order of ``machines``.
        machines: names of the machine types, in order.
        standardisation: of every machine type's waveforms.
        position: training clip's id to its row in the arrays that follow.
        embedding: of the training clips' segments, float32 of shape (clips, segments, size).
        is_inlier: which training clips back ends are to take as normal sound, bool of shape (clips,).
    """

    def __init__(self, config: EncoderConfig) -> None:
        self.config = config
        self.embedders: nn.ModuleList
        self.machines: tuple[str, ...]
        self.standardisation: dict[str, Standardisation]
        self.position: dict[str, int]
        self.embedding: torch.Tensor
        self.is_inlier: np.ndarray
        self._probe: torch.Tensor

    # -- up to the concrete encoders -------------------------------------------------------------------------------

    @abstractmethod
    def _new_embedders(self, n_frames: int, n_bands: int, *, learned: bool) -> nn.ModuleList:
        """New networks.

        Args:
            n_frames, n_bands: of a segment.
            learned: whether their weights will be replaced by learned ones, so that any will do.
        """

    @abstractmethod
    def _train(self, audio: Audio, ctx: Context) -> np.ndarray:
        """Train the embedders; which training clips are inliers, bool of shape (clips,)."""

    # -- the four methods ------------------------------------------------------------------------------------------

    def fit(self, audio: Audio, ctx: Context) -> None:
        clips = audio.clips
        # Clips come machine by machine, in the order of their names.
        self.machines = tuple(dict.fromkeys(clips.machine.tolist()))
        self.standardisation = standardisations(audio.waves(), clips.machine.tolist())
        self._probe = self._hear_probe(audio)
        torch.manual_seed(ctx.seed_of("weights"))
        self.embedders = self._new_embedders(*self._probe.shape, learned=False)
        self.is_inlier = self._train(audio, ctx)
        segments = self.segments(audio)
        rows = [np.flatnonzero(clips.machine == machine) for machine in self.machines]
        self.embedding = torch.cat([self._embed_clips(audio, segments, own) for own in rows]).cpu()
        self.position = {clip_id: number for number, clip_id in enumerate(clips.clip_id.tolist())}

    def score(self, audio: Audio, ctx: Context) -> dict[str, np.ndarray]:
        return {}

    def save(self, folder: Path) -> None:
        document = {
            "machines": self.machines,
            "standardisation": {name: [one.mean, one.deviation] for name, one in self.standardisation.items()},
            "clip_id": list(self.position),
            "is_inlier": self.is_inlier.tolist(),
        }
        (folder / "encoder.json").write_text(json.dumps(document), encoding="utf-8")
        save_file(self.embedders.state_dict(), folder / "embedders.safetensors")
        save_file({"embedding": self.embedding, "probe": self._probe}, folder / "segments.safetensors")

    def load(self, folder: Path) -> None:
        document = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
        self.machines = tuple(document["machines"])
        self.standardisation = {name: Standardisation(*pair) for name, pair in document["standardisation"].items()}
        self.position = {clip_id: number for number, clip_id in enumerate(document["clip_id"])}
        self.is_inlier = np.array(document["is_inlier"])
        arrays = load_file(folder / "segments.safetensors")
        self.embedding, self._probe = arrays["embedding"], arrays["probe"]
        self.embedders = self._new_embedders(*self._probe.shape, learned=True)
        self.embedders.load_state_dict(load_file(folder / "embedders.safetensors"))
        self.embedders.eval()

    # -- what back ends ask for ------------------------------------------------------------------------------------

    def segments(self, audio: Audio) -> Segments:
        """Standardised segments of some clips.

        Raises:
            BenchError: the clips are heard through another frontend than the training clips were.
        """
        self._check_frontend(audio)
        clips, waves = audio.clips, audio.waves()
        if self.config.standardise == "clip":
            of_clip = standardisations(waves, clips.clip_id.tolist())
            return Segments(waves, self.config.segment, [of_clip[clip_id] for clip_id in clips.clip_id.tolist()])
        return Segments(waves, self.config.segment, [self.standardisation[name] for name in clips.machine.tolist()])

    def embed(
        self,
        machine: str,
        n: int,
        cut: Callable[[torch.Tensor], torch.Tensor],
        audio: Audio,
    ) -> torch.Tensor:
        """Embeddings of ``n`` standardised segments of one machine type, float32 of shape (n, size), on the device.

        Args:
            machine: the machine type.
            n: how many.
            cut: numbers of segments, int64 of shape (some,) on the device, to waveforms (some, samples).
            audio: has the frontend and the device.
        """
        number = self.machines.index(machine) if len(self.embedders) > 1 else 0
        embedder = self.embedders[number].to(audio.device).eval()
        chunk = CPU_CHUNK if audio.device.type == "cpu" else GPU_CHUNK
        # The last chunk is filled up with the first segment.
        index = torch.zeros(-(-n // chunk) * chunk, dtype=torch.int64, device=audio.device)
        index[:n] = torch.arange(n, device=audio.device)
        with torch.inference_mode():
            return torch.cat([embedder(audio.transform(cut(part))) for part in index.split(chunk)])[:n]

    def segment_embeddings(self, audio: Audio) -> torch.Tensor:
        """Those of every clip of one machine type, float32 of shape (clips, segments, size), on the device.

        Training clips' are those that were kept; only other clips are embedded.
        """
        row = np.array([self.position.get(clip_id, -1) for clip_id in audio.clips.clip_id.tolist()])
        known, unknown = np.flatnonzero(row >= 0), np.flatnonzero(row < 0)
        found = torch.empty((len(row), *self.embedding.shape[1:]), device=audio.device)
        found[torch.from_numpy(known)] = self.embedding[row[known]].to(audio.device)
        if len(unknown):
            found[torch.from_numpy(unknown)] = self._embed_clips(audio, self.segments(audio), unknown)
        return found

    # -- behind them -----------------------------------------------------------------------------------------------

    def _embed_clips(self, audio: Audio, segments: Segments, rows: np.ndarray) -> torch.Tensor:
        """Embeddings of the segments of some clips of one machine type, shape (clips, segments, size)."""
        n_segments = self.config.n_segments
        start = torch.from_numpy(segments.spread(rows, n_segments).ravel()).to(audio.device)
        clip = torch.from_numpy(np.repeat(rows, n_segments)).to(audio.device)
        embedded = self.embed(
            audio.clips.machine[rows[0]], len(start), lambda index: segments.cut(clip[index], start[index]), audio
        )
        return embedded.unflatten(0, (-1, n_segments))

    def _hear_probe(self, audio: Audio) -> torch.Tensor:
        """Frames of a sweep over all frequencies, by which a frontend is recognised; shape (frames, bands)."""
        n = self.config.segment
        phase = math.pi / 2 / n * torch.arange(n, dtype=torch.float64).square()
        return audio.transform(phase.sin().float().unsqueeze(0).to(audio.device))[0].cpu().contiguous()

    def _check_frontend(self, audio: Audio) -> None:
        probe = self._hear_probe(audio)
        same = probe.shape == self._probe.shape and bool(
            (probe - self._probe).abs().max() <= SAME_FRONTEND * self._probe.abs().max()
        )
        if not same:
            raise BenchError(
                "the encoder was trained on the frames of another frontend than its back end hears",
                fix="set an option of the frontend for both: --set frontend.OPTION=VALUE, or one --set for each",
            )
