"""The hash of a plugin's code: it enters keys, so that changed code is never answered with an old result."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def source_of(module: Any, targets: Iterable[str] = ()) -> str:
    """sha256 over the Python files that a declaration and its lazy targets stand for.

    Of a plugin that is the whole top-level package of each, or the file of a single module. Of the core it is the
    module itself, with what lies below it if it is a package: the rest of the core has its versions.

    Args:
        module: the plugin's entry module, or an object that a module of its defines.
        targets: lazy names ``"package.module:Class"``.
    """
    entry = module if inspect.ismodule(module) else inspect.getmodule(module)
    names = {entry.__name__} if entry is not None else set()
    names |= {target.partition(":")[0] for target in targets}
    digest = hashlib.sha256()
    for file, name in sorted((file, name) for root in map(_root, names) for file, name in _files(root)):
        digest.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _root(module: str) -> str:
    top = module.partition(".")[0]
    return module if top == "asd_bench" else top


def _files(module: str) -> set[tuple[Path, str]]:
    """The files of a module or package, with names that do not depend on where it lies."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        # A target that is not there is an error when it is loaded, with its cause.
        spec = None
    if spec is None:
        return set()
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = {
        (path, f"{module}/{path.relative_to(folder).as_posix()}") for folder in folders for path in folder.rglob("*.py")
    }
    return files or ({(Path(spec.origin), f"{module}.py")} if spec.origin else set())
