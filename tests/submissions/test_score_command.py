"""``asd-bench score`` as a user types it, on hand-made submissions."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys

import pytest

from asd_bench.submissions.names import YEARS, Part

GRINDER = Part("grinder", "00")
CASES = [(year.year, phase) for year in YEARS.values() for phase in ("dev", "eval")]


def edit(path, change):
    lines = path.read_text().splitlines()
    path.write_text("".join(f"{line}\n" for line in change(lines)))


def only_system(outcome):
    (system,) = outcome.document["systems"]
    return system


def only_failure(outcome):
    assert outcome.code == 1
    assert outcome.document["systems"] == []
    (failure,) = outcome.document["failures"]
    return failure


# -- what is accepted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("year", "phase"), CASES)
def test_a_perfect_submission_of_every_year(year, phase, make_toy, score):
    toy = make_toy(year, phase)
    outcome = score(*toy.words("--json"))
    system = only_system(outcome)
    assert outcome.code == 0
    assert outcome.document["dataset"] == f"dcase{year}"
    assert system["complete"]
    assert system["system"] == "Lab_task2_1"
    assert system["omega"] == 1
    assert system["omega_is_official"] == (year != "2020")
    assert system["sections_scored"] == system["sections_expected"]
    assert ("precision" in system["overall"]) == (year != "2020")
    assert (system["official_ci95_compat"] is None) == (year in ("2020", "2021"))
    assert set(system["machines"]) == {part.machine for part in toy.names}


@pytest.mark.parametrize(
    ("year", "spelling"),
    [
        ("2022", "{kind}_{machine}_section_{section}.csv"),
        ("2023", "{kind}_DCASE2023T2{machine}_section_{section}_test_seed13711_id(0_)_Eval.csv"),
        ("2023", "{kind}_DCASE2023T2{machine}section_{section}test_seed13711_id(0_)_Eval.csv"),
        ("2024", "{kind}_DCASE2024T2{machine}_section_{section}_test_seed13711_id(0_)_Eval.csv"),
        ("2025", "{kind}_DCASE2025T2{machine}_section_{section}_test_seed13711_id(0_)_Eval.csv"),
        ("2026", "{kind}_DCASE2026T2{machine}_section_{section}_test_seed13711_id(0_)_Eval.csv"),
    ],
)
def test_other_spellings_of_file_names(year, spelling, make_toy, score):
    toy = make_toy(year)
    toy.rename(spelling)
    outcome = score(*toy.words("--json"))
    assert outcome.code == 0
    assert only_system(outcome)["omega"] == 1


def test_order_line_ends_and_decimal_decisions_do_not_matter(toy, score):
    expected = only_system(score(*toy.words("--json")))
    for path in toy.system.iterdir():
        lines = path.read_text().splitlines()
        random.Random(0).shuffle(lines)
        if path.name.startswith("decision"):
            lines = [f"{line}.0" for line in lines]
        path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    assert only_system(score(*toy.words("--json"))) == expected


@pytest.mark.parametrize("n_names", [1, 2], ids=["labelled", "with all attributes"])
def test_labelled_names_are_translated_since_2023(n_names, toy, score):
    """With names whose order is not the blind names' order: pairing by position would go wrong."""
    for part, names in toy.names.items():
        labelled = [f"section_00_source_test_{99 - number}_x" for number, _ in enumerate(names)]
        table = toy.truth / "ground_truth_attributes" / f"ground_truth_{part.machine}_section_00_test.csv"
        table.parent.mkdir(exist_ok=True)
        table.write_bytes("".join(f"{n},{o},{o}_vel_1.wav\r\n" for n, o in zip(names, labelled, strict=True)).encode())
        for kind in ("anomaly_score", "decision_result"):
            path, text = toy.file(part, kind), toy.file(part, kind).read_text()
            for name, other in zip(names, labelled, strict=True):
                text = text.replace(name, f"{other}_vel_1.wav" if n_names == 2 else f"{other}.wav")
            path.write_text(text)
    assert only_system(score(*toy.words("--json")))["omega"] == 1


