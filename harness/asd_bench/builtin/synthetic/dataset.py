"""The synthetic datasets: which clips each has. Another year is another entry in `options.SYNTHETIC_YEARS`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from asd_bench.builtin.synthetic.layouts import Group
from asd_bench.builtin.synthetic.options import SYNTHETIC_YEARS, Synthetic2023Config, SyntheticConfig
from asd_bench.builtin.synthetic.sounds import Conditions
from asd_bench.builtin.synthetic.writing import Groups, count_clips, write_clips
from asd_bench.errors import BenchError


def clip_counts(year: str, config: SyntheticConfig) -> dict[tuple[str, str], tuple[int, int]]:
    """(machine, section) -> numbers of training and of test clips."""
    return count_clips(_groups(year, config))


def write_dataset(
    year: str,
    config: SyntheticConfig,
    root: Path,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> None:
    """Write a year's synthetic dataset: WAV files, attribute tables and, when all is there, the marker file.

    Args:
        year: one of `asd_bench.builtin.synthetic.options.SYNTHETIC_YEARS`.
        config: of the class that belongs to the year.
        root: folder of the dataset; what an interrupted run left there is written again.
        progress: called with the numbers of clips written and of all clips.
        workers: threads; by default one per core.

    Raises:
        BenchError: the folder holds other clips, or the config asks for the impossible.
    """
    conditions = Conditions(seed=config.seed, seconds=config.seconds, snr_db=config.snr_db)
    about = {"config": dataclasses.asdict(config)}
    write_clips(year, _groups(year, config), conditions, root, about, progress, workers)


def _groups(year: str, config: SyntheticConfig) -> Groups:
    try:
        machines = SYNTHETIC_YEARS[year].machines
    except KeyError:
        known = ", ".join(SYNTHETIC_YEARS)
        raise BenchError(f"There is no synthetic dataset {year!r}.", fix=f"Choose one of {known}.") from None
    groups = _of_two_domains(config) if isinstance(config, Synthetic2023Config) else _of_one_domain(config)
    return {(machine, section): groups for machine, sections in machines.items() for section in sections}


def _of_one_domain(config: SyntheticConfig) -> tuple[Group, ...]:
    return (
        Group("train", "source", "normal", config.n_train),
        Group("test", "source", "normal", config.n_normal),
        Group("test", "source", "anomaly", config.n_anomaly),
    )


def _of_two_domains(config: Synthetic2023Config) -> tuple[Group, ...]:
    if config.n_target_train > config.n_train:
        raise BenchError(
            f"n_target_train ({config.n_target_train}) is more than n_train ({config.n_train}), of which it is a part.",
            fix="Lower n_target_train or raise n_train.",
        )
    return (
        Group("train", "source", "normal", config.n_train - config.n_target_train),
        Group("train", "target", "normal", config.n_target_train),
        Group("test", "source", "normal", config.n_normal - config.n_normal // 2),
        Group("test", "target", "normal", config.n_normal // 2),
        Group("test", "source", "anomaly", config.n_anomaly - config.n_anomaly // 2),
        Group("test", "target", "anomaly", config.n_anomaly // 2),
    )
