"""``asd-bench data``: where datasets lie, what is in them, and making synthetic ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from asd_bench.cli import EXIT_FAILED_FITS, data_make
from asd_bench.cli.common import data_root_option, workspace_option
from asd_bench.cli.present import console, counted, print_json, step_progress

if TYPE_CHECKING:
    from asd_bench.specs import DatasetSpec

_EPILOG = """
\b
Examples:
  asd-bench data list
  asd-bench data steps dcase2023
  asd-bench data show dcase2023 --data-root FOLDER
  asd-bench data check dcase2023 --data-root FOLDER
  asd-bench data make synthetic2020 FOLDER --set dataset.seconds=5
  asd-bench data make --like dcase2020 --scale 0.02 FOLDER
"""

_SHOW_EPILOG = """
\b
Examples:
  asd-bench data show synthetic
  asd-bench data show dcase2023 --data-root FOLDER --json
"""

_LIST_EPILOG = """
\b
Examples:
  asd-bench data list
  asd-bench data list --data-root FOLDER

A FOLDER may hold several datasets, each in a folder of its own name; so may $ASD_BENCH_DATA.
"""

_CHECK_EPILOG = """
\b
Examples:
  asd-bench data check dcase2023 --data-root FOLDER

What is packed here is what asd-bench run would pack, and is not packed again.

Exit code: 0 all machine types can be used, 1 some cannot, 2 usage, or the dataset is not there.
"""

_STEPS_EPILOG = """
\b
Examples:
  asd-bench data steps dcase2023
"""


@click.group(epilog=_EPILOG)
def command() -> None:
    """Where datasets lie, what is in them, and making synthetic ones."""


command.add_command(data_make.command, "make")

set_option = click.option(
    "--set", "pairs", multiple=True, metavar="dataset.OPTION=VALUE", help="Change an option (asd-bench show DATASET)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")


@command.command("list", epilog=_LIST_EPILOG)
@data_root_option
@json_option
def list_places(data_root: Path | None, as_json: bool) -> None:
    """Where every dataset is on this machine."""
    from asd_bench.cli.data_display import print_places
    from asd_bench.cli.data_look import look_for
    from asd_bench.cli.list import declared
    from asd_bench.plugins import host

    plugins = host()
    places = [look_for(plugins, entry.spec, data_root) for entry in declared(plugins, "dataset")]
    if as_json:
        print_json([place.document() for place in places])
    else:
        print_places(console(), places)


@command.command(epilog=_SHOW_EPILOG)
@click.argument("dataset")
@data_root_option
@set_option
@workspace_option
@json_option
def show(dataset: str, data_root: Path | None, pairs: tuple[str, ...], workspace: Path, as_json: bool) -> None:
    """What is in a dataset, by its files' names: nothing is decoded. A synthetic one is made if it is not there."""
    from asd_bench.cli.data_display import print_survey
    from asd_bench.cli.data_look import dataset_layer, survey
    from asd_bench.plugins import host

    with step_progress() as progress:
        found = survey(host(), _spec(dataset), dataset_layer(pairs), data_root, workspace, progress)
    if as_json:
        print_json(found.document())
    else:
        print_survey(console(), found.document())


@command.command(epilog=_CHECK_EPILOG)
@click.argument("dataset")
@data_root_option
@set_option
@workspace_option
def check(dataset: str, data_root: Path | None, pairs: tuple[str, ...], workspace: Path) -> int:
    """Decode and pack every clip, and say everything that is wrong: unreadable, silent, doubled, missing."""
    from asd_bench.cli.data_check import check_dataset
    from asd_bench.cli.data_display import print_check
    from asd_bench.cli.data_look import dataset_layer
    from asd_bench.plugins import host
    from asd_bench.records import Workspace

    out = console()
    clips = usable = unusable = 0
    with step_progress() as progress:
        place = Workspace(workspace).ready().path
        for found in check_dataset(host(), _spec(dataset), dataset_layer(pairs), data_root, place, progress):
            print_check(out, found)
            if found.problems:
                unusable += 1
            elif found.clips:
                usable += 1
                clips += found.clips
    out.print(f"\n{counted(usable, 'machine type')} with {counted(clips, 'clip')} can be used, {unusable} cannot")
    return EXIT_FAILED_FITS if unusable else 0


@command.command(epilog=_STEPS_EPILOG)
@click.argument("dataset")
def steps(dataset: str) -> None:
    """The exact steps to get a dataset."""
    from asd_bench.cli.data_look import steps_to_get

    click.echo(f"{_spec(dataset).name}: {steps_to_get(_spec(dataset))}")


def _spec(dataset: str) -> DatasetSpec:
    from asd_bench.plugins import host

    return host().get("dataset", dataset).spec
