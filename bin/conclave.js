#!/usr/bin/env node
/** The one command. Plain JavaScript, so that a Node that is too old for the rest can still say so. */
const NEEDED_MAJOR = 24;
const { node } = process.versions;

if (Number(node.split(".")[0]) < NEEDED_MAJOR) {
  console.error(
    `conclave needs Node.js ${NEEDED_MAJOR} or later; this is ${node}. In the project's folder, "npm start" and "npx conclave" use the right one, which "npm ci" put there.`,
  );
  process.exitCode = 2;
} else {
  const { start } = await import("./conclave.ts");
  process.exitCode = await start(process.argv.slice(2));
}
