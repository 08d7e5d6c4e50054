"""Pictures of a result: ROC curves of every machine type, and where the scores of every section lie."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asd_bench import records
from asd_bench.metrics.official import RocMetric, rule_of
from asd_bench.metrics.roc import MAX_FALSE_POSITIVE_RATE, roc_points
from asd_bench.specs import PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours after Okabe and Ito, who chose them to differ for colour-blind readers too.
_DOMAIN_COLOURS = {"source": "#0072B2", "target": "#D5699E"}
_SECTION_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D5699E", "#56B4E9", "#D55E00")
_NORMAL, _ANOMALY, _TRAINING = "#56B4E9", "#D55E00", "#C9D1D9"
_INK, _MUTED, _SHADE = "#24292F", "#6E7781", "#FFF3C4"

_FILL = 0.45
_DASHES = (0, (4, 2))
_LEGEND: dict[str, Any] = {
    "fontsize": 8,
    "title_fontsize": 8,
    "frameon": False,
    "handlelength": 1.3,
    "labelspacing": 0.25,
    "borderpad": 0.2,
}

_DPI = 110
#: Inches: what a panel takes, and the margins of a figure (left, right, top, bottom) and its least width.
_ROC_PANEL, _SCORE_PANEL = (2.65, 2.75), (2.65, 2.0)
_MARGINS = (0.7, 0.1, 0.95, 0.45)
_MIN_WIDTH = 6.2
_COLUMNS = 4

_BINS = 32
#: Scores beyond these quantiles of a section are counted in its outermost bins: some detectors' have endless tails.
_SHOWN_QUANTILES = (0.003, 0.997)


def draw_result(folder: Path) -> list[Path]:
    """Draw a result's pictures into its folder ``plots/``.

    Args:
        folder: of the result, with ``result.json``, ``scores.parquet`` and ``train_scores.parquet``.

    Returns:
        the PNG files: ``roc.png`` and ``scores.png``.

    Raises:
        BenchError: a record of the result is missing or damaged.
    """
    document = records.read_json(folder / "result.json")
    test = records.read_scores(folder / "scores.parquet")
    train = records.read_scores(folder / "train_scores.parquet")
    figures = {"roc.png": _roc_figure(document, test), "scores.png": _score_figure(document, test, train)}
    for name, figure in figures.items():
        with records.atomic(folder / "plots" / name) as work:
            figure.savefig(work, format="png", dpi=_DPI)
    return [folder / "plots" / name for name in figures]


# -- ROC curves --------------------------------------------------------------------------------------------------------


def _roc_figure(document: Mapping[str, Any], test: pd.DataFrame) -> Figure:
    """A panel per machine type, with the curves whose areas the year's rule takes."""
    machines = {str(machine): clips for machine, clips in test.groupby("machine")}
    figure, panels = _panels(f"ROC of {_title(document)}", len(machines), _ROC_PANEL, _COLUMNS)
    for panel, (machine, clips) in zip(panels, machines.items(), strict=True):
        panel.axvspan(0, MAX_FALSE_POSITIVE_RATE, color=_SHADE, linewidth=0)
        panel.plot([0, 1], [0, 1], color=_TRAINING, linewidth=0.8, linestyle=(0, (4, 3)))
        for metric in rule_of(document["rule"]).roc_metrics:
            if metric.kind == "auc" and metric.in_omega:
                _roc_curves(panel, metric, machine, clips, document["metrics"])
        panel.set(xlim=(0, 1), ylim=(0, 1.01), xticks=[0, 0.1, 0.5, 1], yticks=[0, 0.5, 1])
        panel.set_xticklabels(["0", "0.1", "0.5", "1"])
        panel.set_yticklabels(["0", "0.5", "1"])
        panel.legend(loc="lower right", title="AUC", alignment="right", **_LEGEND)
        _head(panel, machine, f"pAUC {100 * document['metrics']['machines'][machine]['pauc']:.1f}")
    explanation = "AUC and pAUC in percent; shaded: the false-positive rates that the pAUC covers"
    width, height = figure.get_size_inches()
    figure.text(0.12 / width, 1 - 0.4 / height, explanation, fontsize=8, color=_MUTED, va="top")
    _label_axes(figure, "false-positive rate", "true-positive rate")
    return figure


def _roc_curves(
    panel: Axes, metric: RocMetric, machine: str, clips: pd.DataFrame, values: Mapping[str, Mapping[str, Any]]
) -> None:
    """One metric's curves: a colour per section or, in years with domains, a colour per domain."""
    chosen = clips[metric.select(clips.label, clips.domain)]
    curves = {str(section): roc_points(rows.label, rows.score) for section, rows in chosen.groupby("section")}
    if metric.normals is None:
        for (section, curve), colour in zip(curves.items(), itertools.cycle(_SECTION_COLOURS), strict=False):
            label = f"{section}  {100 * values['sections'][f'{machine}/{section}'][metric.name]:.1f}"
            panel.plot(*curve, color=colour, linewidth=1.4, label=label)
        return
    colour = _DOMAIN_COLOURS[metric.normals]
    label = f"{metric.normals}  {100 * values['machines'][machine][metric.name]:.1f}"
    if len(curves) == 1:
        panel.plot(*curves.popitem()[1], color=colour, linewidth=1.6, label=label)
        return
    for curve in curves.values():
        panel.plot(*curve, color=colour, linewidth=0.8, alpha=0.4)
    rates = np.linspace(0, 1, 501)
    panel.plot(
        rates,
        np.mean([np.interp(rates, *curve) for curve in curves.values()], axis=0),
        color=colour,
        linewidth=1.8,
        label=label,
    )


