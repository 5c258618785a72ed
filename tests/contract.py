"""GitHub's published API description as a checker: what a request, an answer or a webhook payload breaks of it.

The description (`tests/data/github-contract.json.gz`, MIT, see the notice beside it) knows shapes, not behaviour:
permissions, limits and state are for the sandbox. Requests are checked strictly, unknown properties included; answers
and webhooks against their schemas.
"""

import gzip
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from bot.sandbox.exchanges import Exchange

DESCRIPTION = Path(__file__).parent / "data" / "github-contract.json.gz"
_URI = "urn:github"
_SLASHED = ("/contents/{path}", "/compare/{basehead}")  # parameters that span slashes without the description saying so
_ANYWHERE = {301, 304, 307, 400, 401, 403, 404, 409, 410, 415, 422, 429, 500, 502, 503}  # from anything on GitHub
# Mistakes of the description itself. An account would have to be a user and an enterprise at once; a review comment
# whose line has left the diff has no line and no position, and the head of a pull request whose fork was deleted has no
# repository, as GitHub's own webhook schemas say.
_MISTAKES = {
    "GET /app/installations": r"\d+/account: ",
    "GET /repos/{owner}/{repo}/pulls/{pull_number}": r"head/repo: None ",
    **{
        f"{method} /repos/{{owner}}/{{repo}}/pulls/{rest}": r"(?:\d+/)?(?:line|position|original_line): None "
        for method in ("GET", "POST", "PATCH")
        for rest in (
            "comments",
            "comments/{comment_id}",
            "{pull_number}/comments",
            "{pull_number}/comments/{comment_id}/replies",
        )
    },
}


@dataclass(frozen=True)
class Violation:
    kind: str  # request, response, webhook
    operation: str
    where: str  # path, method, query, body, status, event
    message: str

    def __str__(self) -> str:
        return f"{self.kind} {self.operation}: {self.where}: {self.message}"


@dataclass(frozen=True)
class Operation:
    method: str
    template: str
    pattern: re.Pattern[str]
    spec: Mapping[str, Any] | None  # None: GitHub has it, our cut of the description has not

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def pointer(self) -> str:
        return f"/ops/{_escape(self.template)}/{self.method.lower()}"


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _operation(method: str, template: str, slashed: set[str], spec: Mapping[str, Any] | None) -> Operation:
    if template.endswith(_SLASHED):
        slashed = slashed | {template.rsplit("{", 1)[1][:-1]}

    def group(match: re.Match[str]) -> str:
        return f"(?P<{match[1]}>{'.+' if match[1] in slashed else '[^/]+'})"

    return Operation(method.upper(), template, re.compile("^" + re.sub(r"\{(\w+)\}", group, template) + "$"), spec)


def _corrected(document: dict[str, Any]) -> dict[str, Any]:
    """In the list of installations the description wants an account to be a user and an enterprise at once."""
    answer = document["ops"]["/app/installations"]["get"]["responses"]["200"]
    account = answer["items"]["properties"]["account"]
    account["anyOf"] = [*account["anyOf"][0]["allOf"], {"type": "null"}]
    return document


# What changes from one sandbox to the next without any schema looking at it: its port, and times.
_PORT = re.compile(r"127\.0\.0\.1:\d{5}")
_TIME = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"')


def _remembering(base: type[Draft202012Validator]) -> type[Draft202012Validator]:
    """Like the validator, but what was valid by a named schema is not looked at again when it comes back.

    The same people, repositories and Apps are in nearly every answer and webhook.
    """
    look: Any = base.VALIDATORS["$ref"]
    valid: set[bytes] = set()

    def ref(validator: Any, name: str, value: object, schema: object) -> Iterator[ValidationError]:
        text = _TIME.sub('"time"', _PORT.sub("host", json.dumps(value)))
        seen = hashlib.blake2b(f"{name} {text}".encode(), digest_size=16).digest()
        if seen in valid:
            return
        errors = list(look(validator, name, value, schema))
        if not errors:
            valid.add(seen)
        yield from errors

    remembering: type[Draft202012Validator] = extend(base, {"$ref": ref})
    return remembering


