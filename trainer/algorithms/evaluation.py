"""What a detector's scores are worth: one report for each AU, the mean over AUs, folds and distributions.

`evaluate` returns plain lists and numbers, ready for JSON. Every list of AUs is in the order of the
columns given. Figures are rounded to six digits. **What cannot be told is None, never 0**: F1 where no
face has the AU, an AUC of one class, a mean over nothing. A code counts where it is known (1 or 0) and
has a score; `known` and `positives` (n⁺) say how many there are.

```
{"faces": faces with a code that counts, "subjects": their subjects, "resamples": resamples of the bootstrap,
 "aus": [{"known": n, "positives": n, "base_rate": x|None, "auc": I|None, "brier": x|None,
          "calibration_error": x|None,                      # expected calibration error over those bins:
          "calibration": [{"score": mean, "rate": share present, "faces": n}],   # 10 of equal width, none empty
          "rules": {"fixed": R, "validation": R|None, "base_rate": R}}],
 "mean": {"auc": I|None, "rules": {"fixed": M, "validation": M|None, "base_rate": M}},   # over AUs
 "folds": [{"faces": n, "subjects": n,                      # in order of the fold's number; [] without folds
            "rules": {"fixed": {"f1": [x|None], "mean_f1": x|None}, "validation": …|None, "base_rate": …}}],
 "distribution": {"rule": "validation" where thresholds are given, else "fixed",
                  "reference": {"marginal": [x|None], "conditional": [[x|None]]},
                  "predicted": {the same of the calls},
                  "difference": {the same, absolute, "marginal_mean": x|None, "conditional_mean": x|None}},
 "histograms": [{"edges": [21], "present": [20], "absent": [20], "unknown": [20]}]}     # faces by score

I = {"value": x, "low": x|None, "high": x|None}             # 95% over subjects; None: not to be told from so few
R = {"threshold": x|None, "called": n, "f1": I|None, "precision": x|None, "recall": x|None,
     "s_score": x|None, "accuracy": x|None, "balanced_accuracy": x|None}
M = {"f1": I|None, "f1_folds": x|None, "s_score": x|None, "accuracy": x|None, "balanced_accuracy": x|None,
     "aus": AUs with a defined F1}                          # f1_folds: mean over folds of their mean_f1
```

`conditional[i][j]` is P(AU i present | AU j present).

The rules call a face present where its score is above a threshold: `fixed` 0.5; `validation` the threshold
given, chosen on faces that are not judged here; `base_rate` calls the highest-scored, as many as are present.
The last one knows the answer's base rate: it compares rankings and is no forecast of use.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.algorithms.thresholds import thresholds_choose

__all__ = ["evaluate", "thresholds_choose"]


def evaluate(
    labels: NDArray[np.integer[Any]],
    scores: NDArray[np.floating[Any]],
    groups: NDArray[np.integer[Any]],
    *,
    thresholds: NDArray[np.floating[Any]] | None = None,
    folds: NDArray[np.integer[Any]] | None = None,
    resamples: int = 200,
    seed: int = 0,
) -> dict[str, Any]:
    """The report described above.

    labels: (N, A) in {1, 0, -1}. scores: (N, A) probabilities, NaN where there is none. groups: (N,)
    subject ids, below 0 the face is its own subject. thresholds: (A,), or (N, A) where each fold has
    its own. folds: (N,) the fold that a face was left out of, below 0 none.
    """
    raise NotImplementedError
