"""One tiny call to the configured model, only when asked for: it costs a few tokens."""

from bot.doctor.report import Line, ok, problem
from pipeline.lm import ModelSettings
from pipeline.runtime import CallFailed


async def ping_model(settings: ModelSettings) -> Line:
    """Does the model answer in a form that can be read?"""
    from pipeline.lm.ping import ping  # DSPy is imported only now: it takes seconds

    once = settings.model_copy(update={"retries": 0, "fallbacks": (), "timeout_seconds": 60.0})
    try:
        usage = await ping(once)
    except CallFailed as failed:
        fix = "Check SKILL_FLEET_MODEL, SKILL_FLEET_MODEL_API_BASE and SKILL_FLEET_MODEL_API_KEY."
        return problem("model", f"{settings.model}: {failed.failure.message}", fix)
    return ok("model", f"{settings.model} answers ({usage.prompt_tokens + usage.completion_tokens} tokens)")
