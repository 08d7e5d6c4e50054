"""Results in the store: a child run per seed, and a parent run per system and configuration with means over them."""

from __future__ import annotations

import datetime
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asd_bench.events import ResultMade
from asd_bench.keys import short
from asd_bench.records import Workspace, read_json
from asd_bench.tracking import describe
from asd_bench.tracking.fits import fits_experiment
from asd_bench.tracking.store import KIND, NOTE, PARENT, Point, Store, TrackedRun, milliseconds
from asd_bench.tracking.views import result_views

MADE = "asd.made"
SEEDS = "asd.seeds"
#: On a parent: keys of the children that its means took into account.
CHILDREN = "asd.results"
#: On a child: another result of the same seed is newer and counts in its place.
SUPERSEDED = "asd.superseded_by"


class ResultLog:
    """Writes results to a store.

    Args:
        store: the store.
        workspace: where the records of the results' fits are.
    """

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._store = store
        self._workspace = workspace
        self._changed: dict[str, TrackedRun] = {}

    def made(self, made: ResultMade) -> bool:
        """Write a result unless the store has it; whether it was. The means over seeds follow with the next flush."""
        result = made.document
        known = self._store.find(self._experiment(result), _group(result), result["key"])
        parent = self._parent(result)
        if short(result["key"]) not in parent.tags.get(CHILDREN, "").split():
            self._changed[parent.id] = parent
        if known and known.status == "FINISHED" and known.tags.get(MADE, "") >= result["made"]:
            return False
        self._changed[parent.id] = parent
        self._write(made, parent)
        return True

    def flush(self) -> None:
        """Compute the means anew, from the children in the store, of parents whose children have changed."""
        for parent in self._changed.values():
            self._summarise(parent)
        self._changed.clear()

    # -- a seed's run ----------------------------------------------------------------------------------------------

    def _parent(self, result: Mapping[str, Any]) -> TrackedRun:
        return self._store.find_or_create(
            self._experiment(result),
            _group(result),
            describe.system_key(result),
            describe.system_name(result),
            _made_at(result),
            {**describe.system_tags(result), KIND: describe.SYSTEM},
        )

    def _write(self, made: ResultMade, parent: TrackedRun) -> None:
        result, at = made.document, _made_at(made.document)
        tags = {**describe.result_tags(result), PARENT: parent.id}
        experiment, name = self._experiment(result), describe.result_name(result)
        run = self._store.find_or_create(experiment, _group(result), result["key"], name, at, tags)
        points = [Point(metric, value, at) for metric, value in describe.result_metrics(result).items()]
        params = describe.result_params(result)
        note = describe.result_note(result, self._links(result))
        self._store.write(run, points, {**params, "seed": str(result["seed"])}, {**tags, NOTE: note})
        self._store.write(parent, params=params)
        for split in ("train", "test"):
            clips = {place: count[split] for place, count in result["clips"].items()}
            profile = json.dumps({"clips": sum(clips.values()), **clips})
            self._store.add_dataset(run, f"{result['dataset']} {split}", result["data"], split, profile)
        self._upload(run, made.folder, result)
        self._store.conclude(run, "FINISHED", at)

    def _upload(self, run: TrackedRun, folder: Path, result: Mapping[str, Any]) -> None:
        with tempfile.TemporaryDirectory(prefix="asd-bench-") as temporary:
            config, env = Path(temporary, "config.json"), Path(temporary, "env.json")
            config.write_text(json.dumps(result["config"], indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            env.write_text(json.dumps(self._environments(result), indent=1) + "\n", encoding="utf-8")
            names = ("result.json", "scores.parquet", "train_scores.parquet")
            plots = {f"plots/{plot.name}": plot for plot in sorted((folder / "plots").glob("*"))}
            files = {**{name: folder / name for name in names}, **plots, config.name: config, env.name: env}
            self._store.upload(run, files)

    def _environments(self, result: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The environments of the result's fits, each once, with the fits that ran in it."""
        found: dict[str, dict[str, Any]] = {}
        for detector, scope, key in describe.fits_of(result):
            path = self._workspace.fit(detector, key) / "env.json"
            environment = read_json(path) if path.is_file() else {}
            entry = found.setdefault(json.dumps(environment, sort_keys=True), {"fits": [], "environment": environment})
            entry["fits"].append(f"{detector} {scope} {short(key)}")
        return list(found.values())

    def _links(self, result: Mapping[str, Any]) -> dict[str, str]:
        """Fit key -> address of its run, relative to MLflow's page."""
        experiment = fits_experiment(self._store, result["dataset"])
        links = {}
        for detector, _, key in describe.fits_of(result):
            run = self._store.find(experiment, (describe.DETECTOR_TAG, detector), key)
            if run is not None:
                links[key] = f"#/experiments/{experiment}/runs/{run.id}?workflowType=machine_learning"
        return links

    def _experiment(self, result: Mapping[str, Any]) -> str:
        dataset = result["dataset"]
        return self._store.experiment(dataset, describe.RESULTS, describe.experiment_note(describe.RESULTS, dataset))

    # -- means over seeds ------------------------------------------------------------------------------------------

    def _summarise(self, parent: TrackedRun) -> None:
        children = self._store.search([parent.experiment], f"tags.`{PARENT}` = '{parent.id}' and status = 'FINISHED'")
        children.sort(key=lambda child: child.tags[MADE])
        newest = {child.tags["asd.seed"]: child for child in children}
        metrics = describe.over_seeds(child.metrics for child in newest.values())
        changed = {name: value for name, value in metrics.items() if parent.metrics.get(name) != value}
        seeds = sorted(int(seed) for seed in newest)
        tags = {
            SEEDS: " ".join(map(str, seeds)),
            CHILDREN: " ".join(short(child.tags["asd.key"]) for child in children),
            NOTE: describe.system_note(metrics, seeds, parent.tags),
        }
        now = milliseconds()
        self._store.write(parent, [Point(name, value, now) for name, value in changed.items()], tags=tags)
        for child in children:
            successor = newest[child.tags["asd.seed"]]
            if successor is not child and child.tags.get(SUPERSEDED) != short(successor.tags["asd.key"]):
                self._store.write(child, tags={SUPERSEDED: short(successor.tags["asd.key"])})
        views = result_views(metrics, self._store.experiment_tags(parent.experiment))
        self._store.tag_experiment(parent.experiment, views)
        if parent.status != "FINISHED":
            self._store.conclude(parent, "FINISHED", now)


def _group(result: Mapping[str, Any]) -> tuple[str, str]:
    return describe.SYSTEM_TAG, result["system"]


def _made_at(result: Mapping[str, Any]) -> int:
    return milliseconds(datetime.datetime.fromisoformat(result["made"]).timestamp())
