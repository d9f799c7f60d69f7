/** Plain JavaScript, so that a Node that is too old for the rest can still say so. */
const NEEDED_MAJOR = 24;

/** Run a command once this Node is known to be new enough. `start`: loads the command and runs it with its arguments. */
export async function withNode(name, start) {
  const { node } = process.versions;
  if (Number(node.split(".")[0]) < NEEDED_MAJOR) {
    console.error(
      `${name} needs Node.js ${NEEDED_MAJOR} or later; this is ${node}. In the project's folder, "npm start" and "npx ${name}" use the right one, which "npm ci" put there.`,
    );
    process.exitCode = 2;
    return;
  }
  process.exitCode = await start(process.argv.slice(2));
}
