"""Which model a repository's requests use: the service's own, or one that the operator allows to be chosen instead.

A repository names a model and nothing else. Addresses, keys, limits and fallbacks stay the service's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.journey import Failure
from pipeline.lm.settings import ModelSettings
from pipeline.runtime import Drafter

_SHOWN = 80


class ModelNotAllowed(ValueError):  # noqa: N818 - says what is the case
    """A model was named that may not be chosen here; `failure` says so to people."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


@dataclass(frozen=True)
class Models:
    """`own` is None when there is no model at all and the outline drafter answers."""

    own: Drafter | None = None
    allowed: Mapping[str, Drafter] = field(default_factory=dict)

    def choose(self, wanted: str) -> Drafter | None:
        """The model called `wanted`, the service's own for "". Raises ModelNotAllowed."""
        if not wanted or (self.own is not None and wanted == self.own.name):
            return self.own
        if wanted in self.allowed:
            return self.allowed[wanted]
        shown = "".join(character for character in wanted[:_SHOWN] if character.isprintable())
        choice = f"Allowed are {', '.join(self.allowed)}." if self.allowed else "No other model may be chosen here."
        message = (
            f"The repository's configuration asks for the model {shown}, which this service does not allow. {choice}"
        )
        raise ModelNotAllowed(Failure(code="model_not_allowed", message=message, retryable=True))


def build_models(settings: ModelSettings | None, processes: Callable[[], int] = lambda: 1) -> Models:
    """All models these settings allow, sharing their limits, also with as many processes; none without settings."""
    if settings is None:
        return Models()
    from pipeline.lm.model import LanguageModel, Slots

    slots = Slots(settings.concurrency, processes)
    own = LanguageModel(settings, slots=slots)
    others = [name for name in settings.allowed if name != settings.model]
    return Models(own, {name: LanguageModel(settings, chosen=name, slots=slots) for name in others})
