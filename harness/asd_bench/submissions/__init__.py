"""Challenge submissions: score and decision files on disk, scored against a year's ground truth.

- `asd_bench.submissions.names`: what each challenge year calls its files, clips, machine types and sections.
- `asd_bench.submissions.find`: the systems in a folder, and the files of each.
- `asd_bench.submissions.read`: one score or decision file.
- `asd_bench.submissions.truth`: labels and domains, from the organisers' files or from the clips' own names.
- `asd_bench.submissions.scoring`: all of it joined by clip name and evaluated by the year's rule.
- `asd_bench.submissions.report`: a scored system as a document, `asd_bench.submissions.official_csv` as the evaluators'
  CSV, with `asd_bench.submissions.ci95` for the one column of it that is there for compatibility only.

No ground truth comes with asd-bench: the organisers' licences of 2023 and later forbid passing it on.
"""
