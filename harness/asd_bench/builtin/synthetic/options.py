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
MACHINES_2023: Mapping[str, tuple[str, ...]] = dict.fromkeys(MACHINE_TYPES, ("00",))


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
