"""`.github/skill-fleet.yml` of a served repository: default branch only, strict schema, last good one kept."""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.journey import PipelineOptions


class RepoConfig(BaseModel):
    """What a repository decides about its own requests. All fields have working defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str = Field("skill-request", min_length=1, max_length=50)
    pipeline: PipelineOptions = PipelineOptions()
    auto_start: tuple[str, ...] = Field((), description="logins whose own requests start without a maintainer")
    requester_may_approve: bool = Field(True, description="may the requester alone approve, given write access?")
    reviewers: tuple[str, ...] = ()
    remind_after_days: int = Field(3, ge=1, le=90)
    expire_after_days: int = Field(14, ge=1, le=365)
    validation_profile: str = "default"
    notifications: str = Field("all", pattern="^(all|outcomes|none)$")
