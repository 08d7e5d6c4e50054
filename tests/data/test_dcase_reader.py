"""The 2023 reader: any layout in which people have the data, official names, attribute tables, and clear refusals."""

from __future__ import annotations

import shutil

import pytest

from asd_bench.errors import BenchError

LAYOUTS = (
    "fan",
    "dev_fan/fan",
    "dev_fan",
    "dev_data/raw/fan",
    "dcase2023t2/dev_data/raw/fan",
    "dev/fan",
    "dcase2023/fan",
)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_machine_folders_are_found_in_any_layout(layout, toy2023, read2023, tmp_path):
    root = tmp_path / "elsewhere"
    (root / layout).parent.mkdir(parents=True)
    shutil.move(toy2023 / "fan", root / layout)
    dataset = read2023(root)
    assert dataset.machines == ("fan",)
    assert len(dataset.stores["fan"].table) == 14


def test_domain_section_split_and_attributes_come_from_the_name(toy2023, read2023):
    table = read2023(toy2023).stores["fan"].table
    assert set(table.section) == {"00"}
    assert set(table[table.domain == "target"].attributes) == {"m-n_Y", "m-n_Z"}


def test_attributes_missing_in_names_come_from_the_table(toy2023, read2023):
    lines = ["file_name,d1p,d1v,d2p,d2v"]
    for path in sorted((toy2023 / "fan" / "train").iterdir()):
        bare = path.with_name("_".join(path.name.split("_")[:6]) + "_noAttribute.wav")
        path.rename(bare)
        lines.append(f"fan/train/{bare.name},spd,{'10V' if 'source' in bare.name else '12V'},mic,1")
    (toy2023 / "fan" / "attributes_00.csv").write_text("\r\n".join(lines) + "\r\n")
    table = read2023(toy2023).stores["fan"].table
    assert set(table[table.split == "train"].attributes) == {"spd_10V_mic_1", "spd_12V_mic_1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file_name,d1p,d1v\nfan/train/x.wav,spd\n", "line 2 of the attribute table has 2 cells, its header 3"),
        ("name,d1p,d1v\n", "first column must be called file_name"),
        ("", "first column must be called file_name"),
        ('file_name,d1p,d1v\n"unclosed,a,b\n', "attribute table cannot be read"),
    ],
)
def test_a_malformed_attribute_table_is_named(text, message, toy2023, read2023):
    (toy2023 / "fan" / "attributes_00.csv").write_text(text)
    with pytest.raises(BenchError, match=message) as caught:
        read2023(toy2023)
    assert "attributes_00.csv" in str(caught.value)


def test_foreign_names_are_named_with_an_example(toy2023, read2023):
    source = next((toy2023 / "fan" / "train").iterdir())
    shutil.copy(source, source.with_name("recording 1.wav"))
    shutil.copy(source, toy2023 / "fan" / "test" / source.name)
    with pytest.raises(BenchError) as caught:
        read2023(toy2023)
    message = str(caught.value)
    assert "2 of the audio files of fan have no name of dcase2023" in message
    assert "train/recording 1.wav" in message
    assert f"test/{source.name}" in message
    assert "section_00_source_train_normal_0000" in message


def test_other_files_are_left_alone(toy2023, read2023):
    (toy2023 / "fan" / "train" / "._section_00.wav").write_text("made by a foreign file system")
    (toy2023 / "fan" / "train" / "Thumbs.db").write_text("")
    (toy2023 / "readme.md").write_text("")
    assert len(read2023(toy2023).stores["fan"].table) == 14


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_split_is_named(split, toy2023, read2023):
    shutil.rmtree(toy2023 / "fan" / split)
    with pytest.raises(BenchError, match=f"fan section 00 has no {split} clips"):
        read2023(toy2023)


def test_a_missing_dataset_gives_the_steps(read2023, tmp_path):
    (tmp_path / "empty").mkdir()
    for root in (tmp_path / "empty", tmp_path / "not there", None):
        with pytest.raises(BenchError) as caught:
            read2023(root)
        message = str(caught.value)
        assert "https://zenodo.org/records/7882613" in message
        assert "dev_ToyCar.zip" in message
        assert "--data-root" in message
        assert "asd-bench data make --like dcase2023" in message


def test_the_seven_machine_types_of_the_fragments_load(shared, read2023):
    dataset = read2023(shared / "data" / "dcase2023-fragments")
    assert dataset.machines == ("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve")
    for machine in dataset.machines:
        table = dataset.stores[machine].table
        assert table.split.tolist() == ["train", "train", "test", "test"]
        assert (table.n_samples > 5 * 16000).all()


def test_the_real_toycar_has_its_26_attribute_classes(shared, read2023):
    from asd_bench.data.classes import Classes
    from asd_bench.data.clips import visible

    dataset = read2023(shared / "data" / "dcase2023")
    assert dataset.counts(("ToyCar",)) == {("ToyCar", "00"): (401, 100)}
    train = visible(dataset.stores.values(), "train", None, dataset.spec.reveals)
    assert train.domain.value_counts().to_dict() == {"source": 391, "target": 10}
    # The reference counts 26 distinct attribute strings in the full training set.
    assert len(Classes.of(train)) == 26
    assert dataset.truth(("ToyCar",)).label.sum() == 50
