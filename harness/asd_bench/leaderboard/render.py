"""From the tidy table to a Markdown page. The page is a function of the table alone: same table, same bytes."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Mapping, Sequence

from asd_bench.leaderboard.markdown import NONE, best, bounds, code, emphasised, escape, percent, table
from asd_bench.leaderboard.standings import PAPERS_AVERAGE, Board, Standing
from asd_bench.leaderboard.table import ALL, Line
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
        f"![Scores of the systems on {escape(board.dataset)}]({board.dataset}.svg)",
        "## Ranking",
    ]
    if ranked:
        parts += [_score_table(board, ranked, notes, [rank for rank, _ in board.ranked])]
        parts += ["### By machine type", _legend(board), _machine_table(board, ranked, notes)]
        parts += _section_table(board, ranked)
    else:
        parts += ["No result can be ranked yet."]
    for profile, rows in board.profiles.items():
        parts += [
            f"## Profile {escape(profile)}",
            f"Shortened runs ({code(f'--profile {profile}')}): complete, but not comparable with the published "
            "schedules, and so without a rank.",
            _score_table(board, rows, notes),
            _legend(board),
            _machine_table(board, rows, notes),
        ]
    if board.incomplete:
        parts += [
            "## Not ranked",
            "Nothing missing is averaged away: there is an overall number only where every section is there, and one "
            "of a machine type only where all of its sections are.",
            _incomplete_table(board, notes),
            _legend(board),
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
        return escape(row.system) + (f" <sup>{' '.join(map(str, numbers))}</sup>" if numbers else "")

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
        if _classes(row) != _classes(self.board.standings[0]):
            texts.append(f"Trained with other classes: {_class_list(row)}.")
        if self.board.has_other_data(row):
            texts.append(f"Scored on other clips than most ranked rows: data `{row.first.data}`.")
        return texts


# -- tables of scores --------------------------------------------------------------------------------------------------


def _score_table(board: Board, rows: Sequence[Standing], notes: Notes, ranks: Sequence[int] = ()) -> str:
    """Overall numbers: the score first, then its parts."""
    metrics = list(dict.fromkeys((board.score, *board.parts, "omega")))
    # The papers' average has no interval of its own; its two halves have.
    with_interval = {"omega"} if board.score == "omega" else {"auc", "pauc", "omega"}
    titles = {metric: TITLES[metric] for metric in metrics}
    if board.score != "omega":
        titles["omega"] = "Ω (ours)"
    head, columns = [], []
    for metric in metrics:
        means = [row.mean(metric) for row in rows]
        head.append(titles[metric])
        columns.append([_mean_and_sd(row, metric, best(means)) for row in rows])
        if metric in with_interval:
            head.append(_interval_title(rows))
            columns.append([bounds(row.interval(metric)) for row in rows])
    lines = [[notes.name(row), *cells, _seeds(row)] for row, *cells in zip(rows, *columns, strict=True)]
    if not ranks:
        return table(["System", *head, "Seeds"], lines, head)
    lines = [[str(rank), *line] for rank, line in zip(ranks, lines, strict=True)]
    return table(["Rank", "System", *head, "Seeds"], lines, ["Rank", *head])


def _mean_and_sd(row: Standing, metric: str, best_printed: str | None) -> str:
    mean, sd = emphasised(row.mean(metric), best_printed), row.sd(metric)
    return mean if sd is None else f"{mean} ± {percent(sd)}"


def _interval_title(rows: Sequence[Standing]) -> str:
    return f"{100 * rows[0].first.level:g} % interval"


def _machine_table(board: Board, rows: Sequence[Standing], notes: Notes, mark_best: bool = True) -> str:
    """Numbers by machine type, those of a machine type in one cell as papers print them."""
    machines = [machine for machine in board.machines if any(machine in row.first.machines for row in rows)]
    cells = [_cells(rows, board.parts, machine, ALL, mark_best) for machine in machines]
    lines = [[notes.name(row), *line] for row, *line in zip(rows, *cells, strict=True)]
    return table(["System", *map(escape, machines)], lines, [escape(machine) for machine in machines])


def _section_table(board: Board, rows: Sequence[Standing]) -> list[str]:
    """Numbers by section, folded away, where a machine type has more than one."""
    places = [(machine, section) for machine in board.machines for section in board.sections(machine)]
    if len(places) == len(board.machines):
        return []
    lines = [
        [f"{escape(machine)} {escape(section)}", *_cells(rows, board.parts, machine, section)]
        for machine, section in places
    ]
    head = [f"{rank}. {escape(row.system)}" for rank, row in board.ranked]
    return ["<details><summary>By section</summary>", table(["Section", *head], lines, head), "</details>"]


def _cells(
    rows: Sequence[Standing], metrics: Sequence[str], machine: str, section: str, mark_best: bool = True
) -> list[str]:
    """One cell per row: its metrics of a machine type or section, the best of each bold."""
    means = {metric: [row.mean(metric, machine, section) for row in rows] for metric in metrics}
    tops = {metric: best(means[metric]) if mark_best else None for metric in metrics}
    lines = zip(*([emphasised(mean, tops[metric]) for mean in means[metric]] for metric in metrics), strict=True)
    return [NONE if set(line) == {NONE} else "/".join(line) for line in lines]


def _incomplete_table(board: Board, notes: Notes) -> str:
    lines = [
        [
            notes.name(row),
            escape(row.profile),
            escape("; ".join(row.shortcomings)) or "incomplete",
            _n_of(row.first.overall.train_clips, row.first.overall.train_clips_published),
            _n_of(row.first.overall.test_clips, row.first.overall.test_clips_published),
            percent(row.mean("omega")),
            _seeds(row),
        ]
        for row in board.incomplete
    ]
    head = ["System", "Profile", "Why", "Training clips", "Test clips", "Ω", "Seeds"]
    return table(head, lines, head[3:6])


def _n_of(number: int | None, published: int | None) -> str:
    return f"{number or 0}" if published is None else f"{number or 0}/{published}"


# -- what the numbers are ----------------------------------------------------------------------------------------------


def _introduction(board: Board) -> str:
    if board.score == "omega":
        parts = ", ".join(TITLES[metric] for metric in board.parts)
        ranked_by = f"Ranked by the official score **Ω**: the harmonic mean of {parts} of every section."
    else:
        ranked_by = (
            "Ranked by the mean of the papers' two averages, **(AUC + pAUC) / 2**: each is the arithmetic mean over a "
            f"machine type's sections (machine IDs), then over machine types. {board.rule.year} has no official Ω; the "
            "one shown is ours, the harmonic mean of all AUC and pAUC values."
        )
    return (
        f"Anomalous sound detection, scored by the rule of the DCASE {board.rule.year} Challenge Task 2. {ranked_by} "
        "All numbers are percentages; higher is better, and for AUC and pAUC 50 is chance."
    )


def _legend(board: Board) -> str:
    parts = " / ".join(TITLES[metric] for metric in board.parts)
    return f"{parts}: {board.rule.mean} means over a machine type's sections, arithmetic means over seeds."


def _data_table(board: Board) -> str:
    """What each machine type consists of, by the dataset's publication."""
    row = board.standings[0]
    lines = []
    for machine in board.machines:
        line = row.first.line(machine)
        if line is not None:
            train = line.train_clips if line.train_clips_published is None else line.train_clips_published
            test = line.test_clips if line.test_clips_published is None else line.test_clips_published
            sections = ", ".join(board.sections(machine))
            lines.append([escape(machine), escape(sections), str(train or 0), str(test or 0), _class_cell(line)])
    head = ["Machine type", "Sections", "Training clips", "Test clips", "Classes"]
    return table(head, lines, head[2:4])


def _classes(row: Standing) -> dict[str, str]:
    """How many classes the training clips of each scored machine type form, and by which rule."""
    lines = [line for line in row.first.lines if line.section == ALL and line.machine in row.first.machines]
    return {line.machine: _class_cell(line) for line in lines}


def _class_cell(line: Line) -> str:
    return NONE if line.classes is None else f"{line.classes} by {escape(line.class_rule)}"


def _class_list(row: Standing) -> str:
    return ", ".join(f"{escape(machine)} {classes}" for machine, classes in _classes(row).items())


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
            "- **Classes** are the groups of training clips that discriminative detectors tell apart.",
        ]
    )


def _commands(board: Board) -> str:
    lines = []
    for row in board.standings:
        keys = " ".join(result.key for result in row.results)
        lines += [f"# trained on {' '.join(row.first.trained_on)}; results {keys}", command_of(board, row), ""]
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