# -- distributions of scores -------------------------------------------------------------------------------------------


def _score_figure(document: Mapping[str, Any], test: pd.DataFrame, train: pd.DataFrame) -> Figure:
    """A panel per section: the source domain upwards, the target domain downwards, training clips behind both."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    sections = {
        (str(machine), str(section)): clips for (machine, section), clips in test.groupby(["machine", "section"])
    }
    trained = {(str(machine), str(section)): rows for (machine, section), rows in train.groupby(["machine", "section"])}
    # Three sections fill a row of their own; one, two and four go evenly into rows of four.
    columns = 3 if test.groupby("machine").section.nunique().max() == 3 else _COLUMNS
    figure, panels = _panels(f"Scores of {_title(document)}", len(sections), _SCORE_PANEL, columns)
    for panel, (place, clips) in zip(panels, sections.items(), strict=True):
        threshold = document["thresholds"]["/".join(place)]["value"]
        _score_panel(panel, clips, trained[place].score.to_numpy(), threshold)
        _head(panel, " ".join(place))
    entries = [
        Patch(color=_TRAINING, label="training, normal"),
        Patch(color=_NORMAL, alpha=_FILL, label="test, normal"),
        Patch(color=_ANOMALY, alpha=_FILL, label="test, anomalous"),
        Line2D([], [], color=_INK, linewidth=1, linestyle=_DASHES, label="threshold"),
    ]
    width, height = figure.get_size_inches()
    below_title = (0.12 / width, 1 - 0.33 / height)
    figure.legend(handles=entries, loc="upper left", bbox_to_anchor=below_title, ncols=len(entries), **_LEGEND)
    _label_axes(figure, "anomaly score", "share of the clips of a kind")
    return figure


def _score_panel(panel: Axes, clips: pd.DataFrame, train: np.ndarray, threshold: float) -> None:
    shown = np.quantile(np.concatenate([clips.score.to_numpy(), train]), _SHOWN_QUANTILES)
    low, high = min(shown[0], threshold), max(shown[1], threshold)
    margin = 0.03 * (high - low) or 0.5
    edges = np.linspace(low - margin, high + margin, _BINS + 1)
    domains = sorted(clips.domain.unique())
    for domain in domains:
        direction = -1 if domain == "target" else 1
        of_domain = clips[clips.domain == domain]
        panel.stairs(direction * _shares(train, edges), edges, fill=True, color=_TRAINING, linewidth=0)
        for label, colour in ((0, _NORMAL), (1, _ANOMALY)):
            shares = direction * _shares(of_domain.score[of_domain.label == label].to_numpy(), edges)
            panel.stairs(shares, edges, fill=True, color=colour, alpha=_FILL, linewidth=0)
            panel.stairs(shares, edges, color=colour, linewidth=1.1)
        if domain:
            top = direction > 0
            panel.annotate(
                domain,
                (0.98, 0.97 if top else 0.03),
                xycoords="axes fraction",
                ha="right",
                va="top" if top else "bottom",
                fontsize=7.5,
                color=_MUTED,
            )
    panel.axhline(0, color=_MUTED, linewidth=0.6)
    panel.axvline(threshold, color=_INK, linewidth=1, linestyle=_DASHES)
    panel.set(xlim=(edges[0], edges[-1]), yticks=[])
    panel.locator_params(axis="x", nbins=4)


def _shares(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The share of the scores in each bin; those outside are counted in the outermost ones."""
    counts, _ = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)
    return counts / max(len(scores), 1)


# -- figures -----------------------------------------------------------------------------------------------------------


def _panels(title: str, number: int, size: tuple[float, float], columns: int) -> tuple[Figure, list[Axes]]:
    """A figure of panels in rows, drawn without pyplot: nothing global changes, and no display is needed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(number, columns)
    rows = -(-number // columns)
    left, right, top, bottom = _MARGINS
    width = max(left + columns * size[0] + right, _MIN_WIDTH)
    height = top + rows * size[1] + bottom
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.12 / width, y=1 - 0.12 / height, ha="left", va="top", fontsize=11, color=_INK)
    figure.subplots_adjust(
        left=left / width,
        right=(left + columns * size[0]) / width,
        top=1 - top / height,
        bottom=(bottom + 0.3) / height,
        wspace=0.2,
        hspace=0.4,
    )
    panels = []
    for position in range(number):
        panel = figure.add_subplot(rows, columns, position + 1)
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color(_MUTED)
        panel.tick_params(labelsize=7.5, colors=_MUTED, labelcolor=_INK, length=2.5)
        panels.append(panel)
    return figure, panels


def _label_axes(figure: Figure, x: str, y: str) -> None:
    width, height = figure.get_size_inches()
    place = figure.subplotpars
    figure.supxlabel(x, x=(place.left + place.right) / 2, y=0.1 / height, fontsize=9, color=_INK)
    figure.supylabel(y, x=0.12 / width, y=(place.bottom + place.top) / 2, fontsize=9, color=_INK)


def _head(panel: Axes, left: str, right: str = "") -> None:
    panel.set_title(left, loc="left", fontsize=9.5, fontweight="bold", color=_INK, pad=4)
    panel.set_title(right, loc="right", fontsize=8.5, color=_MUTED, pad=4)


def _title(document: Mapping[str, Any]) -> str:
    profile = "" if document["profile"] == PAPER else f", profile {document['profile']}"
    return f"{document['system']} on {document['dataset']}, seed {document['seed']}{profile}"
