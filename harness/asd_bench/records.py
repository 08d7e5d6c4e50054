"""Records: directories of small plain files, written atomically, from which everything else can be made again.

``fits/<detector>/<key12>/`` holds one fit, ``results/<dataset>/<system>/<key12>/`` one system's result for one seed.
A fit counts as done when its ``status.json`` says so, which is written last.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asd_bench.errors import BenchError
from asd_bench.keys import short

if TYPE_CHECKING:
    import pandas as pd

#: Version of the records' layout.
FORMAT = 1


class Workspace:
    """The folder that holds fits, results, caches and the default tracking store."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    def ready(self) -> Workspace:
        """Make the folder where it is missing.

        Raises:
            BenchError: it cannot be made or written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise BenchError(
                f"the workspace cannot be written to: {error.strerror}",
                where=self.path,
                fix="choose another with --workspace or ASD_BENCH_WORKSPACE",
            ) from error
        return self

    @property
    def fits(self) -> Path:
        return self.path / "fits"

    @property
    def results(self) -> Path:
        return self.path / "results"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    def fit(self, detector: str, key: str) -> Path:
        return self.fits / detector / short(key)

    def result(self, dataset: str, system: str, key: str) -> Path:
        return self.results / dataset / system / short(key)

    def all_fits(self) -> list[Path]:
        return sorted(path.parent for path in self.fits.glob("*/*/status.json"))

    def all_results(self) -> list[Path]:
        return sorted(path.parent for path in self.results.glob("*/*/*/result.json"))

    def find_result(self, prefix: str) -> Path:
        """The result whose key starts with a prefix.

        Raises:
            BenchError: none or several do.
        """
        found = [path for path in self.all_results() if path.name.startswith(short(prefix))]
        if len(found) == 1:
            return found[0]
        if not found:
            raise BenchError(
                f"there is no result whose key starts with '{prefix}'", where=self.results, fix="asd-bench list results"
            )
        names = ", ".join("/".join(path.parts[-3:]) for path in found)
        raise BenchError(f"'{prefix}' stands for {len(found)} results: {names}", fix="give more of the key")


# -- plain files -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A path to write to that becomes ``path`` when the block ends well, and nothing when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    work = Path(name)
    try:
        yield work
        work.chmod(0o644)
        os.replace(work, path)
    finally:
        work.unlink(missing_ok=True)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    with atomic(path) as work:
        work.write_text(json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A record's JSON file.

    Raises:
        BenchError: it is missing or damaged.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise ValueError("it holds no mapping")
        return document
    except (OSError, ValueError) as error:
        raise BenchError(
            f"the record cannot be read: {error}", where=path, fix="delete its folder and run again"
        ) from error


def write_scores(path: Path, scores: pd.DataFrame) -> None:
    with atomic(path) as work:
        scores.to_parquet(work, index=False)


def read_scores(path: Path) -> pd.DataFrame:
    """Scores of a record: clip_id, machine, section and one column per component.

    Raises:
        BenchError: the file is missing or damaged.
    """
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BenchError(
            f"the scores cannot be read: {error}", where=path, fix="delete its folder and run again"
        ) from error


def is_done(fit: Path, key: str) -> bool:
    """Whether the folder holds a finished fit of that very key. Failures never satisfy a key."""
    try:
        status = read_json(fit / "status.json")
    except BenchError:
        # Missing, or damaged: then it is made again.
        return False
    return status.get("state") == "done" and status.get("key") == key


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from working in the same folder; the lock goes with the process that dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# -- bundles -----------------------------------------------------------------------------------------------------------


def write_bundle(path: Path, workspace: Workspace, folders: Iterable[Path]) -> None:
    """Fits and results in one tar file, for a machine with a tracking store (``asd-bench sync``).

    Raises:
        BenchError: the file cannot be written.
    """
    try:
        with atomic(path) as work, tarfile.open(work, "w") as tar:
            for folder in sorted(set(folders)):
                for file in sorted(folder.rglob("*")):
                    if file.is_file() and not file.name.startswith("."):
                        tar.add(file, arcname=file.relative_to(workspace.path).as_posix(), recursive=False)
    except OSError as error:
        raise BenchError(
            f"the bundle cannot be written: {error.strerror}", where=path, fix="what it would hold is in the workspace"
        ) from error


def _take_in(folder: Path, target: Path) -> None:
    """Put a bundle's record where it belongs, unless a whole one is there; add scores that a whole one lacks."""
    with locked(target):
        if not _is_whole(target):
            for old in target.iterdir():
                if old.name != ".lock":
                    shutil.rmtree(old) if old.is_dir() else old.unlink()
            for file in folder.iterdir():
                os.rename(file, target / file.name)
        elif (folder / "scores").is_dir():
            for scores in (folder / "scores").iterdir():
                (target / "scores").mkdir(exist_ok=True)
                os.replace(scores, target / "scores" / scores.name)


def _is_whole(record: Path) -> bool:
    """Whether a folder holds a result, or a finished fit."""
    with contextlib.suppress(BenchError):
        if (record / "status.json").is_file():
            return read_json(record / "status.json").get("state") == "done"
        return "key" in read_json(record / "result.json")
    return False


def unpack_bundle(path: Path, workspace: Workspace) -> tuple[list[Path], list[Path]]:
    """Put a bundle's fits and results into the workspace; those that are there already stay.

    Returns:
        the fit folders and the result folders that the bundle holds.

    Raises:
        BenchError: the file is no bundle, is cut short, or reaches outside the workspace.
    """
    try:
        with tarfile.open(path) as tar, tempfile.TemporaryDirectory(prefix=".bundle-", dir=workspace.path) as temporary:
            unpacked = Path(temporary)
            for member in tar.getmembers():
                if not member.isfile() or member.name.split("/")[0] not in ("fits", "results"):
                    raise BenchError(f"holds '{member.name}', which no bundle of asd-bench does", where=path)
            tar.extractall(unpacked, filter="data")
            fits = [status.parent for status in sorted(unpacked.glob("fits/*/*/status.json"))]
            results = [result.parent for result in sorted(unpacked.glob("results/*/*/*/result.json"))]
            if not fits and not results:
                raise BenchError("holds no fit and no result", where=path)
            for folder in (*fits, *results):
                _take_in(folder, workspace.path / folder.relative_to(unpacked))
            return (
                [workspace.path / folder.relative_to(unpacked) for folder in fits],
                [workspace.path / folder.relative_to(unpacked) for folder in results],
            )
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BenchError(f"the bundle cannot be unpacked: {error}", where=path, fix="copy it again") from error
