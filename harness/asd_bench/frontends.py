"""Clips as a detector hears them: waveforms, frames, windows.

Audio stays int16 up to the device. On a CPU a frontend's frames are computed once per machine type and read back from
disk, memory-mapped; on a GPU they are computed into device memory.
"""

from __future__ import annotations

import copy
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from asd_bench.data.clips import Clips
from asd_bench.data.store import Store
from asd_bench.errors import BenchError
from asd_bench.keys import digest, short
from asd_bench.protocols import Frontend
from asd_bench.records import locked

if TYPE_CHECKING:
    import pandas as pd

#: Clips per frontend call: large enough to fill a GPU, small enough to stay in a CPU's cache.
CPU_BATCH = 48
GPU_BATCH = 1024


@dataclass(frozen=True)
class Frames:
    """The frames of several clips end to end; clips may differ in length.

    Attributes:
        values: float32 of shape (frames, features), on the detector's device.
        offsets: int64 of shape (clips + 1,); clip i's frames are ``values[offsets[i]:offsets[i + 1]]``.
    """

    values: torch.Tensor
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def clip(self, number: int) -> torch.Tensor:
        """Frames of one clip, shape (frames, features); a view."""
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self.clip(number) for number in range(len(self)))

    def stacked(self) -> torch.Tensor:
        """All clips as (clips, frames, features), a view.

        Raises:
            BenchError: the clips differ in length.
        """
        lengths = np.diff(self.offsets)
        if len(lengths) and (lengths != lengths[0]).any():
            raise BenchError(
                f"the clips have between {lengths.min()} and {lengths.max()} frames, and this needs equal lengths"
            )
        return self.values.view(len(self), -1, self.values.shape[1])


@dataclass(frozen=True)
class Windows:
    """Windows of ``n`` consecutive frames within clips: an index into `Frames`, nothing is copied.

    Attributes:
        start: int64 of shape (windows,), position of the first frame in ``frames.values``.
        clip: int64 of shape (windows,), the clip that the window lies in.
    """

    frames: Frames
    n: int
    start: torch.Tensor
    clip: torch.Tensor

    def __len__(self) -> int:
        return len(self.start)

    def gather(self, index: torch.Tensor) -> torch.Tensor:
        """The chosen windows, shape (chosen, n, features)."""
        values = self.frames.values
        n_frames, n_features = values.shape
        # A view in which every window is one row: a row is copied at once, six times as fast as frame by frame.
        overlapping = values.as_strided((n_frames - self.n + 1, self.n * n_features), (n_features, 1))
        return overlapping.index_select(0, self.start[index]).unflatten(1, (self.n, n_features))


@dataclass(frozen=True)
class Waves:
    """The samples of several clips end to end; clips may differ in length.

    Attributes:
        values: int16 of shape (samples,), on the detector's device.
        offsets: int64 of shape (clips + 1,); clip i's samples are ``values[offsets[i]:offsets[i + 1]]``.
    """

    values: torch.Tensor
    offsets: np.ndarray

    def gather(self, start: torch.Tensor, n: int) -> torch.Tensor:
        """Segments of n samples, int16 of shape (chosen, n), from the positions of their first samples."""
        # A view in which the segment that begins at any sample is one row.
        overlapping = self.values.as_strided((len(self.values) - n + 1, n), (1, 1))
        return overlapping.index_select(0, start)


