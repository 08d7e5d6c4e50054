"""``asd-bench leaderboard``."""

import json
import subprocess
import sys
import types

import pytest
from click.testing import CliRunner

from asd_bench.cli.leaderboard import command
from asd_bench.errors import BenchError
from asd_bench.leaderboard.table import read_table


@pytest.fixture
def workspace(tmp_path, make):
    """Put documents into a workspace, in place of what was there."""
    folder = tmp_path / "workspace"

    def fill(*documents):
        for path in folder.glob("results/*/*/*/result.json"):
            path.unlink()
        for document in documents:
            place = folder / "results" / document["dataset"] / document["system"] / document["key"][:12]
            place.mkdir(parents=True, exist_ok=True)
            (place / "result.json").write_text(json.dumps(document))
        return folder

    return fill


@pytest.fixture
def run(tmp_path):
    """Run the command on the test's folders; its exit code and what it printed."""

    def invoke(*arguments):
        folders = ["--workspace", str(tmp_path / "workspace"), "--out", str(tmp_path / "boards")]
        done = CliRunner().invoke(command, [*arguments, *folders], standalone_mode=False)
        if done.exception:
            raise done.exception
        return done.return_value, done.output

    return invoke


@pytest.fixture
def boards(tmp_path):
    return tmp_path / "boards"


def keys(boards, dataset="toy"):
    return {result.key for result in read_table(boards / "data" / f"{dataset}.csv")}


def test_tables_pages_figures_and_the_index_are_written(workspace, run, boards, make):
    workspace(make(), make(dataset="other"))
    code, output = run()
    assert code == 0
    assert "toy: 1 results, 1 new" in output
    written = {path.relative_to(boards).as_posix() for path in boards.rglob("*") if path.is_file()}
    assert written == {"README.md", "toy.md", "toy.svg", "data/toy.csv", "other.md", "other.svg", "data/other.csv"}
    assert "(toy.md)" in (boards / "README.md").read_text()


def test_running_again_changes_no_file(workspace, run, boards, make):
    workspace(make(), make(seed=1))
    run()
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in boards.rglob("*.*")}
    assert "0 new, 0 superseded, 0 removed" in run()[1]
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in boards.rglob("*.*")} == before


def test_results_that_are_not_in_the_workspace_stay_unless_pruned(workspace, run, boards, make):
    first, second = make(seed=0), make(seed=1)
    workspace(first)
    run()
    workspace(second)
    run()
    assert keys(boards) == {first["key"][:12], second["key"][:12]}
    assert "1 removed" in run("--prune")[1]
    assert keys(boards) == {second["key"][:12]}


def test_prune_leaves_other_datasets_alone_and_never_empties_one(workspace, run, boards, make):
    workspace(make(), make(dataset="other"))
    run()
    workspace(make(seed=1))
    run("--prune")
    assert len(keys(boards, "other")) == 1
    with pytest.raises(BenchError, match="would remove every result on other"):
        run("other", "--prune")


def test_only_the_named_datasets_are_touched(workspace, run, boards, make):
    workspace(make(), make(dataset="other"))
    run("toy")
    assert not (boards / "data" / "other.csv").exists()
    with pytest.raises(BenchError, match="no results on 'othr'; did you mean 'other'"):
        run("othr")


def test_results_come_from_a_tracking_store(run, boards, make, monkeypatch):
    asked = []
    tracking = types.ModuleType("asd_bench.tracking")
    tracking.read_results = lambda uri: asked.append(uri) or [make()]
    monkeypatch.setitem(sys.modules, "asd_bench.tracking", tracking)
    run("--from", "sqlite:///elsewhere.db")
    assert asked == ["sqlite:///elsewhere.db"]
    assert len(keys(boards)) == 1


def test_without_any_result_nothing_is_written(run, boards, tmp_path):
    with pytest.raises(BenchError, match="no results yet"):
        run()
    assert list(tmp_path.iterdir()) == []


def test_there_is_nothing_to_check(run):
    with pytest.raises(BenchError, match="no results yet"):
        run("--check")


# -- --check -----------------------------------------------------------------------------------------------------------


def test_check_passes_on_what_was_written_without_any_workspace(workspace, run, make, tmp_path):
    folder = workspace(make(), make(dataset="other"))
    run()
    folder.rename(tmp_path / "gone")
    code, output = run("--check")
    assert code == 0
    assert "5 files" in output


@pytest.mark.parametrize("name", ["toy.md", "toy.svg", "README.md"])
@pytest.mark.parametrize("change", ["one character", "removed"])
def test_check_finds_any_change_to_a_page(workspace, run, boards, make, name, change):
    workspace(make(), make(seed=1))
    run()
    path = boards / name
    text = path.read_text()
    if change == "removed":
        path.unlink()
    else:
        path.write_text(text[:-2] + " " + text[-1])
    code, output = run("--check")
    assert code == 1
    assert f"{path} is " in output
    assert f"asd-bench leaderboard --out {boards}" in output
    run()
    assert run("--check")[0] == 0, "the command that it names mends it"
    assert path.read_text() == text


def test_check_finds_any_change_to_a_table(workspace, run, boards, make):
    workspace(make())
    run()
    path = boards / "data" / "toy.csv"
    text = path.read_text()
    number = next(cell for cell in text.splitlines()[1].split(",") if len(cell) > 15 and cell.startswith("0."))
    for changed in (
        text.replace(number, number[:-1] + ("1" if number[-1] != "1" else "2")),
        text.replace("\n", "\r\n"),
    ):
        path.write_bytes(changed.encode())
        code, output = run("--check")
        assert code == 1
        assert "toy.md" in output


def test_check_finds_a_page_without_a_table(workspace, run, boards, make):
    workspace(make(), make(dataset="other"))
    run()
    (boards / "data" / "other.csv").unlink()
    code, output = run("--check")
    assert code == 1
    assert f"git rm {boards / 'other.md'}" in output


def test_a_damaged_table_is_named(workspace, run, boards, make):
    workspace(make())
    run()
    path = boards / "data" / "toy.csv"
    path.write_text(path.read_text().replace("True", "maybe", 1))
    with pytest.raises(BenchError, match="maybe"):
        run("--check")


def test_no_torch_no_mlflow_no_matplotlib(workspace, boards, make):
    script = (
        "import sys; from asd_bench.cli.leaderboard import command\n"
        "command(sys.argv[1:], standalone_mode=False)\n"
        "print(sorted({'torch', 'mlflow', 'matplotlib', 'librosa'} & set(sys.modules)))"
    )
    arguments = ["--workspace", str(workspace(make())), "--out", str(boards)]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
