"""Language models: settings, a metered model with our own retries and fallbacks, and failures in plain words.

`build(settings)` is the only way to get one. Importing this package does not import DSPy.
"""

from typing import TYPE_CHECKING

from pipeline.lm.settings import ModelSettings, ModelSettingsError

if TYPE_CHECKING:
    from pipeline.lm.model import LanguageModel

__all__ = ["ModelSettings", "ModelSettingsError", "build"]


def build(settings: ModelSettings) -> "LanguageModel":
    """A model ready for calls; one per process and settings is enough, it is shared by all jobs."""
    from pipeline.lm.model import LanguageModel

    return LanguageModel(settings)
