"""The pages of the set-up, as HTML. Everything that varies is escaped; each page's policy allows only itself."""

import base64
import hashlib
import json
import shlex
from dataclasses import dataclass
from html import escape

from bot.setup.exchange import NewApp
from bot.setup.files import Target
from bot.setup.hosts import GitHubHost
from bot.setup.manifest import NOT_REQUESTED, PERMISSIONS, Manifest

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
td, th { border-top: 1px solid #8886; padding: .4rem .8rem .4rem 0; text-align: left; vertical-align: top; }
button { font: inherit; padding: .6rem 1.2rem; border: 0; border-radius: .4rem; background: #1f6f3a; color: #fff; }
button:focus-visible, a:focus-visible { outline: 3px solid #4c8dff; outline-offset: 2px; }
pre { background: #8882; padding: .8rem; overflow-x: auto; border-radius: .4rem; }
.note { border-left: .25rem solid #4c8dff; padding-left: .8rem; }
"""

_SCRIPT = """
"use strict";
const form = document.getElementById("create");
const done = document.getElementById("done");
const given = new URLSearchParams(location.search);
const key = "skill-fleet-state";
if (given.has("code")) {
  const matches = given.get("state") !== null && given.get("state") === sessionStorage.getItem(key);
  const code = given.get("code");
  sessionStorage.removeItem(key);
  history.replaceState(null, "", location.pathname);
  form.hidden = true;
  done.hidden = false;
  document.getElementById(matches && /^[A-Za-z0-9_-]{8,128}$/.test(code) ? "finish" : "foreign").hidden = false;
  if (matches) { document.getElementById("code").textContent = code; }
} else {
  form.addEventListener("submit", () => {
    const bytes = Array.from(crypto.getRandomValues(new Uint8Array(32)));
    const state = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem(key, state);
    const action = new URL(form.action);
    action.searchParams.set("state", state);
    form.action = action.href;
  });
  document.getElementById("go").disabled = false;
}
"""


@dataclass(frozen=True)
class Page:
    """A whole document and the policy it is served (or marked) with."""

    html: str
    policy: str


def start_page(content: Manifest, host: GitHubHost, organization: str, state: str) -> Page:
    """What will be asked for, and one button that hands the manifest to GitHub."""
    form = f"""<form method="post" action="{escape(host.new_app(organization, state))}">
{_manifest_field(content)}
<button>Create the App on {escape(_name(host))}</button>
</form>"""
    return _page("Create your Skill Fleet App", _introduction(content, host, organization) + form, host)


def static_page(content: Manifest, host: GitHubHost, organization: str, command: tuple[str, ...]) -> Page:
    """The same as a file that any web server can hand out; it shows the code that GitHub sends back, with `command`."""
    words = " ".join(shlex.quote(word) for word in command)
    body = f"""{_introduction(content, host, organization)}
<form id="create" method="post" action="{escape(host.new_app(organization, ""))}">
{_manifest_field(content)}
<button id="go" disabled>Create the App on {escape(_name(host))}</button>
</form>
<noscript><p class="note">This page needs JavaScript, to tell GitHub's answer from a forged one.</p></noscript>
<section id="done" hidden aria-live="polite">
<div id="finish" hidden><h2>One step left</h2>
<p>On the machine that will run the service, within an hour:</p>
<pre>{escape(words)} --code <span id="code"></span></pre>
<p>The code works once. Keep it to yourself: it stands for the App's private key.</p></div>
<div id="foreign" hidden><h2>Not from here</h2>
<p>This answer does not belong to a set-up begun in this browser tab. Do not use it. Start again from this
page.</p></div>
</section>
<script>{_SCRIPT}</script>"""
    return _page("Create your Skill Fleet App", body, host, script=_SCRIPT, static=True)


def finished_page(app: NewApp, host: GitHubHost, target: Target) -> Page:
    """The App exists and its files are written. Shows no secret."""
    body = f"""<p>The App <strong>{escape(app.name or app.slug)}</strong> exists. Its settings and private key are in
<code>{escape(str(target.environment))}</code> and <code>{escape(str(target.key))}</code>, readable for you alone.</p>
<h2>Next</h2>
<ol><li><a href="{escape(app.install_url(host))}">Install the App</a> on the repositories it should serve.</li>
<li>Go back to the terminal; it says how to start the service.</li></ol>
<p>You can close this page.</p>"""
    return _page("Done", body, host)


def problem_page(title: str, explanation: str, host: GitHubHost) -> Page:
    """Something is not right; the explanation says what to do."""
    return _page(title, f"<p>{escape(explanation)}</p>", host)


def _introduction(content: Manifest, host: GitHubHost, organization: str) -> str:
    rows = "\n".join(
        f"<tr><td><code>{escape(each.name)}</code></td><td>{escape(each.access.value)}</td>"
        f"<td>{escape(each.why)}</td></tr>"
        for each in PERMISSIONS
    )
    left_out = "\n".join(f"<li><code>{escape(name)}</code>: {escape(why)}</li>" for name, why in NOT_REQUESTED)
    owner = f"the organization <strong>{escape(organization)}</strong>" if organization else "your own account"
    return f"""<p>This creates the GitHub App <strong>{escape(content["name"])}</strong> for {owner} on
{escape(_name(host))}. You can change its name on the next page. Deliveries go to
<code>{escape(content["hook_attributes"]["url"])}</code>.</p>
<p class="note">Sign in to <a href="{escape(host.web)}">{escape(_name(host))}</a> first, then come back.</p>
<table><caption>What it may do</caption>
<thead><tr><th scope="col">permission</th><th scope="col">access</th><th scope="col">what for</th></tr></thead>
<tbody>
{rows}
</tbody></table>
<p>What it does not ask for:</p>
<ul>
{left_out}
</ul>
"""


def _manifest_field(content: Manifest) -> str:
    value = escape(json.dumps(content, ensure_ascii=True, separators=(",", ":")))
    return f'<input type="hidden" name="manifest" value="{value}">'


def _name(host: GitHubHost) -> str:
    return host.web.partition("://")[2]


def _page(title: str, body: str, host: GitHubHost, *, script: str = "", static: bool = False) -> Page:
    sources = {
        "default-src": "'none'",
        "style-src": _hash(_STYLE),
        "form-action": host.web_origin,
        "base-uri": "'none'",
    }
    if script:
        sources["script-src"] = _hash(script)
    policy = "; ".join(f"{name} {value}" for name, value in sources.items())
    # A policy in the document cannot say frame-ancestors; the loopback server's header does.
    marked = f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n' if static else ""
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{marked}<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="strict-origin">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""
    return Page(html, f"{policy}; frame-ancestors 'none'")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
