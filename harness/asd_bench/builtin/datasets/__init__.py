"""The datasets that come with the core: the challenge's years, and synthetic ones in their layouts."""

from __future__ import annotations

from asd_bench import hookimpl
from asd_bench.builtin.datasets.years import YEARS
from asd_bench.builtin.synthetic.dataset import FLAVOURS
from asd_bench.specs import DatasetSpec


@hookimpl
def asd_datasets() -> list[DatasetSpec]:
    real = [
        DatasetSpec(
            name=year.dataset,
            summary=f"DCASE {year.year} Challenge Task 2, development data ({len(year.machines)} machine types)",
            target="asd_bench.builtin.datasets.dcase:DcaseReader",
            rule=year.year,
            machines=year.machines,
            n_train=year.n_train,
            n_test=year.n_test,
            reveals=year.reveals,
        )
        for year in YEARS.values()
    ]
    return real