class Contract:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._validator = _remembering(Draft202012Validator)
        self._registry: Registry[Any] = Registry().with_resource(
            _URI, Resource(contents=document, specification=DRAFT202012)
        )
        self._validators: dict[str, Draft202012Validator] = {}
        self._operations = sorted(
            self._all(document), key=lambda op: (op.spec is None, -len(re.sub(r"\{\w+\}", "", op.template)))
        )

    @classmethod
    @cache
    def load(cls, path: Path = DESCRIPTION) -> "Contract":
        return cls(_corrected(json.loads(gzip.decompress(path.read_bytes()))))

    @staticmethod
    def _all(document: Mapping[str, Any]) -> Iterator[Operation]:
        for template, item in document["ops"].items():
            for method, spec in item.items():
                yield _operation(method, template, set(spec["multi"]), spec)
        for template, known in document["all"].items():
            for method in known["methods"]:
                if method.lower() not in document["ops"].get(template, {}):
                    yield _operation(method, template, set(known["multi"]), None)

    # --- finding -----------------------------------------------------------------------------------------------------

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation a request is, also for addresses by repository id and for the root of a repository's files."""
        plain = re.sub(r"^/repositories/\d+(?=/|$)", "/repos/-/-", path)
        plain = re.sub(r"^(/repos/[^/]+/[^/]+/contents)/?$", r"\1/-", plain)
        return next((op for op in self._operations if op.method == method and op.pattern.match(plain)), None)

    def _errors(self, pointer: str, value: object, limit: int = 20) -> list[str]:
        validator = self._validators.get(pointer)
        if validator is None:
            schema = {"$ref": f"{_URI}#{quote(pointer, safe='/~')}"}
            validator = self._validators[pointer] = self._validator(schema, registry=self._registry)
        found = []
        for error in validator.iter_errors(value):
            place = "/".join(map(str, error.absolute_path))
            found.append(f"{place or 'body'}: {error.message[:240]}")
            if len(found) == limit:
                break
        return found

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    # --- checking ----------------------------------------------------------------------------------------------------

    def check_request(
        self, method: str, path: str, query: Mapping[str, str], body: object | None, has_body: bool
    ) -> list[Violation]:
        if path == "/graphql":
            return []
        operation = self.operation(method, path)
        if operation is None:
            return [Violation("request", f"{method} {path}", "path", "no such operation in the published description")]
        if operation.spec is None:
            return [Violation("request", operation.name, "path", "not among the operations of our description")]
        messages = [("query", text) for text in self._query(operation.spec, query)]
        messages += [("body", text) for text in self._body(operation, body, has_body)]
        return [Violation("request", operation.name, where, text) for where, text in messages]

    def _query(self, spec: Mapping[str, Any], query: Mapping[str, str]) -> Iterator[str]:
        for name, value in query.items():
            known = spec["query"].get(name)
            if known is None:
                yield f"unknown parameter {name!r}"
                continue
            schema = self._resolve(known["schema"])
            if schema.get("type") == "integer" and not re.fullmatch(r"-?\d+", value):
                yield f"{name}={value!r} is not an integer"
            elif schema.get("type") == "boolean" and value not in ("true", "false"):
                yield f"{name}={value!r} is neither true nor false"
            elif "enum" in schema and value not in schema["enum"]:
                yield f"{name}={value!r} is not one of {schema['enum']}"
            elif name == "per_page" and int(value) > 100:
                yield f"per_page={value} is over 100, which GitHub cuts silently"
        for name, known in spec["query"].items():
            if known["required"] and name not in query:
                yield f"required parameter {name!r} is missing"

    def _body(self, operation: Operation, body: object | None, has_body: bool) -> Iterator[str]:
        assert operation.spec is not None
        described = operation.spec.get("body")
        if described is None:
            if has_body and body not in (None, {}):
                yield "the operation takes no body"
            return
        if not has_body:
            if described["required"] and self._errors(f"{operation.pointer}/body/schema", {}, 1):
                yield "a body is required"
            return
        yield from self._errors(f"{operation.pointer}/body/schema", body)
        for place in self._unknown([described["schema"]], body, ""):
            yield f"unknown property {place}"
        removed = {name for change in operation.spec.get("breaking", []) for name in change["gone"]}
        if isinstance(body, dict):
            yield from (f"{name!r} is removed in a newer version of the API" for name in sorted(removed & set(body)))

    def _branches(self, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        schema = self._resolve(schema)
        yield schema
        for word in ("anyOf", "allOf", "oneOf"):
            for each in schema.get(word, []):
                yield from self._branches(each)

    def _unknown(self, schemas: list[Mapping[str, Any]], value: object, place: str) -> Iterator[str]:
        """Properties that no branch names. GitHub ignores them silently, so a misspelt one is a bug nobody sees."""
        branches = [branch for schema in schemas for branch in self._branches(schema)]
        if isinstance(value, list):
            items = [branch["items"] for branch in branches if "items" in branch]
            for number, item in enumerate(value):
                yield from self._unknown(items, item, f"{place}/{number}") if items else ()
        if not isinstance(value, dict) or not any("properties" in branch for branch in branches):
            return
        if any(isinstance(b.get("additionalProperties"), dict) for b in branches):
            return
        for name, inner in value.items():
            known = [branch["properties"][name] for branch in branches if name in branch.get("properties", {})]
            if known:
                yield from self._unknown(known, inner, f"{place}/{name}")
            else:
                yield f"{place}/{name}"

    def check_response(self, method: str, path: str, status: int, body: object | None) -> list[Violation]:
        operation = self.operation(method, path)
        if operation is None or operation.spec is None:
            return []
        described = operation.spec["responses"]
        if str(status) not in described:
            if status in _ANYWHERE:
                return []
            text = f"{status} is not described, only {sorted(described)}"
            return [Violation("response", operation.name, "status", text)]
        if described[str(status)] is None or status in (204, 304):
            return []
        errors = self._errors(f"{operation.pointer}/responses/{status}", body)
        errors = [text for text in errors if not re.match(_MISTAKES.get(operation.name, r"$^"), text)]
        return [Violation("response", operation.name, f"body of {status}", text) for text in errors]

    def check_webhook(self, event: str, payload: Mapping[str, Any]) -> list[Violation]:
        names = [event.replace("_", "-")]
        if "action" in payload:
            names.insert(0, f"{names[0]}/{payload['action'].replace('_', '-')}")
        name = next((each for each in names if each in self._document["webhooks"]), None)
        if name is None:
            return [Violation("webhook", names[0], "event", "no such event or action in the published description")]
        return [
            Violation("webhook", name, "body", text) for text in self._errors(f"/webhooks/{_escape(name)}", payload)
        ]


@dataclass
class ContractObserver:
    """Checks all that goes in and out of a sandbox. With `enforce` a request that breaks the contract is answered 599.

    `logins` limits the check of requests to these actors (a bot under test); answers and webhooks are always checked.
    All observers are looked at once more when the tests end; a test that means to break the contract clears its own.
    """

    made: ClassVar[list["ContractObserver"]] = []
    """All of this process."""

    enforce: bool = True
    contract: Contract = field(default_factory=Contract.load)
    logins: frozenset[str] | None = None
    violations: list[Violation] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.made.append(self)

    def refuse(self, exchange: Exchange) -> str | None:
        if self.logins is not None and exchange.actor not in self.logins:
            return None
        if exchange.actor == "anonymous" and self.contract.operation(exchange.method, exchange.path) is None:
            return None  # a stray caller: somebody's server used to have this port
        found = self.contract.check_request(
            exchange.method, exchange.path, exchange.query, exchange.body, exchange.has_body
        )
        self.violations += found
        return "; ".join(map(str, found)) if found and self.enforce else None

    def answered(self, exchange: Exchange) -> None:
        operation = self.contract.operation(exchange.method, exchange.path)
        self.seen[f"{operation.name if operation else exchange.path} {exchange.status}"] += 1
        if exchange.status != 599 and exchange.media == "application/json":
            self.violations += self.contract.check_response(
                exchange.method, exchange.path, exchange.status, exchange.answer
            )

    def announced(self, event: str, payload: Mapping[str, Any]) -> None:
        self.seen[f"{event}/{payload['action']}" if "action" in payload else event] += 1
        self.violations += self.contract.check_webhook(event, payload)

    def assert_clean(self) -> None:
        assert not self.violations, "\n".join(map(str, self.violations))


def assert_nobody_broke_it(observers: Iterable[ContractObserver]) -> None:
    """Over all sandboxes of a test session."""
    violations = [str(each) for observer in observers for each in observer.violations]
    assert not violations, f"{len(violations)} violations of GitHub's contract:\n" + "\n".join(violations[:50])


@contextmanager
def observing(environment: Mapping[str, str], log: Path) -> Iterator[dict[str, str]]:
    """The environment for a process that starts a sandbox of its own; fails when that broke the contract."""
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent / "observed"), environment.get("PYTHONPATH")]))
    yield {**environment, "PYTHONPATH": path, "CONTRACT_LOG": str(log)}
    seen, *violations = log.read_text().splitlines()
    assert int(seen.split()[0]) > 0, "nothing was seen, so nothing was checked"
    assert not violations, "\n".join(violations)
