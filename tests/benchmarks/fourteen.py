"""A whole mel-knn run over 14 machine types of 84 clips: ``python fourteen.py AUDIO WORKSPACE``.

A dataset of the benchmark's own, declared as a plugin would.
"""

from __future__ import annotations

import sys
from pathlib import Path

from asd_bench import DatasetSpec, Reveals, hookimpl, threads

threads.apply(1)

MACHINES = {f"machine{number:02d}": ("00",) for number in range(14)}
TRAIN, TEST = 44, 40


@hookimpl
def asd_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="fourteen",
            summary="noise of 14 machine types",
            target=f"{__name__}:Reader",
            rule="2023",
            machines=MACHINES,
            n_train={(machine, "00"): TRAIN for machine in MACHINES},
            n_test={(machine, "00"): TEST for machine in MACHINES},
            reveals=Reveals(train=frozenset({"domain", "attributes"})),
        )
    ]


def write(root: Path) -> None:
    """White noise in the 2023 layout."""
    import numpy as np
    import soundfile

    draws = np.random.default_rng(0)
    for machine in MACHINES:
        names = [f"train/section_00_source_train_normal_{number:04d}_a_1.wav" for number in range(TRAIN)]
        names += [
            f"test/section_00_{domain}_test_{label}_{number:04d}_a_1.wav"
            for domain in ("source", "target")
            for label in ("normal", "anomaly")
            for number in range(TEST // 4)
        ]
        for name in names:
            path = root / machine / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, draws.integers(-3000, 3000, 160_000, dtype=np.int16), 16000, subtype="PCM_16")


def main(root: Path, workspace: Path) -> None:
    from asd_bench.cli.run_display import display_on
    from asd_bench.plugins import host
    from asd_bench.session import Request, Session

    host().register(sys.modules[__name__], "fourteen")
    request = Request(
        systems=("mel-knn",), datasets=("fourteen",), data_root=root, workspace=workspace, device="cpu", tracking=False
    )
    session = Session(request)
    with display_on(as_json=False) as display:
        session.prepare(display)
        report = session.run(display)
    assert not report.failures
    assert len(report.outcomes) == len(MACHINES)


def __getattr__(name: str) -> type:
    # The reader's base imports pandas, which declaring must not.
    if name != "Reader":
        raise AttributeError(name)
    from asd_bench.builtin.datasets.folders import FolderReader
    from asd_bench.builtin.datasets.naming import NAMING_2022

    class Reader(FolderReader):
        def __init__(self, spec, config) -> None:
            super().__init__(spec.name, NAMING_2022, spec.machines, evaluation={})

        def locate(self, root, cache, progress):
            return root

    return Reader


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
