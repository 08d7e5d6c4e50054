"""The packed clip store: every file decoded once, int16, one memory-mapped array per machine type.

A store is a folder ``<machine>-<key>/`` with ``audio.i16`` (all clips end to end), ``clips.parquet`` (what they are,
without paths) and ``files.parquet`` (where they came from, which no detector is given). Its key covers the files'
names, sizes and times, so a change makes a new store and an unchanged dataset is not read again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asd_bench.data.audio_file import BadAudio, decode
from asd_bench.data.manifest import Progress
from asd_bench.errors import BenchError
from asd_bench.keys import NUMERICS, digest, short
from asd_bench.records import locked

if TYPE_CHECKING:
    import pandas as pd

#: Digits of a clip's content digest that are its id.
ID_DIGITS = 16

#: How many bad files a message names before it counts.
NAMED_FILES = 8


@dataclass(frozen=True)
class Store:
    """An opened store.

    Attributes:
        table: one row per clip: clip_id, machine, section, split, phase, domain, attributes, n_samples, offset, digest;
            ordered by split, section and clip id, so that a section's training clips lie side by side.
        audio: memory-mapped int16 of all samples.
        notes: sentences about silent or duplicate clips and mixed lengths.
    """

    path: Path
    machine: str
    table: pd.DataFrame
    audio: np.ndarray
    notes: tuple[str, ...]

    def files(self) -> pd.DataFrame:
        """Where the clips came from: clip_id, path (relative to the dataset's root)."""
        import pandas as pd

        return pd.read_parquet(self.path / "files.parquet")


@functools.lru_cache(maxsize=64)
def open_store(path: Path) -> Store:
    """Open a packed store."""
    import pandas as pd

    audio = np.memmap(path / "audio.i16", dtype=np.int16, mode="r")
    notes = json.loads((path / "notes.json").read_text())
    return Store(path, path.name.rpartition("-")[0], pd.read_parquet(path / "clips.parquet"), audio, tuple(notes))


def pack(
    listing: pd.DataFrame,
    machine: str,
    root: Path,
    cache: Path,
    sample_rate: int,
    progress: Progress,
) -> Store:
    """Decode one machine's files into a store, or open the store that is already there.

    Args:
        listing: the machine's rows, columns `asd_bench.data.manifest.LISTING`.
        machine: machine type.
        root: the folder that the paths are relative to.
        cache: the folder that holds the dataset's stores.
        sample_rate: in Hz.
        progress: told how far it is.

    Raises:
        BenchError: files that cannot be used, every one with its cause.
    """
    listing = listing.sort_values("path", kind="stable").reset_index(drop=True)
    state = [_state(root / path) for path in listing.path]
    key = short(
        digest([NUMERICS, str(root.resolve()), sample_rate, listing.astype(str).to_dict("split")["data"], state])
    )
    target = cache / f"{machine}-{key}"
    if target.is_dir():
        return open_store(target)
    with locked(cache / ".locks" / machine):
        if not target.is_dir():
            # Under the lock, whatever is unfinished was left by a process that was killed.
            for left in cache.glob(f".packing-{machine}-*"):
                shutil.rmtree(left, ignore_errors=True)
            work = Path(tempfile.mkdtemp(prefix=f".packing-{machine}-", dir=cache))
            try:
                _write(listing, machine, root, work, sample_rate, progress)
                os.rename(work, target)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        for old in cache.glob(f"{machine}-*"):
            if old != target and len(old.name) == len(target.name):
                shutil.rmtree(old, ignore_errors=True)
    return open_store(target)


def _state(path: Path) -> list[int] | None:
    try:
        stat = path.stat()
    except OSError:
        # A dangling link, say: decoding will say what is wrong with it.
        return None
    return [stat.st_size, stat.st_mtime_ns]


def _write(listing: pd.DataFrame, machine: str, root: Path, work: Path, sample_rate: int, progress: Progress) -> None:
    paths = [root / path for path in listing.path]
    digests, lengths, silent = _decode_all(paths, work / "raw.i16", sample_rate, machine, progress)
    table = listing.assign(digest=digests, n_samples=lengths, raw_offset=np.cumsum([0, *lengths[:-1]]), silent=silent)
    notes = _notes(table, machine, sample_rate)
    # Ids are opaque and differ between machines; copies of one sound within a machine are numbered.
    opaque = table.digest.map(lambda content: hashlib.sha256(f"{machine}/{content}".encode()).hexdigest()[:ID_DIGITS])
    copy = table.groupby("digest").cumcount()
    table["clip_id"] = opaque + copy.map(lambda number: f"-{number}" if number else "")
    table = table.sort_values(["split", "section", "clip_id"], ascending=[False, True, True]).reset_index(drop=True)
    table["offset"] = np.cumsum(np.concatenate([[0], table.n_samples.to_numpy()[:-1]]))
    raw = np.memmap(work / "raw.i16", dtype=np.int16, mode="r")
    with open(work / "audio.i16", "wb") as audio:
        for start, length in zip(table.raw_offset, table.n_samples, strict=True):
            audio.write(raw[start : start + length].data)
    del raw
    (work / "raw.i16").unlink()
    columns = [
        "clip_id",
        "machine",
        "section",
        "split",
        "phase",
        "domain",
        "attributes",
        "n_samples",
        "offset",
        "digest",
    ]
    table[columns].to_parquet(work / "clips.parquet", index=False)
    table[["clip_id", "path"]].to_parquet(work / "files.parquet", index=False)
    (work / "notes.json").write_text(json.dumps(notes))


def _decode_all(
    paths: list[Path], raw: Path, sample_rate: int, machine: str, progress: Progress
) -> tuple[list[str], list[int], list[bool]]:
    def work(path: Path) -> tuple[np.ndarray, str] | str:
        try:
            samples = decode(path, sample_rate)
        except BadAudio as error:
            return f"{path.name} {error}"
        return samples, hashlib.sha256(samples.tobytes()).hexdigest()

    digests: list[str] = []
    lengths: list[int] = []
    silent: list[bool] = []
    bad: list[str] = []
    # libsndfile and hashlib release the interpreter lock, so threads decode side by side.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool, open(raw, "wb") as file:
        for done, outcome in enumerate(pool.map(work, paths), start=1):
            if isinstance(outcome, str):
                bad.append(outcome)
            else:
                samples, content = outcome
                file.write(samples.data)
                digests.append(content)
                lengths.append(len(samples))
                silent.append(not samples.any())
            progress(f"packing {machine}", done, len(paths))
    if bad:
        more = f"\n    … and {len(bad) - NAMED_FILES} more" if len(bad) > NAMED_FILES else ""
        raise BenchError(
            f"{len(bad)} of {len(paths)} audio files cannot be used:\n    " + "\n    ".join(bad[:NAMED_FILES]) + more,
            where=paths[0].parent.parent,
            fix="download or convert them again; whatever was computed from other machines is kept",
        )
    return digests, lengths, silent


def _notes(table: pd.DataFrame, machine: str, sample_rate: int) -> list[str]:
    notes = []
    for path in table.path[table.silent]:
        notes.append(f"{machine}: {path} is silent (every sample is zero)")
    for _, rows in table[table.duplicated("digest", keep=False) & ~table.silent].groupby("digest"):
        notes.append(f"{machine}: {' and '.join(rows.path)} hold the same sound")
    lengths = table.n_samples / sample_rate
    if lengths.nunique() > 1:
        notes.append(f"{machine}: clips last from {lengths.min():g} s to {lengths.max():g} s")
    return notes
