"""The Agent Skills format: reading, rendering, discovering and validating skills. Never imports a model library."""
