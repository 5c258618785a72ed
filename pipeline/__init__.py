"""The pipeline: from a request to a validated skill. Knows no GitHub, no HTTP server and no database."""

import os

# Read by DSPy, litellm and MLflow when they are imported: no price-list download, no telemetry. Without the first,
# a machine without network waits for seconds on import and an MLflow server next to litellm never starts.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
