"""What can be chosen about the synthetic datasets, apart from the code that makes them: declaring costs no scipy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asd_bench.specs import option

#: Raise it when any sample of any clip, or any file name, changes.
GENERATOR_VERSION = 1

MACHINE_TYPES = ("fan", "pump", "slider", "valve")

#: Machine type -> sections, by challenge year.
MACHINES_2020: Mapping[str, tuple[str, ...]] = dict.fromkeys(MACHINE_TYPES, ("00", "02"))
MACHINES_2021: Mapping[str, tuple[str, ...]] = dict.fromkeys(MACHINE_TYPES, ("00", "01", "02"))
MACHINES_2023: Mapping[str, tuple[str, ...]] = dict.fromkeys(MACHINE_TYPES, ("00",))

#: The challenge's other machine types -> the one of ours that sounds most like it.
STAND_INS: Mapping[str, str] = {
    # Motors and turning parts.
    "ToyCar": "fan",
    "ToyDrone": "fan",
    "Vacuum": "fan",
    "bandsaw": "fan",
    "bearing": "fan",
    "grinder": "fan",
    # Strokes at a steady pace.
    "ToyTank": "pump",
    "gearbox": "pump",
    # To and fro along a rail or a belt.
    "ToyConveyor": "slider",
    "ToyNscale": "slider",
    "ToyTrain": "slider",
    "shaker": "slider",
}


@dataclass(frozen=True)
class SyntheticConfig:
    """What can be chosen about a synthetic dataset."""

    seed: int = option(0, "Seed of the machines, the rooms and every clip.", minimum=0)
    n_train: int = option(40, "Normal training clips per section.", minimum=1)
    n_normal: int = option(20, "Normal test clips per section.", minimum=1)
    n_anomaly: int = option(20, "Anomalous test clips per section.", minimum=1)
    seconds: float = option(10.0, "Length of a clip in seconds.", minimum=1.0)
    snr_db: float = option(6.0, "Level of the machine while it sounds over the factory noise, in dB.")


@dataclass(frozen=True)
class Synthetic2023Config(SyntheticConfig):
    """What can be chosen where a section has a source and a target domain; each test class is half and half."""

    n_train: int = option(80, "Normal training clips per section, both domains together.", minimum=1)
    n_target_train: int = option(6, "How many of the training clips are of the target domain.", minimum=0)
    n_normal: int = option(40, "Normal test clips per section, half of them of each domain.", minimum=2)
    n_anomaly: int = option(40, "Anomalous test clips per section, half of them of each domain.", minimum=2)


@dataclass(frozen=True)
class Synthetic2021Config(Synthetic2023Config):
    """The same where a machine has several sections, and three clips of the target domain to learn from."""

    n_train: int = option(33, "Normal training clips per section, both domains together.", minimum=1)
    n_target_train: int = option(3, "How many of the training clips are of the target domain.", minimum=0)
    n_normal: int = option(20, "Normal test clips per section, half of them of each domain.", minimum=2)
    n_anomaly: int = option(20, "Anomalous test clips per section, half of them of each domain.", minimum=2)


@dataclass(frozen=True, kw_only=True)
class SyntheticYear:
    """The synthetic dataset of one challenge year.

    Attributes:
        year: the challenge year whose rule, names and folders it has.
        what: what sets it apart from the other years, in a few words.
        machines: machine type -> sections.
        config: its options.
        aliases: other names of the dataset.
    """

    year: str
    what: str
    machines: Mapping[str, tuple[str, ...]]
    config: type[SyntheticConfig]
    aliases: tuple[str, ...] = ()

    @property
    def dataset(self) -> str:
        return f"synthetic{self.year}"


#: Every synthetic dataset, by its challenge year.
SYNTHETIC_YEARS: Mapping[str, SyntheticYear] = {
    year.year: year
    for year in (
        SyntheticYear(
            year="2020",
            what="machine IDs, no domains",
            machines=MACHINES_2020,
            config=SyntheticConfig,
            aliases=("synthetic",),
        ),
        SyntheticYear(
            year="2021",
            what="three sections, two domains",
            machines=MACHINES_2021,
            config=Synthetic2021Config,
        ),
        SyntheticYear(
            year="2023",
            what="one section, two domains, attributes",
            machines=MACHINES_2023,
            config=Synthetic2023Config,
        ),
    )
}
