"""``asd-bench data make``: made-up clips on disk, of a synthetic dataset or like a challenge year's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from click.core import ParameterSource

from asd_bench.cli.present import console, step_progress, text
from asd_bench.errors import BenchError

#: Options that concern clips like a challenge year's; a synthetic dataset has its own, see ``--set``.
_OF_LIKE = ("scale", "seconds", "seed")

_EPILOG = """
\b
Examples:
  asd-bench data make synthetic2023 FOLDER
  asd-bench data make synthetic2020 FOLDER --set dataset.n_train=5 --set dataset.snr_db=0
  asd-bench data make --like dcase2020 FOLDER
  asd-bench data make --like dcase2022 --scale 0.1 --seconds 5 --seed 7 FOLDER
  asd-bench data make --like dcase2023 --set dataset.additional=true FOLDER

Clips like a challenge year's are read as that year's dataset, but logged, stored and listed as dcase20YY-synthetic:
the file SYNTHETIC.json in the folder says that they are made up.
"""


@click.command(epilog=_EPILOG)
@click.argument("places", nargs=-1, metavar="[DATASET] FOLDER")
@click.option("--like", metavar="dcase20YY", help="Write clips in this year's layout instead of a synthetic DATASET.")
@click.option(
    "--scale",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.02,
    show_default=True,
    help="With --like: what the year's numbers of clips are multiplied by; at least a few of each group are made.",
)
@click.option("--seconds", type=click.FloatRange(1), default=10.0, show_default=True, help="With --like: clip length.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="With --like: seed of every clip.")
@click.option(
    "--set", "pairs", multiple=True, metavar="dataset.OPTION=VALUE", help="Change an option (asd-bench show DATASET)."
)
@click.pass_context
def command(
    context: click.Context,
    places: tuple[str, ...],
    like: str | None,
    scale: float,
    seconds: float,
    seed: int,
    pairs: tuple[str, ...],
) -> None:
    """Write made-up machine sounds to a folder: a synthetic DATASET, to listen to or to keep; or, with --like,
    sounds in a challenge year's official layout: its machine types, sections, folders, file names and, scaled, counts.
    """
    if len(places) != (2 if like is None else 1):
        wanted = "a DATASET and a FOLDER" if like is None else "a FOLDER only, beside --like"
        raise click.UsageError(f"It takes {wanted}.", context)
    if like is not None:
        _make_like(like, Path(places[0]), pairs, scale, seconds, seed)
        return
    for name in _OF_LIKE:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise BenchError(
                f"--{name} goes with --like; a synthetic dataset's options are set by --set",
                fix="asd-bench show DATASET lists them, for example --set dataset.seconds=5",
            )
    _make_synthetic(places[0], Path(places[1]), pairs)


def _make_synthetic(dataset: str, out: Path, pairs: tuple[str, ...]) -> None:
    from asd_bench.builtin.synthetic.dataset import clip_counts, write_dataset
    from asd_bench.builtin.synthetic.options import SyntheticConfig
    from asd_bench.cli.data_look import dataset_layer
    from asd_bench.config import resolve_dataset
    from asd_bench.plugins import host

    spec = host().get("dataset", dataset).spec
    config, _ = resolve_dataset(spec, [dataset_layer(pairs)])
    if not isinstance(config, SyntheticConfig):
        raise BenchError(
            f"{spec.name} is not synthetic and cannot be made",
            fix=f"asd-bench data steps {spec.name}, or made-up sounds: asd-bench data make --like {spec.name} {out}",
        )
    with _writing(out, spec.name) as progress:
        write_dataset(spec.rule, config, out, progress)
    n_clips = sum(train + test for train, test in clip_counts(spec.rule, config).values())
    _print_made(n_clips, config.seconds, out, spec.name, pairs)


def _make_like(dataset: str, out: Path, pairs: tuple[str, ...], scale: float, seconds: float, seed: int) -> None:
    from asd_bench.builtin.datasets.years import YEARS
    from asd_bench.builtin.synthetic.like import additional_like, groups_like
    from asd_bench.builtin.synthetic.options import SyntheticConfig
    from asd_bench.builtin.synthetic.sounds import Conditions
    from asd_bench.builtin.synthetic.writing import count_clips, write_clips
    from asd_bench.cli.data_look import dataset_layer
    from asd_bench.config import resolve_dataset
    from asd_bench.plugins import did_you_mean, host

    if dataset not in YEARS:
        raise BenchError(
            f"no challenge year's dataset is called '{dataset}'{did_you_mean(dataset, YEARS)}",
            where="--like",
            fix=f"the years are: {', '.join(YEARS)}",
        )
    year = YEARS[dataset]
    config, _ = resolve_dataset(host().get("dataset", dataset).spec, [dataset_layer(pairs)])
    groups = groups_like(year, scale)
    if config.additional:
        groups = {**groups, **additional_like(year, scale)}
    conditions = Conditions(seed=seed, seconds=seconds, snr_db=SyntheticConfig().snr_db)
    about = {"like": dataset, "scale": scale, **dataclasses.asdict(config), **dataclasses.asdict(conditions)}
    with _writing(out, f"{dataset}-synthetic") as progress:
        write_clips(year.year, groups, conditions, out, about, progress)
    n_clips = sum(train + test for train, test in count_clips(groups).values())
    _print_made(n_clips, seconds, out, dataset, pairs)


@contextmanager
def _writing(out: Path, name: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, and a word to the user where the folder cannot be written."""
    try:
        with step_progress() as progress:
            yield lambda done, total: progress(f"making {name}", done, total)
    except OSError as error:
        raise BenchError(f"the clips cannot be written: {error.strerror}", where=out) from error


def _print_made(n_clips: int, seconds: float, out: Path, dataset: str, pairs: tuple[str, ...]) -> None:
    use = ["asd-bench run --system mel-knn --dataset", dataset, "--data-root", str(out)]
    use += [f"--set {pair}" for pair in pairs]
    console().print(f"{n_clips:,} clips of {seconds:g} s in {text(out)}", soft_wrap=True)
    console().print(f"[dim]to use them: {text(' '.join(use))}[/]", soft_wrap=True)
