"""The base of all modules: typed questions to the model that go through the session's call store."""

from typing import Any

import dspy

from pipeline.session import current_session


class Step(dspy.Module):
    """`aforward` of a subclass asks with `self.ask`; each question is stored before its answer is used.

    Outside a session (optimisation) questions go to the ambient `dspy.context`. Errors are raised, never replaced by
    empty results.
    """

    async def ask(self, predictor: dspy.Predict, **inputs: Any) -> Any:
        """The predictor's outputs, as an object with one attribute per output field."""
        session = current_session()
        if session is None:
            return await predictor.acall(**inputs)
        module = type(self).__name__.removesuffix("Module")
        return dspy.Prediction(**await session.ask(predictor, module, inputs))
