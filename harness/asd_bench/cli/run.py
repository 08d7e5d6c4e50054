"""``asd-bench run``: fit systems, score them, track them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asd_bench.cli import EXIT_FAILED_FITS
from asd_bench.cli.common import Names, Seeds, data_root_option, tracking_option, workspace_option
from asd_bench.errors import BenchError

if TYPE_CHECKING:
    from asd_bench.session import Request

_EPILOG = """
\b
Examples:
  asd-bench run --system mel-knn --dataset synthetic
  asd-bench run --system mel-knn,mel-gmm --dataset dcase2023 --data-root FOLDER --machine ToyCar
  asd-bench run --system mel-knn --dataset synthetic --set knn.k=3 --seeds 0-4
  asd-bench run --suite configs/suites/mel.yaml --workers 2
  asd-bench run --system mel-knn --dataset synthetic --dry-run

Interrupted or killed, the same command goes on where it stopped; what is done is never done again.
Exit code: 0 all fits are well, 1 some failed, 2 usage or configuration.
"""


@click.command(epilog=_EPILOG)
@click.option("--system", "systems", type=Names(), help="Systems, separated by commas (asd-bench list systems).")
@click.option("--dataset", "datasets", type=Names(), help="Datasets, separated by commas (asd-bench list datasets).")
@click.option("--suite", type=click.Path(path_type=Path), help="YAML file of systems × datasets × seeds.")
@click.option("--machine", "machines", type=Names(), help="Score only these machine types.")
@click.option("--seeds", type=Seeds(), help="Seeds: 0,1,2 or 0-4.  [default: 0]")
@click.option("--profile", help="paper (the published schedule), quick (minutes) or smoke (seconds).  [default: paper]")
@click.option("--set", "pairs", multiple=True, metavar="PART.OPTION=VALUE", help="Change a value (asd-bench config).")
@click.option("--config", type=click.Path(path_type=Path), help="YAML file of values.")
@data_root_option
@workspace_option
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--executor",
    help="inline, process, streams (threads on one GPU), or a plugin's.  [default: by --workers and device]",
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Fits side by side.")
@click.option("--fit-timeout", type=click.FloatRange(min=0, min_open=True), help="Give a fit up after so many seconds.")
@click.option(
    "--on-existing",
    type=click.Choice(["skip", "rerun", "fail"]),
    default="skip",
    show_default=True,
    help="What to do about fits that are there already.",
)
@tracking_option
@click.option("--no-track", is_flag=True, help="Do not write to MLflow (asd-bench sync does it later).")
@click.option("--bundle", type=click.Path(path_type=Path), help="Also write this run's fits and results to a tar file.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON on standard output.")
def command(**options: Any) -> int:
    """Fit systems on a dataset, score them by its year's rules and track them in MLflow."""
    from asd_bench import threads

    # Before anything imports torch.
    threads.apply(options["workers"])
    from asd_bench.cli.run_display import display_on
    from asd_bench.session import Session

    session = Session(_request(options))
    with display_on(options["as_json"]) as display:
        session.prepare(display)
        if options["dry_run"]:
            display.plan(session)
            return 0
        report = session.run(display)
    display.summary(session, report)
    if options["as_json"]:
        click.echo(json.dumps(session.report_document(report), indent=1))
    return EXIT_FAILED_FITS if report.failures else 0


def _request(options: dict[str, Any]) -> Request:
    from asd_bench.config import layer_from_file, layer_from_pairs
    from asd_bench.session import Request, suite_of

    named = {name: options[name] for name in ("systems", "datasets", "seeds", "profile", "machines")}
    if options["suite"]:
        if named["systems"] or named["datasets"]:
            raise BenchError("--suite names systems and datasets itself: leave --system and --dataset out")
        suite = suite_of(options["suite"])
        named = {name: value if value is not None else suite.pop(name, None) for name, value in named.items()}
        layers = [suite["layer"]]
    else:
        layers = []
    for name, option in (("systems", "--system"), ("datasets", "--dataset")):
        if not named[name]:
            raise BenchError(f"{option} is missing", fix=f"asd-bench list {name}; or name a suite with --suite FILE")
    if options["config"]:
        layers.append(layer_from_file(options["config"]))
    layers.append(layer_from_pairs(options["pairs"]))
    return Request(
        systems=named["systems"],
        datasets=named["datasets"],
        seeds=named["seeds"] or (0,),
        profile=named["profile"] or "paper",
        machines=named["machines"] or None,
        layers=tuple(layers),
        **{
            name: options[name]
            for name in (
                "data_root",
                "workspace",
                "device",
                "executor",
                "workers",
                "fit_timeout",
                "on_existing",
                "bundle",
            )
        },
        tracking=not options["no_track"],
        tracking_uri=options["tracking_uri"],
    )
