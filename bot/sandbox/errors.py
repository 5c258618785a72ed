"""The refusals of GitHub's API: status, words and the `errors[]` list, exactly as clients match on them."""

from bot.sandbox.values import JsonObject

DOCS = "https://docs.github.com/rest"


class ApiError(Exception):
    """Ends a request with an error answer. Raise it anywhere below a handler."""

    def __init__(
        self,
        status: int,
        message: str,
        errors: list[JsonObject | str] | None = None,
        headers: dict[str, str] | None = None,
        documentation: str = DOCS,
    ) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = headers or {}
        self.documentation = documentation

    def body(self) -> JsonObject:
        data: JsonObject = {"message": self.message}
        if self.errors is not None:
            data["errors"] = self.errors
        return {**data, "documentation_url": self.documentation, "status": str(self.status)}


def not_found() -> ApiError:
    return ApiError(404, "Not Found")


def bad_credentials() -> ApiError:
    return ApiError(401, "Bad credentials")


def requires_authentication() -> ApiError:
    return ApiError(401, "Requires authentication")


def not_accessible() -> ApiError:
    return ApiError(403, "Resource not accessible by integration")


def must_be_admin() -> ApiError:
    return ApiError(403, "Must have admin rights to Repository.")


def invalid(resource: str, field: str | None, code: str, message: str | None = None) -> ApiError:
    """422 Validation Failed with one entry in `errors[]`."""
    entry: JsonObject = {"resource": resource, "code": code}
    if field is not None:
        entry["field"] = field
    if message is not None:
        entry["message"] = message
    return ApiError(422, "Validation Failed", [entry])


def too_long(resource: str, field: str, limit: int) -> ApiError:
    return invalid(resource, field, "custom", f"{field} is too long (maximum is {limit} characters)")


def malformed(text: str) -> ApiError:
    """422 for a request whose body has the wrong shape."""
    return ApiError(422, f"Invalid request.\n\n{text}")


def unprocessable(message: str) -> ApiError:
    """422 without `errors[]`, as the Git Data API answers."""
    return ApiError(422, message)
