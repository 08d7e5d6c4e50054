"""What a detector may see of clips: no path, no label, nothing that the year's protocol hides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from asd_bench.data.classes import Classes
from asd_bench.data.store import Store
from asd_bench.keys import digest
from asd_bench.specs import Reveals

if TYPE_CHECKING:
    import pandas as pd

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Clips:
    """Clips in an order that tells nothing: by machine, section and content digest.

    Attributes:
        clip_id: opaque and stable, derived from the sound itself.
        machine, section: of every clip.
        domain, attributes: empty strings where the protocol hides them for this split.
        n_samples: int64.
        class_id: int64; the training clips' classes, -1 for test clips.
        candidates: for every clip the classes that it may belong to (for training clips: its own).
    """

    clip_id: np.ndarray
    machine: np.ndarray
    section: np.ndarray
    domain: np.ndarray
    attributes: np.ndarray
    n_samples: np.ndarray
    class_id: np.ndarray
    candidates: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.clip_id)


def visible(stores: Iterable[Store], split: Split, section: str | None, reveals: Reveals) -> pd.DataFrame:
    """The rows of a split with hidden metadata blanked, ordered by machine, section and clip id.

    Besides the detector's columns the table has ``row``, the clip's position in its machine's store.

    Args:
        stores: one per machine type in scope.
        split: ``train`` or ``test``.
        section: one section, or None for all.
        reveals: which metadata the protocol gives for each split.
    """
    import pandas as pd

    parts = []
    for store in sorted(stores, key=lambda store: store.machine):
        table = store.table.assign(row=np.arange(len(store.table)))
        parts.append(table[(table.split == split) & ((table.section == section) | (section is None))])
    rows = pd.concat(parts, ignore_index=True)
    for column in {"domain", "attributes"} - getattr(reveals, split):
        rows[column] = ""
    return rows


def content(rows: pd.DataFrame) -> str:
    """Digest of clips as a detector sees them: sound, machine, section, revealed metadata; whatever their order."""
    columns = ["clip_id", "digest", "machine", "section", "domain", "attributes"]
    return digest(sorted(rows[columns].astype(str).values.tolist()))


def as_clips(rows: pd.DataFrame, split: Split, classes: Classes) -> Clips:
    """The detector's view of `visible` rows."""
    if split == "train":
        class_id = classes.ids(rows)
        candidates: tuple[tuple[int, ...], ...] = tuple((int(number),) for number in class_id)
    else:
        class_id = np.full(len(rows), -1, dtype=np.int64)
        candidates = classes.candidates(rows.machine.tolist(), rows.section.tolist())
    text = {name: rows[name].to_numpy(dtype=str) for name in ("clip_id", "machine", "section", "domain", "attributes")}
    return Clips(**text, n_samples=rows.n_samples.to_numpy(np.int64), class_id=class_id, candidates=candidates)
