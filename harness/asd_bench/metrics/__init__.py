"""What a list of anomaly scores is worth: AUC and pAUC, each challenge year's rule, thresholds and intervals.

- `asd_bench.metrics.roc`: AUC, pAUC and the ROC curve of one set of clips.
- `asd_bench.metrics.official`: which clips enter which number in which challenge year, and how the numbers become Ω.
- `asd_bench.metrics.threshold`: the decision threshold from the scores of normal training clips.
- `asd_bench.metrics.bootstrap`: intervals over clips and paired differences between systems.
"""
