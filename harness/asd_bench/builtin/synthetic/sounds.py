"""One clip from its place in the dataset: the machine in its room, its fault, and the factory around it.

Everything random about a clip is drawn from streams named after the seed and the clip's own axes, so a clip sounds the
same whichever clips are made beside it, in which order, and by how many workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asd_bench.builtin.synthetic.fan import Fan
from asd_bench.builtin.synthetic.machines import Fault, Machine, OperatingPoint, healthy
from asd_bench.builtin.synthetic.options import STAND_INS
from asd_bench.builtin.synthetic.pump import Pump
from asd_bench.builtin.synthetic.signals import RATE, Signal, active_rms, amplitude, rms, stream
from asd_bench.builtin.synthetic.slider import Slider
from asd_bench.builtin.synthetic.surroundings import LEAD_IN, Factory, microphone_response, record, room_response
from asd_bench.builtin.synthetic.valve import Valve
from asd_bench.errors import BenchError

MACHINES: Mapping[str, type[Machine]] = {"fan": Fan, "pump": Pump, "slider": Slider, "valve": Valve}

#: Severities of the faintest and of the plainest fault; those of clips are spread evenly between.
HARDEST, EASIEST = 0.15, 1.0

#: Range of a section's level in dBFS, as of the challenge's recordings.
_LEVEL_DBFS = (-44.0, -36.0)
_N_REFERENCES, _REFERENCE_SECONDS = 4, 3


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip's place in a dataset.

    Attributes:
        machine: machine type.
        section: machine ID, or section, within the machine type.
        index: counts the clips that agree in all else.
    """

    machine: str
    section: str
    split: Literal["train", "test"]
    domain: Literal["source", "target"]
    label: Literal["normal", "anomaly"]
    index: int


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What all clips of a dataset share: the seed, and length and signal-to-noise ratio of the recordings."""

    seed: int
    seconds: float
    snr_db: float


@dataclass(frozen=True)
class Site:
    """One machine where it stands.

    Attributes:
        machine: the machine itself.
        room: impulse response to the microphone.
        level: amplitude of its recorded sound while it sounds, full scale being 1.
    """

    machine: Machine
    room: Signal
    level: float


def machine_class(machine: str) -> type[Machine]:
    """What makes the sounds of a machine type.

    Raises:
        BenchError: nothing does.
    """
    kind = STAND_INS.get(machine, machine)
    if kind not in MACHINES:
        raise BenchError(
            f"no synthetic machine sounds like the machine type '{machine}'",
            fix="name one in asd_bench.builtin.synthetic.options.STAND_INS",
        )
    return MACHINES[kind]


def operating_point(clip: Clip, points: Mapping[str, tuple[OperatingPoint, ...]]) -> OperatingPoint:
    """The operating point of a clip: the clips of a domain take the domain's points in turn."""
    of_domain = points[clip.domain]
    return of_domain[clip.index % len(of_domain)]


def fault_of(clip: Clip, seed: int) -> Fault:
    """The fault of a clip: none in a normal one, else one of the machine's kinds with a random severity."""
    if clip.label == "normal":
        return healthy()
    rng = _clip_stream(clip, seed, "fault")
    kinds = machine_class(clip.machine).FAULTS
    return Fault(kinds[rng.integers(len(kinds))], rng.uniform(HARDEST, EASIEST), rng)


def render(clip: Clip, point: OperatingPoint, conditions: Conditions) -> NDArray[np.int16]:
    """The recording of a clip: 16-bit samples at `signals.RATE`, shape (samples,)."""
    fault = fault_of(clip, conditions.seed)
    recording = machine_sound(clip, point, conditions, fault) + factory_sound(clip, point, conditions)
    return np.clip(np.rint(recording * 32768), -32768, 32767).astype(np.int16)


def machine_sound(clip: Clip, point: OperatingPoint, conditions: Conditions, fault: Fault) -> Signal:
    """The machine's part of a recording, shape (samples,), full scale being 1."""
    site = _site(conditions.seed, clip.machine, clip.section)
    rng = _clip_stream(clip, conditions.seed, "machine")
    sound = site.machine.sound(rng, _n_samples(conditions) + LEAD_IN, point, fault)
    recorded = record(sound, _response(conditions.seed, clip.machine, clip.section, point.microphone))
    return recorded * (site.level / _reference_rms(conditions.seed, clip.machine, clip.section, point))


def factory_sound(clip: Clip, point: OperatingPoint, conditions: Conditions) -> Signal:
    """The factory's part of a recording, shape (samples,), full scale being 1."""
    site = _site(conditions.seed, clip.machine, clip.section)
    rng = _clip_stream(clip, conditions.seed, "factory")
    noise = _factory(conditions.seed, point.noise).noise(rng, _n_samples(conditions) + LEAD_IN)
    recorded = record(noise, _microphone(conditions.seed, point.microphone))
    return recorded * (site.level / amplitude(conditions.snr_db) / rms(recorded))


def _n_samples(conditions: Conditions) -> int:
    return round(conditions.seconds * RATE)


def _clip_stream(clip: Clip, seed: int, part: str) -> np.random.Generator:
    return stream(seed, clip.machine, clip.section, clip.split, clip.domain, clip.label, clip.index, part)


@lru_cache(maxsize=64)
def _site(seed: int, machine: str, section: str) -> Site:
    level_dbfs = stream(seed, machine, section, "level").uniform(*_LEVEL_DBFS)
    return Site(
        machine=machine_class(machine).draw(stream(seed, machine, section, "machine")),
        room=room_response(stream(seed, machine, section, "room")),
        level=float(amplitude(level_dbfs)),
    )


@lru_cache(maxsize=64)
def _microphone(seed: int, name: str) -> Signal:
    return microphone_response(stream(seed, "microphone", name))


@lru_cache(maxsize=64)
def _response(seed: int, machine: str, section: str, microphone: str) -> Signal:
    """The impulse response from the machine to the recording."""
    return np.convolve(_site(seed, machine, section).room, _microphone(seed, microphone))


@lru_cache(maxsize=64)
def _factory(seed: int, name: str) -> Factory:
    return Factory.draw(stream(seed, "factory", name))


@lru_cache(maxsize=256)
def _reference_rms(seed: int, machine: str, section: str, point: OperatingPoint) -> float:
    """The active rms of a healthy machine at this operating point, before its level is set.

    A few recordings set the level for all clips, so that a missing stroke or a loud fault changes a clip's level.
    """
    unit = _site(seed, machine, section).machine
    response = _response(seed, machine, section, point.microphone)
    levels = []
    for index in range(_N_REFERENCES):
        rng = stream(seed, machine, section, "reference", index)
        sound = unit.sound(rng, _REFERENCE_SECONDS * RATE + LEAD_IN, point, healthy())
        levels.append(active_rms(record(sound, response)))
    return rms(np.array(levels))
