"""The tree of skills in a repository, read from the repository."""

from pydantic import BaseModel, ConfigDict


class Taxonomy(BaseModel):
    """The skills that exist, as a value."""

    model_config = ConfigDict(frozen=True, extra="forbid")
