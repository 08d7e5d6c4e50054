"""Detectors that each break one rule.

``bad-NAME`` is the name of the detector and of the system that has it as its only member.
"""

from __future__ import annotations

from dataclasses import dataclass

from asd_bench import DetectorSpec, Member, SystemSpec, hookimpl, option

#: Class in `detectors` -> what it does.
CLASSES = {
    "Raises": "raises an exception while it is fitted",
    "RaisesWhenScoring": "is fitted and then raises an exception while it scores test clips",
    "Hangs": "never comes to an end",
    "Exits": "ends its process with os._exit",
    "Killed": "kills its process",
    "SysExits": "calls sys.exit(0), as if all were well",
    "ReadsInput": "asks a question on standard input",
    "LeavesThread": "leaves a thread behind that never ends",
    "Prints": "prints to standard output in every way there is",
    "WrongShape": "scores one clip less than it was given",
    "NotANumber": "scores NaN",
    "MissingComponent": "emits a component that it did not declare",
    "Narrow": "emits float32",
    "Unseeded": "draws random numbers that no seed governs",
    "CountsClips": "lets a clip's place in the list decide",
    "Transductive": "standardises with the clips that it happens to score together",
    "Forgets": "does not save all that it learned",
    "Remembers": "keeps what it learned in a variable of its module",
    "Wears": "changes a little with every clip that it scores",
    "Pickles": "saves itself as a pickle",
    "Inverted": "calls normal clips anomalous",
    "AsksTheDevice": "has a training step that waits for a value from the device",
    "OwnNeighbour": "finds every training clip beside itself",
}


@dataclass(frozen=True)
class BadConfig:
    machine: str = option("", "the only machine type that it misbehaves on; on all if empty")


def name_of(class_: str) -> str:
    """``WrongShape`` -> ``bad-wrong-shape``."""
    return "bad" + "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in class_)


@hookimpl
def asd_detectors() -> list[DetectorSpec]:
    return [
        DetectorSpec(
            name=name_of(class_),
            summary=what,
            target=f"asd_bench_fake_badly_behaved.detectors:{class_}",
            frontend="mel",
            config=BadConfig,
            components=("distance",),
            scope="machine",
        )
        for class_, what in CLASSES.items()
    ]


@hookimpl
def asd_systems() -> list[SystemSpec]:
    return [
        SystemSpec(name=name_of(class_), summary=what, members=(Member(name_of(class_)),))
        for class_, what in CLASSES.items()
    ]
