"""The REST endpoints, one file per concern: read the request, check who may, call `ops`, render."""
