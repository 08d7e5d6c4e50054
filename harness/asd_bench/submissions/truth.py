"""Labels and domains of test clips: from the organisers' ground truth, or from the clips' own names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asd_bench.errors import BenchError
from asd_bench.submissions.names import PHASES, Part, Phase, SubmissionYear
from asd_bench.submissions.read import clip_of, read_flags, read_rows

LIST = "eval_data_list.csv"
LABELS, DOMAINS, TRANSLATIONS = "ground_truth_data", "ground_truth_domain", "ground_truth_attributes"

_TRUTH_FILE = re.compile(
    r"ground_truth_(?P<machine>[^_]+)_section_(?P<section>\d\d)_(?:(?P<domain>source|target)_)?test\.csv"
)
_CLIP_2020 = re.compile(r"(?:(?:normal|anomaly)_)?id_(?P<section>\d\d)_\d+")


@dataclass(frozen=True)
class PartTruth:
    """What is known of the test clips of one score file.

    Attributes:
        labels: clip -> 0 (normal) or 1 (anomaly).
        domains: clip -> ``source`` or ``target``; the empty string in 2020.
        translations: another name of a clip -> the clip, for submissions written with labelled names.
    """

    labels: Mapping[str, int]
    domains: Mapping[str, str]
    translations: Mapping[str, str] = field(default_factory=dict)


Truth = Mapping[Part, PartTruth]


def read_truth(year: SubmissionYear, phase: Phase, folder: Path) -> Truth:
    """Read the ground truth that the organisers publish.

    Args:
        folder: holds the list ``eval_data_list.csv`` (2020), or the folder ``ground_truth_data`` and, from 2022 on,
            ``ground_truth_domain``; from 2023 on also ``ground_truth_attributes``, where clips' labelled names are.

    Raises:
        BenchError: something of that is missing, malformed, contradicts itself, or is not of this phase.
    """
    if not folder.is_dir():
        raise BenchError("the ground truth is no folder", where=folder, fix=_steps(year))
    truth = _read_list(year, folder) if year.truth == "list" else _read_folders(year, folder)
    foreign = [str(part) for part in truth if part not in year.parts(phase)]
    if foreign:
        raise BenchError(
            f"{year.dataset}'s {PHASES[phase]} data has no {', '.join(foreign[:3])}{', …' if len(foreign) > 3 else ''}",
            where=folder,
            fix="is this the ground truth of the other phase (--phase), or of another year (--dataset)?",
        )
    return truth


def _steps(year: SubmissionYear) -> str:
    needed = LIST if year.truth == "list" else LABELS if year.truth == "by domain" else f"{LABELS} and {DOMAINS}"
    return f"get {needed} from {year.evaluator} and name the folder that holds {'it' if ' ' not in needed else 'them'}"


# -- 2020: one list ----------------------------------------------------------------------------------------------------


def _read_list(year: SubmissionYear, folder: Path) -> Truth:
    """Lines ``clip,labelled name,label`` in blocks, each after a line with nothing but the machine type."""
    path = folder / LIST
    if not path.is_file():
        raise BenchError(f"there is no {LIST}", where=folder, fix=_steps(year))
    labels: dict[Part, dict[str, int]] = {}
    machine = None
    for line, cells in read_rows(path):
        if len(cells) == 1:
            machine = cells[0]
            continue
        clip = clip_of(cells[0])
        named = _CLIP_2020.fullmatch(clip)
        if machine is None or len(cells) != 3 or named is None or cells[2] not in ("0", "1"):
            raise BenchError(
                f"line {line} is no line of the ground truth",
                where=path,
                fix="a line is a machine type alone, or a clip, its labelled name and 0 or 1",
            )
        of_part = labels.setdefault(Part(machine, named["section"]), {})
        if clip in of_part:
            raise BenchError(f"line {line}: {clip} of {machine} stands here a second time", where=path)
        of_part[clip] = int(cells[2])
    return {part: PartTruth(of_part, dict.fromkeys(of_part, "")) for part, of_part in labels.items()}


# -- 2021 and later: folders -------------------------------------------------------------------------------------------


def _read_folders(year: SubmissionYear, folder: Path) -> Truth:
    truth = {}
    for part, path in _truth_files(year, folder / LABELS).items():
        labels = read_flags(path)
        if part.domain:
            domains = dict.fromkeys(labels, part.domain)
        else:
            domains = _domains(year, folder / DOMAINS / path.name, labels)
        translations = _translations(folder / TRANSLATIONS / path.name, labels) if year.has_translations else {}
        truth[part] = PartTruth(labels, domains, translations)
    return truth


def _truth_files(year: SubmissionYear, folder: Path) -> dict[Part, Path]:
    files = {}
    for path in sorted(folder.glob("ground_truth_*.csv")):
        named = _TRUTH_FILE.fullmatch(path.name)
        if named is None:
            raise BenchError("the name of this file of the ground truth is unknown", where=path, fix="move it away")
        files[Part(named["machine"], named["section"], named["domain"] or "")] = path
    if not files:
        raise BenchError(f"there is no {LABELS}/ground_truth_*.csv", where=folder.parent, fix=_steps(year))
    return files


def _domains(year: SubmissionYear, path: Path, labels: Mapping[str, int]) -> dict[str, str]:
    if not path.is_file():
        raise BenchError("the domains of these clips are missing", where=path, fix=_steps(year))
    flags = read_flags(path)
    if flags.keys() != labels.keys():
        raise BenchError(
            f"{LABELS} and {DOMAINS} do not hold the same clips: {len(flags.keys() ^ labels.keys())} in one only",
            where=path,
            fix=_steps(year),
        )
    return {clip: "target" if flag else "source" for clip, flag in flags.items()}


def _translations(path: Path, labels: Mapping[str, int]) -> dict[str, str]:
    """Labelled names -> clips, from lines ``clip,labelled name[,name with all attributes]``."""
    if not path.is_file():
        return {}
    translations: dict[str, str] = {}
    for line, cells in read_rows(path):
        clip = clip_of(cells[0])
        if len(cells) not in (2, 3) or clip not in labels:
            raise BenchError(
                f"line {line} does not name another name of a clip of {LABELS}",
                where=path,
                fix="a line is a clip, its labelled name and, where attributes are hidden, its full name",
            )
        for other in map(clip_of, cells[1:]):
            if translations.setdefault(other, clip) != clip:
                raise BenchError(f"line {line}: {other} is also the name of {translations[other]}", where=path)
    return translations


# -- development data: the clips' own names ----------------------------------------------------------------------------


def truth_of_names(year: SubmissionYear, part: Part, clips: Iterable[str], path: Path) -> PartTruth:
    """Labels and domains that the clips' own names give away, as those of development data do.

    Args:
        clips: as `asd_bench.submissions.read` names them.
        path: the file that they come from, for messages.

    Raises:
        BenchError: a name does not give its label away, or is of another section or domain than the file's.
    """
    labels, domains = {}, {}
    for clip in clips:
        named = year.clip.fullmatch(clip)
        if named is None:
            raise BenchError(
                f"the name of {clip} does not say whether it is normal",
                where=path,
                fix="for evaluation data: --phase eval --ground-truth DIR",
            )
        found = named.groupdict()
        domain = found.get("domain", "")
        if found["section"] != part.section or (part.domain and domain != part.domain):
            raise BenchError(f"{clip} is no clip of {part}", where=path, fix="do not mix files of several sections")
        labels[clip] = int(found["label"] == "anomaly")
        domains[clip] = domain
    return PartTruth(labels, domains)