class Audio:
    """The sound of some clips, as one frontend and device give it.

    Args:
        clips: what the detector may know of them.
        rows: the same clips in the same order, with ``machine``, ``row`` (position in the machine's store).
        stores: machine -> packed clips.
        frontend: built frontend.
        frontend_key: what its frames are cached under.
        device: where frames go.
        cache: folder of cached frames.

    Attributes:
        frames_seconds: how long it took to make frames, 0 before they are asked for.
    """

    def __init__(
        self,
        clips: Clips,
        rows: pd.DataFrame,
        stores: dict[str, Store],
        frontend: Frontend,
        frontend_key: str,
        device: torch.device,
        cache: Path,
    ) -> None:
        self.clips = clips
        self.device = device
        self._machine = rows.machine.to_numpy(dtype=str)
        self._row = rows.row.to_numpy(np.int64)
        self._stores = stores
        self._frontend = frontend
        self._frontend_key = frontend_key
        self._cache = cache
        self.frames_seconds = 0.0
        self._frames: Frames | None = None
        self._waves: Waves | None = None

    def __len__(self) -> int:
        return len(self.clips)

    def under(self, clips: Clips) -> Audio:
        """The same sound with another view of its clips; frames that were computed are shared."""
        other = copy.copy(self)
        other.clips = clips
        return other

    def waveform(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Samples of the chosen clips.

        Args:
            rows: positions in ``clips``.

        Returns:
            int16 of shape (chosen, samples of the longest), zero-padded at the end, and int64 lengths (chosen,), both
            on the device.
        """
        lengths = self.clips.n_samples[rows]
        wave = np.zeros((len(rows), int(lengths.max(initial=0))), dtype=np.int16)
        for number, row in enumerate(rows):
            store = self._stores[self._machine[row]]
            offset = store.table.offset.iat[self._row[row]]
            wave[number, : lengths[number]] = store.audio[offset : offset + lengths[number]]
        return torch.from_numpy(wave).to(self.device), torch.from_numpy(lengths).to(self.device)

    def waves(self) -> Waves:
        """Every clip's samples, resident on a GPU: for segments that are cut anew in every training step."""
        if self._waves is None:
            parts = []
            for machine in dict.fromkeys(self._machine):
                store = self._stores[machine]
                # Copy-on-write, as with frames.
                audio = np.memmap(store.path / "audio.i16", np.int16, "c")
                starts = store.table.offset.to_numpy(np.int64)
                ends = starts + store.table.n_samples.to_numpy(np.int64)
                rows = self._row[self._machine == machine]
                if (starts[rows[1:]] == ends[rows[:-1]]).all():
                    parts.append(audio[starts[rows[0]] : ends[rows[-1]]])
                else:
                    parts += [audio[starts[row] : ends[row]] for row in rows]
            values = parts[0] if len(parts) == 1 else np.concatenate(parts)
            offsets = np.concatenate([[0], np.cumsum(self.clips.n_samples, dtype=np.int64)])
            self._waves = Waves(torch.from_numpy(values).to(self.device), offsets)
        return self._waves

    def transform(self, wave: torch.Tensor) -> torch.Tensor:
        """The frontend on the device: waveforms (clips, samples) to frames (clips, frames, features)."""
        return self._frontend(wave)

    def frames(self) -> Frames:
        """The frontend's output for every clip, resident on a GPU, cached on disk for a CPU."""
        if self._frames is None:
            start = time.perf_counter()
            self._frames = self._cached_frames() if self.device.type == "cpu" else self._resident_frames()
            self.frames_seconds = time.perf_counter() - start
        return self._frames

    def windows(self, n: int, hop: int) -> Windows:
        """Windows of n frames every hop frames, within clips.

        Raises:
            BenchError: a clip has fewer than n frames.
        """
        frames = self.frames()
        counts = (np.diff(frames.offsets) - n) // hop + 1
        if (counts < 1).any():
            short_clip = self.clips.clip_id[int(np.argmin(counts))]
            raise BenchError(f"the clip {short_clip} is shorter than a window of {n} frames")
        clip = np.repeat(np.arange(len(counts)), counts)
        within = np.arange(len(clip)) - np.repeat(np.cumsum(counts) - counts, counts)
        start = frames.offsets[:-1][clip] + within * hop
        return Windows(frames, n, torch.from_numpy(start).to(self.device), torch.from_numpy(clip).to(self.device))

    # -- where frames come from ------------------------------------------------------------------------------------

    def _offsets(self) -> np.ndarray:
        lengths = [self._frontend.n_frames(int(samples)) for samples in self.clips.n_samples]
        return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

    def _cached_frames(self) -> Frames:
        parts = []
        # Clips come machine by machine (`asd_bench.data.clips.visible`), so parts end to end are in their order.
        for machine in dict.fromkeys(self._machine):
            store = self._stores[machine]
            values, offsets = cached_store_frames(store, self._frontend, self._frontend_key, self._cache)
            rows = self._row[self._machine == machine]
            if (np.diff(rows) == 1).all():
                parts.append(values[offsets[rows[0]] : offsets[rows[-1] + 1]])
            else:
                parts.append(np.concatenate([values[offsets[row] : offsets[row + 1]] for row in rows]))
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return Frames(torch.from_numpy(values), self._offsets())

    def _resident_frames(self) -> Frames:
        offsets = self._offsets()
        values = torch.empty((int(offsets[-1]), self._frontend.n_features), device=self.device)
        for rows in _equal_lengths(self.clips.n_samples, GPU_BATCH):
            frames = self._frontend(self.waveform(rows)[0])
            for number, row in enumerate(rows):
                values[offsets[row] : offsets[row + 1]] = frames[number]
        return Frames(values, offsets)


def cached_store_frames(store: Store, frontend: Frontend, key: str, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Frames of every clip in a store, computed on the first call and memory-mapped afterwards.

    Returns:
        float32 of shape (frames, features) and the clips' offsets (clips + 1,).

    Raises:
        BenchError: a clip is too short for one frame.
    """
    lengths = store.table.n_samples.to_numpy(np.int64)
    if lengths.min() < frontend.min_samples:
        brief = store.files().set_index("clip_id").path[store.table.clip_id.iat[int(lengths.argmin())]]
        raise BenchError(
            f"{brief} has {lengths.min()} samples, and the frontend needs {frontend.min_samples} for one frame"
        )
    offsets = np.concatenate([[0], np.cumsum([frontend.n_frames(int(n)) for n in lengths], dtype=np.int64)])
    shape = (int(offsets[-1]), frontend.n_features)
    path = cache / short(key) / store.path.parent.name / f"{store.path.name}.f32"
    with locked(path.parent / ".locks" / store.machine):
        if not path.is_file():
            _compute_file(store, lengths, offsets, frontend, path, shape)
    # Copy-on-write: torch wants writable memory, and no detector can spoil the cache through it.
    return np.memmap(path, np.float32, "c", shape=shape), offsets


def _compute_file(
    store: Store,
    lengths: np.ndarray,
    offsets: np.ndarray,
    frontend: Frontend,
    path: Path,
    shape: tuple[int, int],
) -> None:
    """Compute a store's frames into a file that is there when it is whole; drop those of the machine's older stores."""
    # The lock is held: whatever is unfinished was left by a process that was killed.
    for pattern in (f".frames-{store.machine}-*", f"{store.machine}-{'[0-9a-f]' * 12}.f32"):
        for old in path.parent.glob(pattern):
            old.unlink(missing_ok=True)
    handle, work = tempfile.mkstemp(prefix=f".frames-{store.machine}-", dir=path.parent)
    try:
        # A full disk is an error here; a hole in a mapped file would be a fatal signal later.
        os.posix_fallocate(handle, 0, shape[0] * shape[1] * 4)
        os.close(handle)
        _compute(store, lengths, offsets, frontend, np.memmap(work, np.float32, "r+", shape=shape))
        os.replace(work, path)
    finally:
        Path(work).unlink(missing_ok=True)


def _compute(store: Store, lengths: np.ndarray, offsets: np.ndarray, frontend: Frontend, out: np.memmap) -> None:
    starts = store.table.offset.to_numpy(np.int64)

    def batch(rows: np.ndarray) -> None:
        wave = np.stack([store.audio[starts[row] : starts[row] + lengths[row]] for row in rows])
        for row, frames in zip(rows, apply_on_one_core(frontend, wave), strict=True):
            out[offsets[row] : offsets[row + 1]] = frames

    run_side_by_side(batch, _equal_lengths(lengths, CPU_BATCH))
    out.flush()


def run_side_by_side(work: Callable[[np.ndarray], None], batches: Iterable[np.ndarray]) -> None:
    """Do some work for every batch, as many batches at a time as this process has threads for torch."""
    with ThreadPoolExecutor(torch.get_num_threads(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for _ in pool.map(work, batches):
            pass


def apply_on_one_core(frontend: Frontend, wave: np.ndarray) -> np.ndarray:
    """A frontend's frames, float32 of shape (clips, frames, features), from int16 waveforms of equal length.

    Called from several threads with one batch each. A transform of a few clips is too little work to be shared among
    threads: they would spend their time waking one another. So the numbers do not depend on how many there are, either.
    """
    with torch.inference_mode():
        return frontend(torch.from_numpy(wave)).numpy()


def _equal_lengths(lengths: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Batches of clip positions in which all clips have the same length."""
    for length in np.unique(lengths):
        same = np.flatnonzero(lengths == length)
        yield from (same[start : start + size] for start in range(0, len(same), size))


def frontend_key(document: dict[str, Any]) -> str:
    """The key of a frontend's frames: its class, version, code and resolved configuration."""
    return digest({name: document[name] for name in ("target", "version", "source", "config")})
