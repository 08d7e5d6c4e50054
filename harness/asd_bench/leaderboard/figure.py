"""The figure of a leaderboard: Ω of every complete row, as SVG.

Written by hand rather than by a plotting library: `--check` compares bytes, which must not depend on the version of a
library, and a diff of the file shows which mark moved. Colours are mid-tones that stand out on white and on black, the
background is left to the page: the same file serves GitHub's light and dark theme.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from asd_bench.leaderboard.standings import Board, Standing

#: Colours (after Okabe and Ito, evened in lightness) and shapes of machine types: either is enough to tell them apart.
_COLOURS = ("#e08a00", "#3d9be0", "#12a37b", "#b3a000", "#d0609b", "#d9622b", "#8a7ddb", "#7f8fa3", "#a8754f")
_SHAPES = ("circle", "square", "diamond", "triangle", "cross", "down", "bar")

_INK, _MUTED, _GRID, _ACCENT = "#7a8490", "#8b949e", "#8b949e", "#2f81f7"

_WIDTH, _MARGIN, _ROW, _HEADING, _TOP = 880, 16, 44, 30, 46
_VALUES = 96  # room for the printed numbers at the right
_LONGEST_LABEL = 30
_CHARACTER = 6.9  # mean width of a character at 13 px


def render_figure(board: Board) -> str:
    """The SVG file of a board with complete rows: each with its mean, standard deviation, interval, machine types."""
    groups = [("Ranked", [(f"{rank}  ", row) for rank, row in board.ranked])]
    groups += [(f"Profile {profile}: no rank", [("", row) for row in rows]) for profile, rows in board.profiles.items()]
    groups = [(title, rows) for title, rows in groups if rows]
    rows = [row for _, group in groups for _, row in group]
    scale = _Scale.over(board, rows, _label_width(groups))
    body, y = [], _TOP
    for title, group in groups:
        if len(groups) > 1:
            body.append(_text(_MARGIN, y + 20, title, "h"))
            y += _HEADING
        for rank, row in group:
            body += _row(board, row, rank, y, scale)
            y += _ROW
    legend, height = _legend(board, rows, y + 14)
    marks = [*_axis(board, scale, y), *body, *legend]
    return _SVG.format(
        width=_WIDTH,
        height=height,
        title=escape(f"{board.dataset}: {_title(board)}"),
        marks="\n".join(marks),
        **_PALETTE,
    )


class _Scale:
    """From a fraction to a position along the axis, and where its ticks are."""

    def __init__(self, low: float, high: float, left: float) -> None:
        self.left, self.right = left, _WIDTH - _MARGIN - _VALUES
        step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if (high - low) / step <= 9 or step == 0.2)
        self.low, self.high = math.floor(low / step) * step, math.ceil(high / step) * step
        self.ticks = [self.low + number * step for number in range(round((self.high - self.low) / step) + 1)]

    @classmethod
    def over(cls, board: Board, rows: Sequence[Standing], left: float) -> _Scale:
        """A scale that everything drawn fits on."""
        shown = [value for row in rows for value in _shown(board, row)] or [0.5, 1.0]
        low, high = min(shown), max(shown)
        return cls(low - 0.005, max(high + 0.005, low + 0.02), left)

    def __call__(self, value: float) -> float:
        return self.left + (self.right - self.left) * (value - self.low) / (self.high - self.low)


def _shown(board: Board, row: Standing) -> Iterator[float]:
    mean, sd, interval = row.mean("omega"), row.sd("omega") or 0.0, row.interval("omega")
    if mean is not None:
        yield from (mean - sd, mean + sd, *(interval or ()))
    yield from (value for machine in board.machines if (value := row.mean("omega", machine)) is not None)


def _title(board: Board) -> str:
    return "Ω" if board.score == "omega" else "Ω (ours; the ranking is by average AUC and pAUC)"


def _label(row: Standing) -> str:
    text = " ".join((row.system, *row.first.settings))
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def _label_width(groups: Sequence[tuple[str, Sequence[tuple[str, Standing]]]]) -> float:
    longest = max((len(rank + _label(row)) for _, rows in groups for rank, row in rows), default=10)
    return round(_MARGIN + longest * _CHARACTER + 18, 1)


# -- marks -------------------------------------------------------------------------------------------------------------


def _row(board: Board, row: Standing, rank: str, y: float, scale: _Scale) -> Iterator[str]:
    """One system: the mean with its uncertainty on the upper line, its machine types on the lower one."""
    mean, sd, interval = row.mean("omega"), row.sd("omega"), row.interval("omega")
    if mean is None:
        return
    upper, lower = y + 15, y + 31
    yield _text(_MARGIN, upper + 4, rank + _label(row), "l")
    if interval is not None:
        low, high = scale(interval[0]), scale(interval[1])
        yield f'<path class="i" d="M{low:.1f} {upper}H{high:.1f}M{low:.1f} {upper - 4}v8M{high:.1f} {upper - 4}v8"/>'
    if sd is not None:
        left, right = scale(mean - sd), scale(mean + sd)
        yield f'<rect class="s" x="{left:.1f}" y="{upper - 4}" width="{max(right - left, 1):.1f}" height="8" rx="2"/>'
    yield f'<circle class="a" cx="{scale(mean):.1f}" cy="{upper}" r="5"/>'
    spread = "" if sd is None else f" ± {100 * sd:.2f}"
    yield _text(_WIDTH - _MARGIN, upper + 4, f"{100 * mean:.2f}{spread}", "v")
    for number, machine in enumerate(board.machines):
        value = row.mean("omega", machine)
        if value is not None:
            yield _mark(number, scale(value), lower)


def _mark(number: int, x: float, y: float) -> str:
    """The mark of the machine type of that number."""
    x, y = round(x, 1), round(y, 1)
    paths = {
        "circle": f"M{x - 3.6:.1f} {y}a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z",
        "square": f"M{x - 3.3:.1f} {y - 3.3:.1f}h6.6v6.6h-6.6z",
        "diamond": f"M{x} {y - 4.6:.1f}l4.6 4.6l-4.6 4.6l-4.6 -4.6z",
        "triangle": f"M{x} {y - 4.3:.1f}l4.3 7.6h-8.6z",
        "cross": f"M{x - 1.4:.1f} {y - 4.2:.1f}h2.8v2.8h2.8v2.8h-2.8v2.8h-2.8v-2.8h-2.8v-2.8h2.8z",
        "down": f"M{x} {y + 4.3:.1f}l4.3 -7.6h-8.6z",
        "bar": f"M{x - 1.6:.1f} {y - 4.6:.1f}h3.2v9.2h-3.2z",
    }
    colour, shape = _COLOURS[number % len(_COLOURS)], _SHAPES[number % len(_SHAPES)]
    return f'<path fill="{colour}" fill-opacity=".9" d="{paths[shape]}"/>'


def _axis(board: Board, scale: _Scale, bottom: float) -> Iterator[str]:
    yield _text(scale.left, 18, f"{_title(board)}, percent", "h")
    for tick in scale.ticks:
        x = scale(tick)
        yield f'<path class="g" d="M{x:.1f} {_TOP - 4}V{bottom}"/>'
        yield _text(x, _TOP - 9, f"{100 * tick:.0f}", "t")


def _legend(board: Board, rows: Sequence[Standing], y: float) -> tuple[list[str], float]:
    """What the marks mean, in as many lines as they need; and the height of the figure."""
    level = f"{100 * rows[0].first.level:g} % interval over clips" if rows else ""
    entries = [
        ('<circle class="a" cx="{x:.1f}" cy="{y}" r="5"/>', "mean over seeds"),
        ('<rect class="s" x="{left:.1f}" y="{top}" width="14" height="8" rx="2"/>', "± sd over seeds"),
        ('<path class="i" d="M{left:.1f} {y}h14M{left:.1f} {top}v8m14 -8v8"/>', level),
    ]
    marks, x = [], float(_MARGIN)
    for mark, text in entries:
        marks.append(mark.format(x=x + 7, left=x, y=y, top=y - 4))
        marks.append(_text(x + 20, y + 4, text, "n"))
        x += 20 + len(text) * 6.2 + 22
    x, y = float(_MARGIN), y + 22
    for number, machine in enumerate(board.machines):
        width = 16 + len(machine) * 6.6 + 18
        if x + width > _WIDTH - _MARGIN:
            x, y = float(_MARGIN), y + 20
        marks += [_mark(number, x + 7, y), _text(x + 17, y + 4, machine, "n")]
        x += width
    return marks, round(y + 18)


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


_PALETTE = {"ink": _INK, "muted": _MUTED, "grid": _GRID, "accent": _ACCENT}

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>{title}</title>
<style>
text{{font:13px -apple-system,"Segoe UI","Noto Sans",Helvetica,Arial,sans-serif;fill:{ink};white-space:pre}}
.h{{font-weight:600}}.t{{font-size:11px;text-anchor:middle;fill:{muted}}}.n{{font-size:12px}}.m{{font-style:italic}}
.v{{text-anchor:end;font-variant-numeric:tabular-nums}}.g{{stroke:{grid};stroke-opacity:.25}}
.a{{fill:{accent}}}.s{{fill:{accent};fill-opacity:.4}}.i{{stroke:{muted};stroke-width:1.5;fill:none}}
</style>
{marks}
</svg>
"""
