"""Whether a learned ranker treats groups of buyers alike: asked before it is promoted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.audit_table import Fact
from marketrank.buyers.fairness import Limits
from marketrank.buyers.sensitive import SensitiveCategories
from marketrank.errors import BadInput
from marketrank.feedback.sessions import groups, split_by_time
from marketrank.people import Buyer, Impression, Session
from marketrank.pipelines.audit import as_dict, audit_sessions
from marketrank.pipelines.train_ranker import Learned
from marketrank.ranking import ltr
from marketrank.ranking.session_features import columns_of
from marketrank.ranking.session_model import SessionModel
from marketrank.types import ListingId

AUDIT = "audit"


def audited(
    learned: Learned,
    sessions: Sequence[Session],
    buyers: Iterable[Buyer],
    facts: Mapping[ListingId, Fact],
    *,
    later: float,
    categories: SensitiveCategories,
    limits: Limits,
    seed: int,
) -> Learned:
    """What was learned, with an audit of the later sessions as the model would order them: its
    reasons join `worse`, and the whole of it the report and what the model tells of itself. Where
    no buyer has agreed to be looked at the audit says that nothing was judged."""
    first = split_by_time(groups(sessions), later)[1][0].impression.at
    late = [one for one in sessions if one.impression.at >= first]
    try:
        found = audit_sessions(
            late,
            buyers,
            facts,
            categories=categories,
            limits=limits,
            seed=seed,
            score=_Score(learned.model),
            of="the new ranker",
        )
        told = as_dict(found, limits)
    except BadInput as error:
        told = {"reasons": [], "too_few": [], "unjudged": [str(error)]}
    trained = {**learned.model.trained, AUDIT: told}
    return replace(
        learned,
        model=replace(learned.model, trained=trained),
        report={**learned.report, AUDIT: told},
        worse=[*learned.worse, *told["reasons"]],
    )


class _Score:
    """How a model scores an impression's candidates."""

    def __init__(self, model: SessionModel) -> None:
        self._trees = ltr.Trees(model.trees, len(model.features))
        self._features = model.features

    def __call__(self, shown: Impression) -> NDArray[np.float32]:
        return self._trees(shown.features[:, columns_of(shown.names, self._features)])
