"""What a listing's text says of its category, for its photos to learn from.

Many a photo shows less than its category says: a cable in "Baby & Kids Stuff" teaches a network
that sees the photo alone nothing but to remember it. A text says how sure one can be, and what
else it might be. Photos learn partly from that ("privileged information": Vapnik and Vashist, 2009;
Lopez-Paz et al., "Unifying distillation and privileged information", ICLR 2016).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from marketrank.models.labels import UNKNOWN, Codes

_FOLDS = 5
_INVERSE_PENALTY = 10.0
_ITERATIONS = 300


def text_beliefs(
    texts: NDArray[np.floating[Any]], codes: Codes, groups: NDArray[np.int64], labels: int
) -> NDArray[np.float32]:
    """Probabilities (n, labels) by a logistic regression on `texts` (n, t), each listing's by one
    that was fitted to other leak `groups` (n,): a teacher that has seen the answer is too sure.

    Certain of a listing's own code where the others cannot teach: fewer than two categories or leak
    groups among them. Rows of unknown code and without a teacher are all zeros.
    """
    beliefs = np.zeros((len(codes), labels), np.float32)
    known = np.flatnonzero(codes != UNKNOWN)
    beliefs[known, codes[known]] = 1.0
    folds = min(_FOLDS, len(np.unique(groups)))
    if folds < 2:
        return beliefs
    for others, rows in GroupKFold(folds).split(texts, groups=groups):
        fitted = others[codes[others] != UNKNOWN]
        if len(np.unique(codes[fitted])) < 2:
            continue
        model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=_ITERATIONS)
        model.fit(texts[fitted], codes[fitted])
        beliefs[rows] = 0.0
        beliefs[np.ix_(rows, model.classes_)] = model.predict_proba(texts[rows])
    return beliefs
