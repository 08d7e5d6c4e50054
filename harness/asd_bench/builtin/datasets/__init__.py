"""The datasets that come with the core: the challenge's years, and synthetic ones in their layouts."""

from __future__ import annotations

from asd_bench import DatasetSpec, hookimpl
from asd_bench.builtin.datasets.years import DCASE2023, YEARS
from asd_bench.builtin.synthetic.options import MACHINES_2020, MACHINES_2023, Synthetic2023Config, SyntheticConfig


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
    return [*real, *_synthetic()]


def _synthetic() -> list[DatasetSpec]:
    target = "asd_bench.builtin.datasets.synthetic:SyntheticReader"
    plain, domains = SyntheticConfig(), Synthetic2023Config()
    ids = [(machine, section) for machine, sections in MACHINES_2020.items() for section in sections]
    sections = [(machine, section) for machine, sections in MACHINES_2023.items() for section in sections]
    return [
        DatasetSpec(
            name="synthetic2020",
            summary="made-up machine sounds as in 2020: machine IDs, no domains; no download",
            target=target,
            rule="2020",
            machines=MACHINES_2020,
            n_train=dict.fromkeys(ids, plain.n_train),
            n_test=dict.fromkeys(ids, plain.n_normal + plain.n_anomaly),
            config=SyntheticConfig,
            synthetic=True,
            aliases=("synthetic",),
        ),
        DatasetSpec(
            name="synthetic2023",
            summary="made-up machine sounds as in 2023: one section, two domains, attributes; no download",
            target=target,
            rule="2023",
            machines=MACHINES_2023,
            n_train=dict.fromkeys(sections, domains.n_train),
            n_test=dict.fromkeys(sections, domains.n_normal + domains.n_anomaly),
            reveals=DCASE2023.reveals,
            config=Synthetic2023Config,
            synthetic=True,
        ),
    ]
