"""Learns better instructions from requests that people decided about: GEPA, a deterministic metric, a held-out part."""
