"""Content keys: what was computed is found again by what it was computed from.

A key is the sha256 of canonical JSON: sorted keys, no white space, exact floats. Order of mappings, paths, devices and
worker counts are not part of it; every value that can change a number is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Version of the numerics in the core (decoding, packing, seeding, and what detectors share: training, scaling and
#: scoring): raise it when a score would change.
NUMERICS = 1

#: Version of what makes a result of scores (metrics, thresholds, intervals): raise it when a number would change.
METRICS = 1


def canonical(value: Any) -> str:
    """Canonical JSON of a value made of mappings, sequences, strings, numbers, booleans and None.

    Raises:
        TypeError: something else is inside, or a mapping key is no string.
        ValueError: a float is not finite.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """sha256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def file_content(path: Path) -> str:
    """What is in a file: ``sha256:`` and 16 digits of its digest."""
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def short(key: str) -> str:
    """The twelve digits by which a key names a folder and is shown."""
    return key[:12]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise TypeError(f"only strings can be keys of a keyed mapping, got {list(value)!r}")
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(item) for item in value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(f"{type(value).__name__} cannot be part of a key: {value!r}")
