"""Frozen declarations: what a plugin returns from its hooks.

A spec names its heavy class by a lazy string, ``"package.module:Class"``, so that declaring costs no import of torch.
Configuration classes are plain frozen dataclasses whose every field is made with `option`, which carries its
documentation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Scope = Literal["section", "machine", "dataset"]

#: The profile that every system has: its published schedule. Only its results are ranked.
PAPER = "paper"


def option(default: Any, doc: str, *, minimum: float | None = None, file: bool = False, required: bool = False) -> Any:
    """A documented field of a configuration dataclass.

    Args:
        default: the value where nobody says otherwise.
        doc: one sentence, shown by ``asd-bench config`` and ``asd-bench show``.
        minimum: smallest admissible value of a numeric field.
        file: whether the text is the path of a file, or empty for none; an option of detectors. The file has to be
            there before anything is fitted, and fits are told apart by what is in it, not by where it is. A fit is told
            the path; a detector that others use may find it empty when it is loaded, for the file may be gone.
        required: whether a run has to name a value: the default is empty, so that the option can be shown.
    """
    return field(default=default, metadata={"doc": doc, "minimum": minimum, "file": file, "required": required})


@dataclass(frozen=True)
class NoConfig:
    """The configuration of a part that has nothing to set."""


@dataclass(frozen=True, kw_only=True)
class Paper:
    """Where a system was published."""

    title: str
    authors: str
    year: int
    venue: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Reveals:
    """Which metadata the year's protocol gives a detector, beside machine and section.

    Attributes:
        train: of ``domain`` and ``attributes``, those known for training clips.
        test: the same for test clips (2021 tells the domain, 2022 and later nothing).
    """

    train: frozenset[str] = frozenset()
    test: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A dataset: where its clips come from, what its protocol reveals, which year's rule scores it.

    Attributes:
        name: as typed after ``--dataset``.
        summary: one line for ``asd-bench list``.
        target: lazy name of the reader class, see `asd_bench.data.manifest.Reader`.
        rule: the challenge year whose metrics apply (`asd_bench.metrics.official.RULES`).
        machines: the published table, machine type -> sections.
        n_train, n_test: published number of clips per (machine, section); a pair missing in the table is not checked.
        additional: machine types and sections of additional training clips, which a reader adds on request: they are
            trained on and never scored.
        reveals: what detectors may see of the metadata.
        config: dataclass of the dataset's options (``--set dataset.x=…``).
        synthetic: whether the sounds are made up: its page and experiment are its own.
        version: enters result keys; raise it when the reader's output changes.
        aliases: other names that it answers to.
    """

    name: str
    summary: str
    target: str
    rule: str
    machines: Mapping[str, tuple[str, ...]]
    n_train: Mapping[tuple[str, str], int] = field(default_factory=dict)
    n_test: Mapping[tuple[str, str], int] = field(default_factory=dict)
    additional: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reveals: Reveals = Reveals()
    config: type = NoConfig
    synthetic: bool = False
    version: int = 1
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FrontendSpec:
    """A stateless, batched transform of waveforms.

    Attributes:
        target: lazy name of a class built from the config; see `asd_bench.frontends.Frontend`.
        config: its configuration dataclass.
        defaults: values of this preset that differ from the dataclass's own.
        version: enters fit keys; raise it when the numbers change.
    """

    name: str
    summary: str
    target: str
    config: type = NoConfig
    defaults: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1


@dataclass(frozen=True)
class Use:
    """Something a detector needs fitted first: it appears as ``ctx.upstream[role]``."""

    role: str
    detector: str


@dataclass(frozen=True, kw_only=True)
class DetectorSpec:
    """A detector: fitted on normal clips only, scores clips, higher means more anomalous.

    Attributes:
        target: lazy name of a class with the four methods of `asd_bench.Detector`.
        frontend: the frontend whose frames it gets.
        config: its configuration dataclass.
        components: the names of the scores that it emits.
        scope: one fit per section, per machine type, or for the whole dataset.
        uses: detectors fitted before it.
        min_classes: classes it needs in its scope; with fewer the fit stops with a `BenchError`.
    """

    name: str
    summary: str
    target: str
    frontend: str
    config: type = NoConfig
    components: tuple[str, ...] = ("score",)
    scope: Scope = "machine"
    uses: tuple[Use, ...] = ()
    min_classes: int = 1


@dataclass(frozen=True, kw_only=True)
class EnsemblerSpec:
    """How the members' scores become one; see `asd_bench.Ensembler`.

    Attributes:
        transductive: whether it standardises with statistics of the test scores; the row is marked.
    """

    name: str
    summary: str
    target: str
    config: type = NoConfig
    transductive: bool = False


@dataclass(frozen=True)
class Member:
    """One detector's one component inside a system.

    Attributes:
        detector: name of the detector.
        component: which of its scores; may be left out where it emits one only.
        name: how the member is called in ``--set name.x=…``; the detector's name by default.
        config: values that differ from the detector's defaults.
    """

    detector: str
    component: str | None = None
    name: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.name or self.detector


@dataclass(frozen=True)
class TopK:
    """Only the k members with the best Ω are fused, chosen by the harness; the row is marked.

    Attributes:
        k: how many.
        per: what is chosen for; each machine type has its own.
        on: what Ω is taken on: the labels of the development data's test clips.
    """

    k: int
    per: Literal["machine"] = "machine"
    on: Literal["dev-labels"] = "dev-labels"


@dataclass(frozen=True, kw_only=True)
class SystemSpec:
    """A named recipe: members, how they are fused, and the profiles it can run in.

    Attributes:
        members: detectors whose scores are fused.
        ensembler: name of the ensembler.
        recipe: dotted configuration values of the published system (``{"pae.hop": 1}``).
        profiles: what ``quick`` (minutes on two cores) and ``smoke`` (seconds) change, dotted; ``paper`` changes
            nothing.
        paper: where it was published.
        select: which members are fused, where that is decided on labels.
        tuned_on_labels: says what was tuned on test labels, where a published setting was; the row is marked.
        aliases: other names that it answers to.
    """

    name: str
    summary: str
    members: tuple[Member, ...]
    ensembler: str = "identity"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    paper: Paper | None = None
    select: TopK | None = None
    tuned_on_labels: str | None = None
    aliases: tuple[str, ...] = ()


def spec_kind(spec: object) -> str:
    """``DatasetSpec`` -> ``dataset``, for messages."""
    return type(spec).__name__.removesuffix("Spec").lower()


def doc_of(field_: dataclasses.Field) -> str:
    """The documentation that `option` stored with a field."""
    return field_.metadata.get("doc", "")
