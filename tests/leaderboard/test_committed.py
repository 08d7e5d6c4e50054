"""The leaderboards that are committed: tests of data, not of code."""

import math
from pathlib import Path

import pytest

from asd_bench.leaderboard import pages
from asd_bench.leaderboard.table import ALL, INTERVAL_METRICS, read_table, table_text

FOLDER = Path(__file__).parents[2] / "leaderboards"
TABLES = sorted((FOLDER / "data").glob("*.csv"))


@pytest.fixture(params=TABLES, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_the_table_is_as_it_would_be_written(path):
    assert path.read_bytes() == table_text(read_table(path)).encode()


def test_numbers_are_shares_within_their_intervals(path):
    for result in read_table(path):
        for line in result.lines:
            for metric, value in line.metrics.items():
                assert math.isfinite(value), (result.key, line.machine, line.section, metric)
                assert 0 <= value <= 1, (result.key, line.machine, line.section, metric)
            for metric in INTERVAL_METRICS:
                if f"{metric}_low" in line.metrics:
                    assert line.metrics[f"{metric}_low"] <= line.metrics[f"{metric}_high"]


def test_what_is_ranked_is_complete(path):
    for result in read_table(path):
        assert result.ranked == (not result.unranked_because), result.key
        for line in result.lines:
            if result.ranked and (line.train_clips_published, line.test_clips_published) != (None, None):
                counts = (line.train_clips, line.test_clips)
                assert counts == (line.train_clips_published, line.test_clips_published), (result.key, line)


def test_nobodys_disk_is_in_it(path):
    for place in ("/home/", "/root/", "/Users/", "/tmp/", "/work/", ":\\"):
        assert place not in path.read_text()


def test_every_overall_line_comes_first(path):
    for result in read_table(path):
        assert (result.overall.machine, result.overall.section) == (ALL, ALL)


@pytest.mark.skipif(not TABLES, reason="no leaderboard is committed yet")
def test_pages_and_figures_are_what_their_tables_render_to():
    files = pages.render(FOLDER)
    assert pages.differences(FOLDER, files) == []
    assert pages.orphans(FOLDER, files) == []
