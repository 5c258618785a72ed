"""The drafter for teams without a model: it arranges the request's own words and asks for what is missing.

It never invents. What it does not know it asks, or leaves out; what it cannot change it says.
"""

from pipeline.outline.drafter import OutlineAdapter, OutlineDrafter

__all__ = ["OutlineAdapter", "OutlineDrafter"]