def test_one_clip_under_two_names(toy, score):
    table = toy.truth / "ground_truth_attributes" / "ground_truth_grinder_section_00_test.csv"
    table.parent.mkdir()
    table.write_text("section_00_0000.wav,other\n")
    edit(toy.file(GRINDER), lambda lines: [*lines, "other.wav,1"])
    assert "section_00_0000 is there under two names" in only_failure(score(*toy.words("--json")))["what"]


def test_decisions_are_truncated_since_2022(toy, score):
    edit(toy.file(GRINDER, "decision_result"), lambda lines: [line.replace(",0", ",0.9") for line in lines])
    assert only_system(score(*toy.words("--json")))["overall"]["f1"]["value"] == 1


def test_every_folder_of_scores_is_a_system(toy, score):
    other = toy.system.parent / "Other" / "Other_task2_3"
    shutil.copytree(toy.system, other)
    (toy.system.parent / "notes").mkdir()
    parent = toy.words("--json")[:-2]
    outcome = score(*parent, toy.system.parent, "--json")
    assert [system["system"] for system in outcome.document["systems"]] == ["Lab_task2_1", "Other/Other_task2_3"]
    outcome = score(*parent, toy.system, other)
    assert "Other_task2_3" in outcome.output
    outcome = score(*parent, other, other)
    assert "2 systems are called 'Other_task2_3'" in outcome.error


# -- what is incomplete ------------------------------------------------------------------------------------------------


def test_a_missing_score_file_is_not_averaged_away(toy, score, tmp_path):
    toy.file(GRINDER).unlink()
    outcome = score(*toy.words("--json", "--csv", tmp_path / "csv"))
    system = only_system(outcome)
    assert outcome.code == 1
    assert not system["complete"]
    assert not system["omega_is_official"]
    assert system["missing"] == ["no score file for grinder 00"]
    assert (system["sections_scored"], system["sections_expected"]) == (6, 7)
    assert "grinder" not in system["machines"]
    assert system["machines"]["shaker"]["means"]["auc"]["value"] == 1
    assert system["official_ci95_compat"] is None
    table = (tmp_path / "csv" / "Lab_task2_1_result.csv").read_text()
    assert "\nofficial" not in table
    assert "unofficial score (incomplete: 6 of 7 sections),,1.0" in table
    assert "domains (incomplete: 6 of 7 sections)" in table
    shown = score(*toy.words())
    assert "Ω 100.00  not official: 6 of 7 sections, incomplete" in shown.output
    assert "incomplete: no score file for grinder 00" in shown.output


def test_a_machine_type_without_all_its_sections_says_so(make_toy, score, tmp_path):
    toy = make_toy("2021")
    toy.file(Part("fan", "04", "target")).unlink()
    outcome = score(*toy.words("--csv", tmp_path))
    assert outcome.code == 1
    assert "fan (03, 05 only)" in outcome.output
    assert "no score file for fan 04 target" in outcome.output
    table = (tmp_path / "Lab_task2_1_result.csv").read_text()
    assert table.count("harmonic mean (incomplete: 2 of 3 sections)") == 3


def test_missing_decisions_leave_the_score_alone(toy, score):
    toy.file(GRINDER, "decision_result").unlink()
    outcome = score(*toy.words("--json"))
    system = only_system(outcome)
    assert outcome.code == 1
    assert system["omega_is_official"]
    assert system["undecided"] == ["no precision, recall and F1: there is no decision file for grinder 00"]
    assert "f1" not in system["overall"]
    assert "incomplete: no precision, recall and F1" in score(*toy.words()).output


def test_ground_truth_of_some_machine_types_only(toy, score):
    for folder in ("ground_truth_data", "ground_truth_domain"):
        (toy.truth / folder / "ground_truth_grinder_section_00_test.csv").unlink()
    outcome = score(*toy.words("--json"))
    assert outcome.code == 1
    assert only_system(outcome)["missing"] == ["the ground truth lacks grinder 00"]


