"""Pages, figures and the terminal's tables."""

import io
import random
import shlex
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from asd_bench.leaderboard.collect import read_document
from asd_bench.leaderboard.console import WIDTH, console_tables
from asd_bench.leaderboard.figure import render_figure
from asd_bench.leaderboard.markdown import code, escape
from asd_bench.leaderboard.render import command_of, render_index, render_page, seed_list
from asd_bench.leaderboard.standings import make_board
from asd_bench.leaderboard.table import parse_table, table_text

SVG = "{http://www.w3.org/2000/svg}"


def board_of(*documents, dataset="toy"):
    return make_board(dataset, [read_document(document) for document in documents])


def page_of(*documents, dataset="toy"):
    return render_page(board_of(*documents, dataset=dataset), "")


def section(page, title):
    """The part of a page under a heading."""
    _, _, rest = page.partition(f"## {title}\n")
    return rest.partition("\n## ")[0]


def rows(text):
    """The cells of the tables in a text, less the lines that rule them."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [cells for cells in lines if not set(cells) <= {"---:", ":---"}]


def test_the_ranking_in_the_fields_two_decimals(make):
    a = [make({"fan/00": dict.fromkeys(("auc", "pauc"), v)}, system="a", seed=s) for s, v in ((0, 0.7), (1, 0.8))]
    b = make({"fan/00": {"auc": 0.65, "pauc": 0.85}}, system="b")
    _, first, second = rows(section(page_of(*a, b), "Ranking").partition("###")[0])
    assert first == [
        "1", "a", "**75.00** ± 7.07", "**75.00** ± 7.07<br>73.00–78.00", "75.00 ± 7.07<br>73.00–78.00",
        "**75.00** ± 7.07<br>73.00–78.00", "2 (0,1)",
    ]  # fmt: skip
    assert second[:5] == ["1", "b", "**75.00**", "65.00<br>63.00–68.00", "**85.00**<br>83.00–88.00"]
    assert second[-1] == "1 (0)"


def test_years_with_domains_show_both_and_stack_them_by_machine_type(make):
    a = {"fan/00": {"auc_source": 0.9, "auc_target": 0.5, "pauc": 0.6}}
    b = {"fan/00": {"auc_source": 0.8, "auc_target": 0.7, "pauc": 0.6}}
    page = page_of(make(a, rule="2023", system="a"), make(b, rule="2023", system="b"))
    head = rows(section(page, "Ranking"))[0]
    assert head == ["Rank", "System", "Ω<br>95 % interval", "AUC source", "AUC target", "pAUC", "Seeds"]
    assert rows(page.partition("### By machine type")[2])[:3] == [
        ["System", "", "fan"],
        ["b", "AUC source<br>AUC target<br>pAUC", "80.00<br>**70.00**<br>**60.00**"],
        ["a", "AUC source<br>AUC target<br>pAUC", "**90.00**<br>50.00<br>**60.00**"],
    ]
    assert "official score **Ω**" in page


def test_sections_are_listed_where_machine_types_have_several(make):
    assert "By section" not in page_of(make())
    values = {"fan/00": {"auc": 0.9, "pauc": 0.7}, "fan/02": {"auc": 0.7, "pauc": 0.5}}
    assert ["fan 02", "AUC<br>pAUC", "70.00<br>50.00"] in rows(page_of(make(values)))


def test_what_is_not_ranked_says_why_and_shows_no_average(make):
    partial = make({"fan/00": {"auc": 0.8123, "pauc": 0.6}}, system="half", published=["fan/00", "pump/00"])
    page = page_of(make(), partial)
    assert "half" not in section(page, "Ranking")
    unranked = rows(section(page, "Not ranked"))
    assert unranked[1] == ["half", "1 of 2 sections", "10/20", "4/8", "–", "1 (0)"]
    assert unranked[-1] == ["half", "AUC<br>pAUC", "81.23<br>60.00"]


def test_rows_of_several_profiles_that_are_not_ranked_are_told_apart(make):
    part, published = {"fan/00": {"auc": 0.8, "pauc": 0.6}}, ["fan/00", "pump/00"]
    halves = [make(part, system="half", published=published, profile=profile) for profile in ("paper", "quick")]
    page = page_of(*halves)
    assert [row[0] for row in rows(section(page, "Not ranked"))[1:3]] == ["half", "half (quick)"]


def test_a_page_without_a_ranking(make):
    page = page_of(make(reasons=["synthetic sounds"]), dataset="dcase2020-synthetic")
    assert "No result can be ranked yet." in section(page, "Ranking")
    assert rows(section(page, "Not ranked"))[1][1] == "synthetic sounds"
    assert "--dataset dcase2020 --seeds 0 --data-root FOLDER" in page


def test_profiles_have_tables_of_their_own(make):
    page = page_of(make(), make(profile="quick", system="fast"))
    assert "fast" not in section(page, "Ranking")
    assert rows(section(page, "Profile quick"))[1][0] == "fast", "and no rank"


def test_notes_mark_their_rows(make):
    oracle = make(system="oracle", flags=["tuned on test labels: k"])
    changed = make(flags=["knn.k=3", "tuned on test labels: k"])
    wide = make(system="wide", trained_on=["fan", "pump", "valve"], classes=4)
    page = page_of(oracle, changed, wide, make(system="plain"), make(system="plainer"))
    notes = section(page, "Notes").split("\n")
    assert notes[1:5] == [
        "1. Tuned on test labels: k.",
        "2. Changed from the published recipe: `knn.k=3`.",
        "3. Its fits of dataset scope trained on valve as well.",
        "4. Other classes than in most rows: fan 4 by section, pump 4 by section.",
    ]
    names = [cells[1] for cells in rows(section(page, "Ranking").partition("###")[0])[1:]]
    assert names == ["knn <sup>1 2</sup>", "oracle <sup>1</sup>", "plain", "plainer", "wide <sup>3 4</sup>"]


def test_every_row_has_the_command_that_makes_it_again(make):
    changed = make(seed=3, profile="quick", flags=["knn.k=3", "knn.names=(a, b)"])
    board = board_of(changed)
    words = shlex.split(command_of(board, board.standings[0]))
    assert words == [
        "asd-bench", "run", "--system", "knn", "--dataset", "toy", "--seeds", "3", "--profile", "quick",
        "--set", "knn.k=3", "--set", "knn.names=(a, b)",
    ]  # fmt: skip
    partial = board_of(make({"fan/00": {"auc": 0.8, "pauc": 0.6}}, published=["fan/00", "pump/00"]))
    assert command_of(partial, partial.standings[0]).endswith("--machine fan")
    page = page_of(make(), make(system="wide", trained_on=["fan", "pump", "valve"]))
    assert "# trained on all machine types; results" in page
    assert "# trained on fan pump valve; results" in page


@pytest.mark.parametrize(
    ("seeds", "text"), [((0,), "0"), ((0, 1), "0,1"), ((0, 1, 2), "0-2"), ((1, 2, 5), "1,2,5"), ((0, 2, 4), "0,2,4")]
)
def test_seeds_are_written_as_the_command_line_takes_them(seeds, text):
    assert seed_list(seeds) == text


@given(st.text())
def test_no_text_breaks_out_of_its_cell(text):
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark").enable("table")
    for made in (escape(text), code(text)):
        tokens = parser.parse(f"| a | b |\n| --- | --- |\n| x{made} | y |")
        assert [token.type for token in tokens].count("td_open") == 2
        assert not [
            t for token in tokens for t in token.children or () if t.type in ("html_inline", "link_open", "em_open")
        ]


def test_hostile_names_stay_text(make):
    page = page_of(make(system="a|b<script>", flags=["note: *bold* | `x`"]))
    assert "a\\|b\\<script\\>" in page
    assert "<script>" not in page.partition("```sh")[0]


def test_the_page_depends_on_the_table_alone(make):
    documents = [make(system=system, seed=seed) for system in "abc" for seed in range(3)]
    documents += [make(profile="quick"), make(system="half", published=["fan/00", "pump/00", "valve/00"])]
    results = [read_document(document) for document in documents]
    text = table_text(results)
    random.Random(1).shuffle(results)
    for render in (lambda board: render_page(board, text), render_figure, lambda board: render_index([board])):
        assert render(make_board("toy", results)) == render(make_board("toy", parse_table(text, "toy.csv")))


def test_no_change_to_the_table_goes_unnoticed(make):
    board = board_of(make())
    assert render_page(board, "0.80000000000000001") != render_page(board, "0.8")


def test_the_figure_has_a_mark_for_everything(make):
    documents = [make(seed=seed, system=system) for seed in range(2) for system in ("a", "b")] + [make(profile="quick")]
    figure = ElementTree.fromstring(render_figure(board_of(*documents)))
    marks = [element.get("class") for element in figure.iter() if element.get("class")]
    legend = 1
    assert marks.count("a") == 3 + legend, "a mean per complete row"
    assert marks.count("i") == 3 + legend, "an interval per complete row"
    assert marks.count("s") == 2 + legend, "a standard deviation where there are seeds"
    machines = [element for element in figure.iter(f"{SVG}path") if element.get("fill")]
    assert len(machines) == 2 * (3 + legend)
    width, height = float(figure.get("width")), float(figure.get("height"))
    for text in figure.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x")) <= width
        assert 0 <= float(text.get("y")) <= height


def test_a_board_of_nothing_complete_has_no_figure(make):
    board = board_of(make(published=["fan/00", "pump/00", "valve/00"]))
    assert not board.has_figure
    assert ".svg" not in page_of(make(published=["fan/00", "pump/00", "valve/00"]))


@pytest.mark.parametrize("rule", ["2020", "2023"])
def test_the_terminals_table_fits_100_columns(make, rule):
    metrics = {"2020": ("auc", "pauc"), "2023": ("auc_source", "auc_target", "pauc")}[rule]
    machines = ("ToyCar", "ToyConveyor", "bearing", "fan", "gearbox", "slider", "valve")
    values = {f"{machine}/00": dict.fromkeys(metrics, 0.8) for machine in machines}
    flags = ["tuned on test labels: everything that there is to tune"]
    board = board_of(*(make(values, rule=rule, system="first-shot-knn", flags=flags, seed=seed) for seed in range(5)))
    console = Console(width=WIDTH, file=io.StringIO())
    for table in console_tables(board):
        console.print(table)
    lines = console.file.getvalue().splitlines()
    [row] = [line for line in lines if "first-shot-knn" in line]
    assert row.split() == ["1", "first-shot-knn", "80.00±0.00", *["80.00"] * 9, "0-4", "1"]
    assert any(line.startswith("1 tuned on test labels") for line in lines)
