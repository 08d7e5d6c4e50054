"""``asd-bench sync``: deliver records to the tracking store."""

from __future__ import annotations

from pathlib import Path

import click

from asd_bench.cli import EXIT_FAILED_FITS
from asd_bench.cli.common import tracking_option, workspace_option

_EPILOG = """
\b
Examples:
  asd-bench sync                        after asd-bench run --no-track, or when the store could not be reached
  asd-bench sync cluster.tar            what asd-bench run --bundle cluster.tar brought from another machine
  asd-bench sync --tracking-uri https://mlflow.example.org

Everything is delivered once: what the store has already is left as it is, so that the command can be repeated.
Exit code: 0 all delivered, 1 some records could not be read, 2 usage, or the store cannot be used.
"""


@click.command(epilog=_EPILOG)
@click.argument("bundles", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="[BUNDLE…]")
@workspace_option
@tracking_option
def command(bundles: tuple[Path, ...], workspace: Path, tracking_uri: str | None) -> int:
    """Deliver to the tracking store what the workspace holds and the store lacks.

    BUNDLE is a tar file that asd-bench run --bundle wrote; its fits and results are put into the workspace first.
    """
    from rich.console import Console
    from rich.progress import Progress

    from asd_bench.records import Workspace, unpack_bundle
    from asd_bench.tracking import default_uri, deliver, shown

    console = Console(highlight=False)
    place = Workspace(workspace).ready()
    for bundle in bundles:
        fits, results = unpack_bundle(bundle, place)
        console.print(f"{bundle.name}: {len(fits)} fits, {len(results)} results", markup=False)
    uri = tracking_uri or default_uri(place.path)
    all_fits, all_results = place.all_fits(), place.all_results()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("delivering", total=len(all_fits) + len(all_results))
        delivery = deliver(uri, place, all_fits, all_results, lambda: progress.advance(task))
    for problem in delivery.problems:
        console.print(f"left out: {problem}", markup=False)
    unfinished = f", {delivery.unfinished} fits unfinished" if delivery.unfinished else ""
    console.print(
        f"delivered {delivery.fits} fits and {delivery.results} results to {shown(uri)}; "
        f"{delivery.known} were there already{unfinished}",
        markup=False,
        soft_wrap=True,
    )
    return EXIT_FAILED_FITS if delivery.problems else 0
