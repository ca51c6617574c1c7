"""What describes the answers."""

from marketrank.api import problems, schemas


def test_every_documented_field_has_an_example_or_a_shape() -> None:
    for model in (
        schemas.SearchAnswer,
        schemas.UnderstoodShape,
        schemas.ParseShape,
        schemas.ListingDetail,
        problems.ProblemShape,
        schemas.CorrectedShape,
        schemas.SuggestionShape,
    ):
        for name, field in model.model_fields.items():
            shapes = {"place", "items", "understood", "parses", "signals", "corrected"}
            assert field.examples or name in shapes, f"{model.__name__}.{name}"
