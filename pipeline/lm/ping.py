"""One tiny call: is the model there, does it take our credentials, and can its answer be read?"""

import dspy

from pipeline.lm.model import LanguageModel
from pipeline.lm.settings import ModelSettings
from pipeline.models import Usage


class Ping(dspy.Signature):
    """Say that you are ready."""

    ready: bool = dspy.OutputField()


async def ping(settings: ModelSettings) -> Usage:
    """What the call cost. Raises CallFailed with a sentence for the operator."""
    model = LanguageModel(settings)
    try:
        return (await model.answer(dspy.Predict(Ping), {}, Usage())).usage
    finally:
        await model.aclose()
