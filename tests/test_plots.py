"""Pictures of results."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib import image, rcParams
from sklearn.metrics import auc as area

from asd_bench import plots
from asd_bench.errors import BenchError
from asd_bench.metrics import official


def write_result(folder, rule, sections, n_clips=12, spread=1.0):
    """A result's folder as `draw_result` finds it.

    Args:
        sections: machine type -> its sections.
        spread: of the scores; 0 makes them constant.
    """
    rng = np.random.default_rng(0)
    year = official.rule_of(rule)
    rows = [
        (f"{machine}-{section}-{domain}-{label}-{number}", machine, section, domain, label)
        for machine, names in sections.items()
        for section in names
        for domain in year.domains
        for label in (0, 1)
        for number in range(n_clips)
    ]
    test = pd.DataFrame(rows, columns=["clip_id", "machine", "section", "domain", "label"])
    test["score"] = spread * (test.label + rng.normal(size=len(test)))
    test["decision"] = (test.score > 1).astype(int)
    train = test[test.label == 0][["clip_id", "machine", "section", "score"]]
    evaluation = official.evaluate(year, test)
    of_machines, of_sections = evaluation.machines, evaluation.sections
    document = {
        "rule": rule,
        "system": "knn",
        "dataset": "toy",
        "seed": 3,
        "profile": "quick",
        "thresholds": {f"{m}/{s}": {"value": 1.0, "method": "gamma"} for m, names in sections.items() for s in names},
        "metrics": {
            "machines": {m: dict(zip(r.metric, r.value, strict=True)) for m, r in of_machines.groupby("machine")},
            "sections": {
                f"{m}/{s}": dict(zip(r.metric, r.value, strict=True))
                for (m, s), r in of_sections.groupby(["machine", "section"])
            },
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    test.to_parquet(folder / "scores.parquet")
    train.to_parquet(folder / "train_scores.parquet")
    (folder / "result.json").write_text(json.dumps(document))
    return document, test, train


ONE_SECTION = dict.fromkeys(("ToyCar", "fan", "valve"), ("00",))
SEVERAL_SECTIONS = dict.fromkeys(("ToyCar", "fan"), ("00", "01", "02"))


@pytest.mark.parametrize(
    ("rule", "sections"),
    [("2020", {"fan": ("00", "02"), "pump": ("00", "02")}), ("2021", SEVERAL_SECTIONS), ("2023", ONE_SECTION)],
)
def test_every_year_has_its_pictures(tmp_path, rule, sections):
    write_result(tmp_path, rule, sections)
    drawn = plots.draw_result(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in drawn] == ["plots/roc.png", "plots/scores.png"]
    for path in drawn:
        height, width, _ = image.imread(path).shape
        assert width > 400
        assert height > 250
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["roc.png", "scores.png"]


def lines_of(panel):
    """The labelled curves of a panel: label -> (false-positive rates, true-positive rates)."""
    return {line.get_label(): line.get_data() for line in panel.get_lines() if not line.get_label().startswith("_")}


def test_curves_enclose_the_areas_in_their_legend(tmp_path):
    document, test, _ = write_result(tmp_path, "2023", ONE_SECTION)
    figure = plots._roc_figure(document, test)
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["ToyCar", "fan", "valve"]
    for panel in figure.axes:
        machine = panel.get_title(loc="left")
        curves = lines_of(panel)
        assert [label.split()[0] for label in curves] == ["source", "target"]
        for label, (x, y) in curves.items():
            value = document["metrics"]["machines"][machine][f"auc_{label.split()[0]}"]
            assert area(x, y) == pytest.approx(value)
            assert label.split()[1] == f"{100 * value:.1f}"
        assert panel.get_title(loc="right") == f"pAUC {100 * document['metrics']['machines'][machine]['pauc']:.1f}"


def test_sections_of_2020_have_curves_of_their_own(tmp_path):
    document, test, _ = write_result(tmp_path, "2020", {"fan": ("00", "02")})
    [panel] = plots._roc_figure(document, test).axes
    for (label, (x, y)), section in zip(lines_of(panel).items(), ("00", "02"), strict=True):
        value = document["metrics"]["sections"][f"fan/{section}"]["auc"]
        assert label == f"{section}  {100 * value:.1f}"
        assert area(x, y) == pytest.approx(value)


def test_several_sections_are_averaged_per_domain(tmp_path):
    document, test, _ = write_result(tmp_path, "2022", {"fan": ("00", "01", "02")})
    [panel] = plots._roc_figure(document, test).axes
    x, y = lines_of(panel)[next(label for label in lines_of(panel) if label.startswith("source"))]
    mean = np.mean([document["metrics"]["sections"][f"fan/{section}"]["auc_source"] for section in ("00", "01", "02")])
    assert area(x, y) == pytest.approx(mean, abs=0.01)


def test_a_panel_of_scores_per_section_with_its_threshold(tmp_path):
    document, test, train = write_result(tmp_path, "2023", SEVERAL_SECTIONS)
    figure = plots._score_figure(document, test, train)
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == [f"{machine} {section}" for machine in ("ToyCar", "fan") for section in ("00", "01", "02")]
    for panel in figure.axes:
        assert [1.0, 1.0] in [list(line.get_xdata()) for line in panel.get_lines()]
        assert {text.get_text() for text in panel.texts} == {"source", "target"}


def test_shares_count_every_score_once():
    edges = np.linspace(0, 1, 5)
    shares = plots._shares(np.array([-9.0, 0.1, 0.5, 1.0, 99.0]), edges)
    assert shares.tolist() == [0.4, 0.0, 0.2, 0.4]


def test_constant_scores_can_be_drawn(tmp_path):
    write_result(tmp_path, "2020", {"fan": ("00",)}, spread=0.0)
    plots.draw_result(tmp_path)


def test_nothing_global_is_touched(tmp_path):
    from matplotlib import _pylab_helpers

    before = dict(rcParams)
    write_result(tmp_path, "2023", {"fan": ("00",)})
    plots.draw_result(tmp_path)
    assert dict(rcParams) == before
    assert not _pylab_helpers.Gcf.figs


def test_a_missing_record_is_named(tmp_path):
    write_result(tmp_path, "2023", {"fan": ("00",)})
    (tmp_path / "train_scores.parquet").unlink()
    with pytest.raises(BenchError) as caught:
        plots.draw_result(tmp_path)
    assert "train_scores.parquet" in str(caught.value)
    assert not (tmp_path / "plots").exists(), "no half of the pictures"
