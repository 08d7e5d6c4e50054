"""The synthetic datasets: reproducible, named as the official ones, with faults where they should be."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal as dsp

from asd_bench.builtin.synthetic import sounds
from asd_bench.builtin.synthetic.dataset import clip_counts, write_dataset
from asd_bench.builtin.synthetic.machines import Fault, healthy
from asd_bench.builtin.synthetic.options import (
    GENERATOR_VERSION,
    MACHINES_2020,
    MACHINES_2021,
    MACHINES_2023,
    Synthetic2021Config,
    Synthetic2023Config,
    SyntheticConfig,
)
from asd_bench.builtin.synthetic.signals import RATE, active_rms, decibels, harmonics, rms, stream
from asd_bench.builtin.synthetic.sounds import MACHINES, Clip, Conditions
from asd_bench.data.classes import Classes
from asd_bench.data.clips import visible
from asd_bench.data.dataset import open_dataset
from asd_bench.data.manifest import SYNTHETIC_MARKER
from asd_bench.errors import BenchError
from asd_bench.plugins import host

FAULTS = [(machine, kind) for machine, cls in MACHINES.items() for kind in cls.FAULTS]
SMALL_2020 = SyntheticConfig(n_train=2, n_normal=1, n_anomaly=1, seconds=1.0)
SMALL_2021 = Synthetic2021Config(n_train=4, n_normal=2, n_anomaly=2, seconds=1.0)
SMALL_2023 = Synthetic2023Config(n_train=3, n_target_train=1, n_normal=2, n_anomaly=2, seconds=1.0)


def clip(machine: str, label: str = "normal", index: int = 0, section: str = "00") -> Clip:
    return Clip(machine=machine, section=section, split="test", domain="source", label=label, index=index)


def machine_sound(machine: str, kind: str = "none", severity: float = 0.0, seconds: float = 4.0, seed: int = 0):
    """The machine's part of a rated clip with this fault, everything else of the clip being the same."""
    point = MACHINES[machine].POINTS["source"][0]
    conditions = Conditions(seed=seed, seconds=seconds, snr_db=6.0)
    return sounds.machine_sound(
        clip(machine), point, conditions, Fault(kind, severity, stream("fault of a test", kind))
    )


def band_level(x: np.ndarray, low_hz: float, high_hz: float) -> float:
    """Level in dB of what lies between two frequencies."""
    frequency, density = dsp.welch(x, RATE, nperseg=1024)
    return float(10 * np.log10(density[(frequency >= low_hz) & (frequency < high_hz)].sum()))


def envelope_peak(x: np.ndarray, at_hz: float, low_hz: float, high_hz: float) -> float:
    """How far a line near a frequency stands out of the spectrum of the band's envelope: the bearing analyst's tool."""
    band = dsp.sosfiltfilt(dsp.butter(2, [low_hz, high_hz], "bandpass", fs=RATE, output="sos"), x)
    envelope = np.abs(dsp.hilbert(band))
    spectrum = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope))))
    frequency = np.fft.rfftfreq(len(envelope), 1 / RATE)
    line = np.abs(frequency / at_hz - 1) < 0.02
    around = np.abs(frequency / at_hz - 1) < 0.2
    return float(spectrum[line].max() / np.median(spectrum[around]))


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.wav"))}