def test_development_sections_must_have_the_published_number_of_clips(make_toy, score):
    toy = make_toy("2023", "dev")
    edit(toy.file(Part("fan", "00")), lambda lines: lines[1:])
    edit(toy.file(Part("fan", "00"), "decision_result"), lambda lines: lines[1:])
    outcome = score(*toy.words("--json"))
    assert outcome.code == 1
    assert only_system(outcome)["missing"] == ["fan 00 has 7 clips, 8 were published"]


def test_files_left_out_are_named(make_toy, score):
    toy = make_toy("2022")
    shutil.copy(toy.file(Part("fan", "03")), toy.file(Part("fan", "00")))
    shutil.copy(toy.file(Part("fan", "03")), toy.system / "anomaly_score_fann_section_03.csv")
    (toy.system / "summary.csv").write_text("fan,0.7\n")
    outcome = score(*toy.words("--json"))
    assert outcome.code == 0
    first, second = only_system(outcome)["notes"]
    assert "1 file (anomaly_score_fan_section_00_test.csv) of the development data left out" in first
    assert "1 file (anomaly_score_fann_section_03.csv) left out, whose name is none of dcase2022" in second


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[1:], "8 clips are expected: 1 missing (section_00_0000)"),
        (lambda lines: [*lines, "section_00_0008.wav,1"], "8 clips are expected: 1 unknown (section_00_0008)"),
        (lambda lines: [*lines, lines[0]], "section_00_0000 stands on line 1 and on line 9"),
        (lambda lines: ["file_name,anomaly_score", *lines], "line 1: a header line? 'anomaly_score' is no number"),
        (lambda lines: ["section_00_0000.wav,nan", *lines[1:]], "line 1: the value of section_00_0000 is nan"),
        (lambda lines: [line.replace(",", "\t") for line in lines], "line 1 has 1 column, separated by tabs?"),
        (lambda lines: [], "the file is empty"),
    ],
    ids=["missing clip", "extra clip", "duplicate", "header", "nan", "tabs", "empty"],
)
def test_a_malformed_file_is_named_and_the_other_systems_are_scored(change, message, toy, score):
    other = toy.system.parent / "Lab_task2_2"
    shutil.copytree(toy.system, other)
    edit(toy.file(GRINDER), change)
    outcome = score(*toy.words()[:-1], toy.system.parent, "--json")
    assert outcome.code == 1
    (failure,) = outcome.document["failures"]
    assert failure["system"] == "Lab_task2_1"
    assert message in failure["what"]
    assert failure["where"] == str(toy.file(GRINDER))
    assert failure["fix"]
    assert only_system(outcome)["system"] == "Lab_task2_2"
    shown = score(*toy.words()).output
    assert "no result Lab_task2_1" in shown
    assert message in shown


def test_a_malformed_decision_file_is_named(toy, score):
    edit(toy.file(GRINDER, "decision_result"), lambda lines: [*lines[:-1], "section_00_0007.wav,2"])
    failure = only_failure(score(*toy.words("--json")))
    assert failure["what"] == "line 8: 2 is neither 0 nor 1"
    assert failure["where"] == str(toy.file(GRINDER, "decision_result"))


def test_wrong_names_in_the_right_number_are_not_paired_by_position(toy, score):
    edit(toy.file(GRINDER), lambda lines: [line.replace("section_00_0", "section_00_test_0") for line in lines])
    failure = only_failure(score(*toy.words("--json")))
    assert (
        "8 missing (section_00_0000, section_00_0001, section_00_0002, …), 8 unknown (section_00_test_0000, "
        in failure["what"]
    )
    assert "pairs them by position" in failure["fix"]


def test_labelled_names_of_2022_are_not_translated(make_toy, score):
    toy = make_toy("2022")
    edit(toy.file(Part("fan", "03")), lambda lines: [f"section_03_source_test_{line[11:]}" for line in lines])
    assert "8 missing" in only_failure(score(*toy.words("--json")))["what"]


