"""From the tidy table to a Markdown page. The page is a function of the table alone: same table, same bytes."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Mapping, Sequence

from asd_bench.leaderboard.markdown import NONE, best, bounds, code, emphasised, escape, percent, table
from asd_bench.leaderboard.standings import PAPERS_AVERAGE, Board, Standing
from asd_bench.leaderboard.table import ALL
from asd_bench.specs import PAPER

#: The metrics as the field writes them.
TITLES: Mapping[str, str] = {
    PAPERS_AVERAGE: "(AUC + pAUC) / 2",
    "omega": "Ω",
    "auc": "AUC",
    "auc_source": "AUC source",
    "auc_target": "AUC target",
    "pauc": "pAUC",
    "pauc_source": "pAUC source",
    "pauc_target": "pAUC target",
}


def render_page(board: Board, table_text: str) -> str:
    """The page of a dataset.

    Args:
        board: its leaderboard.
        table_text: the CSV file that the board was made from. The page names its digest, so that no change to a number
            goes unnoticed, however small.
    """
    notes = Notes(board)
    ranked = [row for _, row in board.ranked]
    parts = [
        f"<!-- Written by `asd-bench leaderboard` from data/{board.dataset}.csv: edit neither. -->",
        f"# {escape(board.dataset)}",
        _introduction(board),
    ]
    if board.has_figure:
        parts += [f"![Scores of the systems on {escape(board.dataset)}]({board.dataset}.svg)"]
    parts += ["## Ranking"]
    if ranked:
        parts += [_score_table(board, ranked, notes, [rank for rank, _ in board.ranked])]
        parts += ["### By machine type", _machine_table(board, ranked, notes)]
        parts += _section_table(board, ranked)
    else:
        parts += ["No result can be ranked yet."]
    for profile, rows in board.profiles.items():
        parts += [
            f"## Profile {escape(profile)}",
            f"Shortened runs ({code(f'--profile {profile}')}): complete, but not comparable with the published "
            "schedules, and so without a rank.",
            _score_table(board, rows, notes),
            _machine_table(board, rows, notes),
        ]
    if board.incomplete:
        parts += [
            "## Not ranked",
            "Nothing missing is averaged away: there is an overall number only where every section is there, and one "
            "of a machine type only where all of its sections are.",
            _incomplete_table(board, notes),
            _machine_table(board, board.incomplete, notes, mark_best=False),
        ]
    if notes.texts:
        parts += ["## Notes", "\n".join(f"{number}. {text}" for number, text in enumerate(notes.texts, 1))]
    parts += ["## Clips and classes", _data_table(board)]
    parts += ["## How to read the numbers", _reading(board)]
    parts += ["## How to make the rows again", _commands(board)]
    digest = hashlib.sha256(table_text.encode()).hexdigest()
    parts += [f"<sub>Rendered from [data/{board.dataset}.csv](data/{board.dataset}.csv), sha256 `{digest[:16]}`.</sub>"]
    return "\n\n".join(parts) + "\n"


def render_index(boards: Iterable[Board]) -> str:
    """The page that leads to all others."""
    rows = [
        [
            f"[{escape(board.dataset)}]({board.dataset}.md)",
            f"DCASE {board.rule.year}",
            TITLES[board.score],
            str(len(board.ranked)),
            str(len(board.standings) - len(board.ranked)),
            ", ".join(escape(row.system) for rank, row in board.ranked if rank == 1) or NONE,
            percent(board.ranked[0][1].mean(board.score)) if board.ranked else NONE,
        ]
        for board in boards
    ]
    head = ["Dataset", "Rule of", "Ranked by", "Ranked", "Not ranked", "First", "Its score"]
    parts = [
        "<!-- Written by `asd-bench leaderboard` from data/: do not edit. -->",
        "# Leaderboards",
        table(head, rows, head[3:5] + head[6:]) if rows else "There are no results yet.",
        "Each page is rendered from the table of the same name in [data](data), which holds every number in full and "
        "loads with `pandas.read_csv`. `asd-bench leaderboard` merges a workspace's results into the tables and "
        "renders the pages; `asd-bench leaderboard --check` fails where a page is not what its table renders to.",
    ]
    return "\n\n".join(parts) + "\n"


class Notes:
    """Footnotes of a page, numbered in the order in which they are first needed."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.texts: list[str] = []

    def name(self, row: Standing) -> str:
        """A row's system, with the numbers of its notes."""
        numbers = [self._number(text) for text in self._about(row)]
        return escape(self.board.title(row)) + (f" <sup>{' '.join(map(str, numbers))}</sup>" if numbers else "")

    def _number(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return 1 + self.texts.index(text)

    def _about(self, row: Standing) -> list[str]:
        texts = [escape(flag[:1].upper() + flag[1:]) + "." for flag in row.flags]
        if row.first.settings:
            texts.append("Changed from the published recipe: " + ", ".join(map(code, row.first.settings)) + ".")
        others = [machine for machine in row.first.trained_on if machine not in row.first.machines]
        if others:
            texts.append(f"Its fits of dataset scope trained on {escape(', '.join(others))} as well.")
        classes = {machine: row.classes(machine) for machine in row.first.machines}
        unusual = [f"{machine} {text}" for machine, text in classes.items() if text != self.board.classes(machine)]
        if unusual:
            texts.append(f"Other classes than in most rows: {escape(', '.join(unusual))}.")
        if self.board.has_other_data(row):
            texts.append(f"Scored on other clips than most ranked rows: data `{row.first.data}`.")
        return texts


# -- tables of scores --------------------------------------------------------------------------------------------------


def _score_table(board: Board, rows: Sequence[Standing], notes: Notes, ranks: Sequence[int] = ()) -> str:
    """Overall numbers: the score first, then its parts; under a mean its interval, where the page speaks of one."""
    metrics = list(dict.fromkeys((board.score, *board.parts, "omega")))
    titles = {metric: TITLES[metric] for metric in metrics}
    # The papers' average has no interval of its own; its two halves have.
    with_interval = ["omega"]
    if board.score != "omega":
        titles["omega"] = "Ω (ours)"
        with_interval = ["auc", "pauc", "omega"]
    for metric in with_interval:
        titles[metric] += f"<br>{_interval_title(rows)}"
    columns = []
    for metric in metrics:
        top = best([row.mean(metric) for row in rows])
        columns.append([_score_cell(row, metric, top, metric in with_interval) for row in rows])
    lines = [[notes.name(row), *cells, _seeds(row)] for row, *cells in zip(rows, *columns, strict=True)]
    head, numbers = ["System", *titles.values(), "Seeds"], list(titles.values())
    if not ranks:
        return table(head, lines, numbers)
    return table(["Rank", *head], [[str(n), *line] for n, line in zip(ranks, lines, strict=True)], ["Rank", *numbers])


def _score_cell(row: Standing, metric: str, best_printed: str | None, with_interval: bool) -> str:
    text = _with_sd(emphasised(row.mean(metric), best_printed), row.sd(metric))
    return f"{text}<br>{bounds(row.interval(metric))}" if with_interval else text


def _with_sd(text: str, sd: float | None) -> str:
    return text if sd is None else f"{text} ± {percent(sd)}"


def _interval_title(rows: Sequence[Standing]) -> str:
    return f"{100 * rows[0].first.level:g} % interval"


def _machine_table(board: Board, rows: Sequence[Standing], notes: Notes, mark_best: bool = True) -> str:
    """Numbers by machine type: a line per system, its metrics stacked in every cell."""
    machines = [machine for machine in board.machines if any(machine in row.first.machines for row in rows)]
    columns = [_stacks(board, rows, machine, ALL, mark_best) for machine in machines]
    titles = "<br>".join(TITLES[metric] for metric in board.parts)
    lines = [[notes.name(row), titles, *cells] for row, *cells in zip(rows, *columns, strict=True)]
    head = [escape(machine) for machine in machines]
    return table(["System", "", *head], lines, head)


def _section_table(board: Board, rows: Sequence[Standing]) -> list[str]:
    """Numbers by section, folded away, where a machine type has more than one: a line per section."""
    places = [(machine, section) for machine in board.machines for section in board.sections(machine)]
    if len(places) == len(board.machines):
        return []
    titles = "<br>".join(TITLES[metric] for metric in board.parts)
    lines = [
        [f"{escape(machine)} {escape(section)}", titles, *_stacks(board, rows, machine, section)]
        for machine, section in places
    ]
    head = [f"{rank}. {escape(row.system)}" for rank, row in board.ranked]
    return ["<details><summary>By section</summary>", table(["Section", "", *head], lines, head), "</details>"]


def _stacks(board: Board, rows: Sequence[Standing], machine: str, section: str, mark_best: bool = True) -> list[str]:
    """One cell per row: its metrics of a machine type or section, the best of each bold."""
    columns = []
    for metric in board.parts:
        means = [row.mean(metric, machine, section) for row in rows]
        top = best(means) if mark_best else None
        sds = [row.sd(metric, machine, section) for row in rows]
        columns.append([_with_sd(emphasised(mean, top), sd) for mean, sd in zip(means, sds, strict=True)])
    cells = zip(*columns, strict=True)
    return [NONE if set(cell) == {NONE} else "<br>".join(cell) for cell in cells]


def _incomplete_table(board: Board, notes: Notes) -> str:
    lines = [
        [
            notes.name(row),
            escape("; ".join(row.shortcomings)) or "incomplete",
            _n_of(row.first.overall.train_clips, row.first.overall.train_clips_published),
            _n_of(row.first.overall.test_clips, row.first.overall.test_clips_published),
            percent(row.mean("omega")),
            _seeds(row),
        ]
        for row in board.incomplete
    ]
    head = ["System", "Why", "Training clips", "Test clips", "Ω", "Seeds"]
    return table(head, lines, head[2:5])


def _n_of(number: int | None, published: int | None) -> str:
    return f"{number or 0}" if published is None else f"{number or 0}/{published}"


# -- what the numbers are ----------------------------------------------------------------------------------------------


def _introduction(board: Board) -> str:
    if board.score == "omega":
        *parts, last = (TITLES[metric] for metric in board.parts)
        ranked_by = (
            f"Ranked by the official score **Ω**, the harmonic mean of {', '.join(parts)} and {last} over all sections."
        )
    else:
        ranked_by = (
            "Ranked by the mean of the papers' two averages, **(AUC + pAUC) / 2**: each is the arithmetic mean over a "
            f"machine type's sections (machine IDs), then over machine types. {board.rule.year} has no official Ω; the "
            "one shown is ours, the harmonic mean of all AUC and pAUC values."
        )
    made_up = " The sounds are made up: the numbers say nothing about real machines." if board.synthetic else ""
    return (
        f"Anomalous sound detection, scored by the rule of the DCASE {board.rule.year} Challenge Task 2.{made_up} "
        f"{ranked_by} All numbers are percentages; higher is better, and for AUC and pAUC 50 is chance."
    )


def _data_table(board: Board) -> str:
    """What each machine type consists of, by the dataset's publication where that says."""
    lines = []
    for machine in board.machines:
        line = board.standings[0].first.line(machine)
        train, test = (None, None) if line is None else (line.train_clips_published, line.test_clips_published)
        if line is not None and train is None:
            train, test = line.train_clips, line.test_clips
        sections = escape(", ".join(board.sections(machine)))
        lines.append([escape(machine), sections, str(train or NONE), str(test or NONE), escape(board.classes(machine))])
    head = ["Machine type", "Sections", "Training clips", "Test clips", "Classes"]
    return table(head, lines, head[2:4])


def _reading(board: Board) -> str:
    level = _interval_title(board.standings)
    return "\n".join(
        [
            "- **±** is the sample standard deviation over the seeds. Every seed counts; none is picked. A row of a "
            "single seed has no ±: it says nothing about how much luck was in it.",
            f"- **{level}** is a bootstrap percentile interval over test clips, its ends averaged over the seeds: how "
            "far the number depends on which clips happened to be recorded.",
            "- **Overlapping intervals**: nothing is claimed about which of the two systems is better, whatever their "
            "ranks. Ranks order the means and no more.",
            "- **Bold** is the best of a column as printed, not a claim of significance.",
            f"- **AUC** and **pAUC** (false-positive rates up to 0.1, standardised after McClish) of several sections "
            f"are their {board.rule.mean} mean; numbers of several seeds are averaged arithmetically.",
            "- **Classes** are the groups of training clips that discriminative detectors tell apart.",
        ]
    )


def _commands(board: Board) -> str:
    lines = []
    for row in board.standings:
        keys = " ".join(result.key for result in row.results)
        trained_on = "all machine types" if row.first.trained_on == board.machines else " ".join(row.first.trained_on)
        lines += [f"# trained on {trained_on}; results {keys}", command_of(board, row), ""]
    return "```sh\n" + "\n".join(lines[:-1]) + "\n```"


def command_of(board: Board, row: Standing) -> str:
    """The command that makes a row again."""
    dataset = board.dataset.removesuffix("-synthetic")
    words = ["asd-bench", "run", "--system", row.system, "--dataset", dataset, "--seeds", seed_list(row.seeds)]
    if dataset != board.dataset:
        # Made-up sounds in the layout of a real year: only the user knows where they lie.
        words += ["--data-root", "FOLDER"]
    if row.profile != PAPER:
        words += ["--profile", row.profile]
    if row.first.machines != board.machines:
        words += ["--machine", ",".join(row.first.machines)]
    for setting in row.first.settings:
        words += ["--set", setting]
    return shlex.join(words)


def seed_list(seeds: Sequence[int]) -> str:
    """Seeds as ``--seeds`` takes them: ``0``, ``0-4`` or ``0,2,5``."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds))


def _seeds(row: Standing) -> str:
    return f"{len(row.seeds)} ({seed_list(row.seeds)})"