@pytest.fixture(scope="module")
def written_2020(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic2020")
    write_dataset("2020", SMALL_2020, root, workers=1)
    return root


@pytest.fixture(scope="module")
def written_2021(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic2021")
    write_dataset("2021", SMALL_2021, root)
    return root


@pytest.fixture(scope="module")
def written_2023(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic2023")
    write_dataset("2023", SMALL_2023, root)
    return root


class TestReproducibility:
    def test_bytes_depend_on_neither_workers_nor_sizes(self, written_2020: Path, tmp_path: Path) -> None:
        more = SyntheticConfig(n_train=3, n_normal=1, n_anomaly=2, seconds=1.0)
        write_dataset("2020", more, tmp_path, workers=3)
        small, large = files(written_2020), files(tmp_path)
        assert small.items() < large.items()

    def test_every_axis_gives_another_clip(self) -> None:
        conditions = Conditions(seed=0, seconds=1.0, snr_db=6.0)
        point = MACHINES["valve"].POINTS["source"][0]
        clips = [clip("valve"), clip("valve", index=1), clip("valve", section="02"), clip("valve", label="anomaly")]
        recordings = [sounds.render(c, point, conditions) for c in clips]
        recordings.append(sounds.render(clips[0], point, Conditions(seed=1, seconds=1.0, snr_db=6.0)))
        assert len({recording.tobytes() for recording in recordings}) == len(recordings)

    def test_stream_is_fixed_for_all_time(self) -> None:
        assert stream(0, "fan", "00").integers(1_000_000) == stream(0, "fan", "00").integers(1_000_000)
        assert stream(0, "fan", "00").integers(1_000_000) != stream(0, "fan", "0", "0").integers(1_000_000)


class TestLayout:
    def test_counts_of_the_defaults(self) -> None:
        counts_2020 = clip_counts("2020", SyntheticConfig())
        counts_2021 = clip_counts("2021", Synthetic2021Config())
        counts_2023 = clip_counts("2023", Synthetic2023Config())
        assert set(counts_2020) == {(m, s) for m, sections in MACHINES_2020.items() for s in sections}
        assert set(counts_2023) == {(m, s) for m, sections in MACHINES_2023.items() for s in sections}
        assert set(counts_2021) == {(m, s) for m, sections in MACHINES_2021.items() for s in sections}
        assert set(counts_2020.values()) == {(40, 40)}
        assert set(counts_2021.values()) == {(33, 40)}
        assert set(counts_2023.values()) == {(80, 80)}

    @pytest.mark.parametrize(("year", "config"), [("2020", SMALL_2020), ("2021", SMALL_2021), ("2023", SMALL_2023)])
    def test_counts_are_those_written(self, year: str, config: SyntheticConfig, request: pytest.FixtureRequest) -> None:
        root = request.getfixturevalue(f"written_{year}")
        for (machine, section), (n_train, n_test) in clip_counts(year, config).items():
            names = f"*_{section}_*.wav"
            assert len(list((root / machine / "train").glob(names))) == n_train
            assert len(list((root / machine).glob(f"*test/{names}"))) == n_test

    def test_names_of_2020(self, written_2020: Path) -> None:
        pattern = r"(fan|pump|slider|valve)/(train/normal|test/(normal|anomaly))_id_0[02]_\d{8}\.wav"
        assert all(re.fullmatch(pattern, path) for path in files(written_2020))
        assert (written_2020 / "fan/test/anomaly_id_00_00000000.wav").exists()

    def test_2021_has_few_target_clips_to_learn_from_and_a_test_folder_per_domain(self, written_2021: Path) -> None:
        pattern = (
            r"(fan|pump|slider|valve)/(train/section_0[012]_(source|target)_train_normal_\d{4}(_[a-z-]+_[A-Z0-9.]+)+"
            r"|(?P<domain>source|target)_test/section_0[012]_(?P=domain)_test_(normal|anomaly)_\d{4})\.wav"
        )
        assert all(re.fullmatch(pattern, path) for path in files(written_2021))
        for machine in MACHINES_2021:
            for section in ("00", "01", "02"):
                target = (written_2021 / machine / "train").glob(f"section_{section}_target_*")
                assert len(list(target)) == 3
        assert not list(written_2021.glob("*/*.csv"))

    def test_names_of_2023_carry_domain_and_attributes(self, written_2023: Path) -> None:
        pattern = (
            r"(?P<machine>fan|pump|slider|valve)/(?P<split>train|test)/section_00_(source|target)_(?P=split)"
            r"_(normal|anomaly)_\d{4}(_[a-z-]+_[A-Z0-9.]+)+\.wav"
        )
        assert all(re.fullmatch(pattern, path) for path in files(written_2023))
        assert (written_2023 / "valve/train/section_00_target_train_normal_0000_pat_02.wav").exists()

    def test_attribute_tables_list_every_clip(self, written_2023: Path) -> None:
        listed = set()
        for machine in MACHINES_2023:
            with open(written_2023 / machine / "attributes_00.csv", newline="") as file:
                header, *rows = csv.reader(file)
            assert header == ["file_name", "d1p", "d1v", "d2p", "d2v", "d3p", "d3v"]
            for name, *cells in rows:
                assert len(cells) == 6
                assert name.endswith("_".join(filter(None, cells)) + ".wav")
                listed.add(name)
        assert listed == set(files(written_2023))

    def test_format(self, written_2020: Path) -> None:
        info = soundfile.info(written_2020 / "pump/train/normal_id_02_00000001.wav")
        assert (info.samplerate, info.channels, info.subtype, info.frames) == (RATE, 1, "PCM_16", RATE)


class TestReading:
    def test_2021_has_sections_for_classes_and_tells_the_domain_of_test_clips(
        self, written_2021: Path, tmp_path: Path
    ) -> None:
        dataset = open_dataset(host(), "synthetic2021", SMALL_2021, written_2021, tmp_path)
        assert dataset.spec.rule == "2021"
        assert dataset.counts(dataset.machines) == clip_counts("2021", SMALL_2021)
        train, test = (
            visible(dataset.stores.values(), split, None, dataset.spec.reveals) for split in ("train", "test")
        )
        assert len(Classes.of(train)) == 12
        assert set(test.domain) == {"source", "target"}
        assert set(test.attributes) == {""}
        assert (train[train.domain == "target"].groupby(["machine", "section"]).size() == 3).all()


class TestWriting:
    def test_marker_says_what_was_made(self, written_2023: Path) -> None:
        content = json.loads((written_2023 / SYNTHETIC_MARKER).read_text())
        assert content["generator_version"] == GENERATOR_VERSION
        assert content["year"] == "2023"
        assert content["config"]["n_target_train"] == 1

    def test_interrupted_run_leaves_no_marker_and_is_made_good(self, written_2020: Path, tmp_path: Path) -> None:
        def interrupt(n_done: int, n_clips: int) -> None:
            assert not (tmp_path / SYNTHETIC_MARKER).exists()
            if n_done == 3:
                raise KeyboardInterrupt

        write_dataset("2020", SMALL_2020, tmp_path)
        with pytest.raises(KeyboardInterrupt):
            write_dataset("2020", SMALL_2020, tmp_path, progress=interrupt)
        assert not (tmp_path / SYNTHETIC_MARKER).exists()
        (tmp_path / "fan/train/normal_id_00_00000000.wav").write_bytes(b"RIFF torn")
        seen = []
        write_dataset("2020", SMALL_2020, tmp_path, progress=lambda *numbers: seen.append(numbers))
        assert seen == [(i, 32) for i in range(1, 33)]
        assert (tmp_path / SYNTHETIC_MARKER).exists()
        assert files(tmp_path) == files(written_2020)

    def test_other_clips_are_not_touched(self, tmp_path: Path) -> None:
        (tmp_path / "fan/train").mkdir(parents=True)
        (tmp_path / "fan/train/normal_id_04_00000000.wav").write_bytes(b"real")
        with pytest.raises(BenchError, match="not part of this synthetic dataset"):
            write_dataset("2020", SMALL_2020, tmp_path)
        assert [path.name for path in tmp_path.rglob("*.*")] == ["normal_id_04_00000000.wav"]

    def test_impossible_requests(self, tmp_path: Path) -> None:
        with pytest.raises(BenchError, match="no synthetic dataset '1999'"):
            write_dataset("1999", SMALL_2020, tmp_path)
        with pytest.raises(BenchError, match="n_target_train"):
            clip_counts("2023", Synthetic2023Config(n_train=3))


class TestSound:
    def test_harmonics_are_cosines(self) -> None:
        phase = np.linspace(0, 400, 5000)
        expected = 0.5 * np.cos(phase + 1) + 0.2 * np.cos(2 * phase - 2)
        np.testing.assert_allclose(harmonics(phase, [0.5, 0.2], [1.0, -2.0]), expected, atol=1e-6)

    @pytest.mark.parametrize("machine", MACHINES)
    @pytest.mark.parametrize("snr_db", [6.0, -3.0])
    def test_signal_to_noise_ratio(self, machine: str, snr_db: float) -> None:
        point = MACHINES[machine].POINTS["source"][0]
        conditions = Conditions(seed=0, seconds=4.0, snr_db=snr_db)
        ratios = []
        for index in range(5):
            sound = sounds.machine_sound(clip(machine, index=index), point, conditions, healthy())
            noise = sounds.factory_sound(clip(machine, index=index), point, conditions)
            ratios.append(decibels(active_rms(sound) / rms(noise)))
        assert np.mean(ratios) == pytest.approx(snr_db, abs=1.0)
        assert np.ptp(ratios) < 4

    def test_levels_are_those_of_recordings(self, written_2020: Path, written_2023: Path) -> None:
        for root in (written_2020, written_2023):
            for path in root.rglob("*.wav"):
                samples, _ = soundfile.read(path)
                assert np.abs(samples).max() < 0.7, path
                assert -60 < decibels(rms(samples)) < -20, path

    def test_domains_differ_in_their_operating_points(self) -> None:
        for cls in MACHINES.values():
            source, target = ({p.attributes for p in cls.POINTS[domain]} for domain in ("source", "target"))
            assert source
            assert target
            assert not source & target


class TestFaults:
    def test_severities_fill_the_range_and_kinds_occur(self) -> None:
        faults = [sounds.fault_of(clip("pump", "anomaly", index), seed=0) for index in range(200)]
        severities = np.array([fault.severity for fault in faults])
        assert {fault.kind for fault in faults} == set(MACHINES["pump"].FAULTS)
        assert sounds.HARDEST <= severities.min() < 0.2
        assert 0.95 < severities.max() <= sounds.EASIEST
        assert sounds.fault_of(clip("pump"), seed=0).severity == 0

    @pytest.mark.parametrize(("machine", "kind"), FAULTS)
    def test_an_anomaly_is_a_normal_clip_plus_a_fault(self, machine: str, kind: str) -> None:
        normal = machine_sound(machine)
        np.testing.assert_allclose(machine_sound(machine, kind, severity=0.0), normal, atol=1e-12)
        assert rms(machine_sound(machine, kind, severity=1.0) - normal) > 0.02 * rms(normal)

    def test_bearing_impulses_come_at_the_defect_frequency(self) -> None:
        fan = sounds._site(0, "fan", "00").machine
        defect_hz = fan.shaft_hz * fan.bearing_order
        peaks = [
            envelope_peak(machine_sound("fan", "bearing", severity), defect_hz, fan.bearing_modes[0] - 300, 7000)
            for severity in (0.0, 0.3, 1.0)
        ]
        assert peaks[0] < peaks[1] < peaks[2]
        assert peaks[2] > 5 * peaks[0]

    def test_imbalance_modulates_once_per_turn(self) -> None:
        shaft_hz = sounds._site(0, "fan", "00").machine.shaft_hz
        peaks = [
            envelope_peak(machine_sound("fan", "imbalance", severity), shaft_hz, 1500, 6000)
            for severity in (0.0, 0.3, 1.0)
        ]
        assert peaks[0] < peaks[1] < peaks[2]
        assert peaks[2] > 5 * peaks[0]

    @pytest.mark.parametrize("machine", ["pump", "valve"])
    def test_leak_hisses_at_high_frequencies(self, machine: str) -> None:
        levels = [band_level(machine_sound(machine, "leak", severity), 3000, 7500) for severity in (0.0, 0.3, 1.0)]
        assert levels[0] < levels[1] < levels[2]

    @pytest.mark.parametrize(
        ("machine", "kind", "low_hz", "high_hz"),
        [("pump", "missing stroke", 300, 3000), ("valve", "sluggish", 2000, 8000)],
    )
    def test_faults_that_are_heard_by_what_is_missing(self, machine: str, kind: str, low_hz: int, high_hz: int) -> None:
        levels = [
            band_level(machine_sound(machine, kind, severity, seconds=10.0), low_hz, high_hz)
            for severity in (0.0, 0.5, 1.0)
        ]
        assert levels[0] > levels[1] > levels[2]