def test_two_files_of_one_section(make_toy, score):
    toy = make_toy("2022")
    shutil.copy(toy.file(Part("fan", "03")), toy.system / "anomaly_score_fan_section_03.csv")
    failure = only_failure(score(*toy.words("--json")))
    assert "anomaly_score_fan_section_03.csv and anomaly_score_fan_section_03_test.csv" in failure["what"]


def test_files_of_the_other_phase_only(toy, score):
    outcome = score("--dataset", "dcase2023", "--phase", "dev", toy.system, "--json")
    failure = only_failure(outcome)
    assert failure["what"] == "no score file is of dcase2023's development data"
    assert "of the evaluation data left out (--phase eval)" in failure["fix"]


def test_nothing_but_halves_of_sections(make_toy, score):
    toy = make_toy("2021")
    for path in toy.system.glob("*_target_test.csv"):
        path.unlink()
    assert "no section is there with all its score files" in only_failure(score(*toy.words("--json")))["what"]


# -- usage -------------------------------------------------------------------------------------------------------------


def test_an_unknown_year_has_a_suggestion(toy, score):
    outcome = score("--dataset", "dcase2O23", toy.system)
    assert outcome.code == 2
    assert "no challenge year's dataset is called 'dcase2O23'; did you mean 'dcase2023'" in outcome.error


def test_evaluation_data_need_a_ground_truth(toy, score):
    outcome = score("--dataset", "dcase2023", toy.system)
    assert outcome.code == 2
    assert "--ground-truth is missing" in outcome.error
    assert "https://github.com/nttcslab/dcase2023_task2_evaluator" in outcome.error


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "no score file of dcase2023: it holds no CSV file at all"),
        (["a.csv", "b.csv", "c.csv", "d.csv"], "no score file of dcase2023: there is a.csv, b.csv, c.csv, …"),
        (["anomaly_score_fan_id_01.csv"], "there is anomaly_score_fan_id_01.csv, as in dcase2020"),
    ],
)
def test_a_folder_without_score_files(files, message, score, tmp_path):
    folder = tmp_path / "submission"
    folder.mkdir()
    for file in files:
        (folder / file).write_text("a.wav,1\n")
    outcome = score("--dataset", "dcase2023", "--phase", "dev", folder)
    assert outcome.code == 2
    assert message.replace("no score file", "no file here has the name of a score file") in outcome.error


def test_a_submission_that_is_no_folder(score, tmp_path):
    (tmp_path / "task2.zip").write_bytes(b"PK")
    for name, message in (("task2.zip", "the submission is no folder"), ("nowhere", "there is no such submission")):
        outcome = score("--dataset", "dcase2023", "--phase", "dev", tmp_path / name)
        assert outcome.code == 2
        assert message in outcome.error


def test_ground_truth_of_another_phase_or_year(toy, make_toy, score):
    outcome = score("--dataset", "dcase2023", "--phase", "dev", "--ground-truth", toy.truth, toy.system)
    assert outcome.code == 2
    assert "dcase2023's development data has no ToyDrone 00, ToyNscale 00, ToyTank 00, …" in outcome.error


def test_a_csv_folder_that_cannot_be_written(toy, score, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = score(*toy.words("--csv", tmp_path / "file" / "below"))
    assert outcome.code == 2
    assert "the CSV cannot be written" in outcome.error


def test_nothing_heavy_is_imported(toy):
    words = [str(word) for word in toy.words("--json")]
    code = (
        f"import sys; from asd_bench.cli import cli; cli.main({['score', *words]!r}, standalone_mode=False);"
        "sys.exit(', '.join({'torch', 'mlflow', 'librosa', 'matplotlib'} & set(sys.modules)) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_help_has_examples(score):
    outcome = score("--help")
    assert "asd-bench score --dataset dcase2022 --ground-truth" in outcome.output
    assert "Exit code: 0" in outcome.output
