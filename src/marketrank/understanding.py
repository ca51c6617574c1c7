"""How an engine understands a request: what its words mean, in the right spelling, and which
category they are about."""

from dataclasses import dataclass, replace

from marketrank.asking import Candidates, Correction, ParseKind, Request, Understood
from marketrank.retrieval.follow import View
from marketrank.retrieval.spelling import correct
from marketrank.retrieval.understand import boosting
from marketrank.retrieval.understand.categories import understand_category
from marketrank.retrieval.understand.reading import Reader
from marketrank.types import Vectors


@dataclass(frozen=True, slots=True)
class Understanding:
    """How queries are read, how much what they hint at lifts a listing, and the probability from
    which a category is shown as understood."""

    reader: Reader
    weights: boosting.Weights
    confidence: float


class Understander:
    """Reads requests. Without an `understanding` a query is words alone."""

    def __init__(self, understanding: Understanding | None) -> None:
        self._understanding = understanding

    def understand(
        self, view: View, request: Request
    ) -> tuple[Understood, Request, Correction | None]:
        """What the request means, the request that says so plainly and in the right spelling, and
        what was or could be corrected in it."""
        understood, plain = self._read(request)
        corrected = self._corrected(view, plain, understood)
        if corrected is None or not corrected.certain:
            return understood, plain, corrected
        # Only now "undr £50" may say what it means.
        meant = replace(request, text=request.text.replace(corrected.original, corrected.text))
        again, anew = self._read(meant)
        if again.parses == understood.parses:
            understood = replace(understood, text=corrected.text)
            return understood, replace(plain, text=corrected.text), corrected
        return again, anew, corrected

    def categorise(
        self, view: View, request: Request, understood: Understood, query: Vectors | None
    ) -> Understood:
        """Add the category, which takes the query's vector to know."""
        model, words_alone = view.categories, request.photo is None and bool(request.text.strip())
        if self._understanding is None or model is None or query is None or not words_alone:
            return understood
        if request.like is not None or ParseKind.CATEGORY in request.ignore:
            return understood
        return understand_category(
            understood, request.text, model, query, confidence=self._understanding.confidence
        )

    def boost(self, view: View, understood: Understood, candidates: Candidates) -> Candidates:
        """Lift what the request hints at."""
        if self._understanding is None:
            return candidates
        return boosting.boost(
            candidates,
            understood,
            weights=self._understanding.weights,
            catalogue=view.catalogue,
            text=view.text,
        )

    def _corrected(self, view: View, request: Request, understood: Understood) -> Correction | None:
        """None where nothing is to be corrected, or it is not wanted."""
        if not (request.spelling and request.text.strip()):
            return None
        read = {word for parse in understood.parses for word in parse.words.lower().split()}

        def is_right(word: str) -> bool:
            return word in read or view.text.occurs(word)

        found = correct(request.text, view.vocabulary, is_right, is_common=view.encoder.knows)
        return found if found.changed else None

    def _read(self, request: Request) -> tuple[Understood, Request]:
        """What the request means, and the request that says so plainly."""
        if self._understanding is None:
            return Understood(text=request.text, filters=request.filters), request
        understood = self._understanding.reader.read(request)
        return understood, replace(request, text=understood.text, filters=understood.filters)
