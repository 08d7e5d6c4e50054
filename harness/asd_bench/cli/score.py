"""``asd-bench score``: challenge submissions, by the organisers' rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asd_bench.cli.present import console, print_json
from asd_bench.errors import BenchError

if TYPE_CHECKING:
    from asd_bench.submissions.names import Phase, SubmissionYear
    from asd_bench.submissions.scoring import ScoredSystem
    from asd_bench.submissions.truth import Truth

EXIT_INCOMPLETE = 1

_EPILOG = """
\b
Examples:
  asd-bench score --dataset dcase2022 --ground-truth dcase2022_evaluator teams
  asd-bench score --dataset dcase2020 --ground-truth dcase2020_task2_evaluator task2/My_Lab_task2_1
  asd-bench score --dataset dcase2023 --phase dev results/dev_data/baseline_MSE
  asd-bench score --dataset dcase2024 --ground-truth dcase2024_task2_evaluator teams --csv results --json

Clips are paired with the ground truth by name; the official evaluators pair them by position and would not notice a
wrong name. Development clips carry their labels in their names and need no ground truth. For evaluation data DIR is a
clone of the year's evaluator: it holds eval_data_list.csv (2020) or the folder ground_truth_data and, from 2022 on,
ground_truth_domain. asd-bench comes with no ground truth: its licence does not allow that.

Exit code: 0 every system is scored and complete, 1 something is missing or malformed, 2 usage.
"""


@click.command(epilog=_EPILOG)
@click.argument("submissions", metavar="SUBMISSION...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dataset", required=True, metavar="dcase20YY", help="The challenge year, dcase2020 to dcase2026.")
@click.option(
    "--phase", type=click.Choice(["dev", "eval"]), default="eval", show_default=True, help="Which of its test data."
)
@click.option(
    "--ground-truth", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the organisers' ground truth."
)
@click.option(
    "--csv",
    "csv_folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write a CSV per system, laid out as the official evaluator's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON on standard output.")
def command(
    submissions: tuple[Path, ...],
    dataset: str,
    phase: Phase,
    ground_truth: Path | None,
    csv_folder: Path | None,
    as_json: bool,
) -> int:
    """Score challenge submissions by the organisers' rules, 2020 to 2026.

    A SUBMISSION is a folder with a system's score and decision files (anomaly_score_….csv, decision_result_….csv), or
    one that holds such folders at any depth; each is one system.
    """
    from asd_bench.submissions.find import find_systems
    from asd_bench.submissions.names import year_of
    from asd_bench.submissions.scoring import score_system

    year = year_of(dataset)
    systems = find_systems(year, submissions)
    truth = _truth(year, phase, ground_truth)
    scored: list[ScoredSystem] = []
    failures: dict[str, BenchError] = {}
    for system in systems:
        # One malformed submission keeps nobody else from a result.
        try:
            scored.append(score_system(year, phase, truth, system))
        except BenchError as error:
            failures[system.name] = error
    files = _write(csv_folder, scored) if csv_folder else []
    if as_json:
        print_json(_document(year, phase, scored, failures))
    else:
        _print(scored, failures, files)
    return 0 if not failures and all(each.is_complete for each in scored) else EXIT_INCOMPLETE


def _truth(year: SubmissionYear, phase: Phase, folder: Path | None) -> Truth | None:
    from asd_bench.submissions.truth import read_truth

    if folder is not None:
        return read_truth(year, phase, folder)
    if phase == "eval":
        raise BenchError(
            f"--ground-truth is missing: the names of {year.dataset}'s evaluation clips do not tell their labels",
            fix=f"get the ground truth from {year.evaluator} and name its folder; development data: --phase dev",
        )
    return None


def _write(folder: Path, scored: list[ScoredSystem]) -> list[Path]:
    from asd_bench.submissions.official_csv import write_csv

    try:
        return [write_csv(folder, each) for each in scored]
    except OSError as error:
        raise BenchError(f"the CSV cannot be written: {error.strerror}", where=error.filename or folder) from error


def _print(scored: list[ScoredSystem], failures: dict[str, BenchError], files: list[Path]) -> None:
    from asd_bench.cli.score_display import print_comparison, print_failure, print_system

    out = console()
    for each in scored:
        print_system(out, each)
    for name, error in failures.items():
        print_failure(out, name, error)
    if len(scored) > 1:
        print_comparison(out, scored)
    for path in files:
        out.print(f"wrote {path}", markup=False, soft_wrap=True)


def _document(
    year: SubmissionYear, phase: Phase, scored: list[ScoredSystem], failures: dict[str, BenchError]
) -> dict[str, Any]:
    from asd_bench.submissions.report import document

    return {
        "dataset": year.dataset,
        "phase": phase,
        "rule": year.rule.year,
        "systems": [document(each) for each in scored],
        "failures": [
            {"system": name, "what": error.what, "where": error.where, "fix": error.fix}
            for name, error in failures.items()
        ],
    }
