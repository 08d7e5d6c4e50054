"""The datasets that come with the core: the challenge's years, and synthetic ones in their layouts."""

from __future__ import annotations

from asd_bench import DatasetSpec, hookimpl
from asd_bench.builtin.datasets.options import DcaseConfig
from asd_bench.builtin.datasets.years import YEARS, Year
from asd_bench.builtin.synthetic.options import SYNTHETIC_YEARS, SyntheticYear


@hookimpl
def asd_datasets() -> list[DatasetSpec]:
    return [*map(_real, YEARS.values()), *map(_synthetic, SYNTHETIC_YEARS.values())]


def _real(year: Year) -> DatasetSpec:
    return DatasetSpec(
        name=year.dataset,
        summary=f"DCASE {year.year} Task 2, development data",
        target="asd_bench.builtin.datasets.dcase:DcaseReader",
        rule=year.year,
        machines=year.machines,
        n_train=year.n_train,
        n_test=year.n_test,
        additional=year.evaluation,
        reveals=year.reveals,
        config=DcaseConfig,
    )


def _synthetic(year: SyntheticYear) -> DatasetSpec:
    default = year.config()
    places = [(machine, section) for machine, sections in year.machines.items() for section in sections]
    return DatasetSpec(
        name=year.dataset,
        summary=f"made-up machine sounds as in {year.year}: {year.what}; no download",
        target="asd_bench.builtin.datasets.synthetic:SyntheticReader",
        rule=year.year,
        machines=year.machines,
        n_train=dict.fromkeys(places, default.n_train),
        n_test=dict.fromkeys(places, default.n_normal + default.n_anomaly),
        reveals=YEARS[f"dcase{year.year}"].reveals,
        config=year.config,
        synthetic=True,
        aliases=year.aliases,
    )
