"""``make bench``: one line per measurement."""

from __future__ import annotations

import sys
import tempfile
from itertools import chain
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from asd_bench import threads

# As every entry point does, before torch is imported.
threads.apply(1)

import back_ends  # noqa: E402
import data_path  # noqa: E402
import training_loop  # noqa: E402
import trainings  # noqa: E402


def main() -> None:
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    print(f"{torch.get_num_threads()} threads, {device}, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for measured in chain(
            data_path.packing(folder / "packing"),
            data_path.log_mel(),
            training_loop.autoencoder(folder / "autoencoder"),
            trainings.measure(folder / "trainings"),
            back_ends.measure(),
            data_path.whole_run(folder / "whole"),
        ):
            print(measured, flush=True)


if __name__ == "__main__":
    main()
