// readback.mjs NAME DIRECTORY: downloads an artifact of the job's run with GitHub's own client, which checks its digest.
import { execFileSync } from "node:child_process";
import { fileURLToPath, pathToFileURL } from "node:url";

const cache = execFileSync(fileURLToPath(new URL("setup", import.meta.url)), ["--where"]);
const library = `${cache.toString().trim()}/node_modules/@actions/artifact/lib/artifact.js`;
const { default: client } = await import(pathToFileURL(library));

const [name, directory] = process.argv.slice(2);
// The client logs on standard output, which is for our answer.
const answer = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

const { artifacts } = await client.listArtifacts();
const { artifact } = await client.getArtifact(name);
if (!artifacts.some(({ id }) => id === artifact.id)) throw new Error(`${name} is not listed`);
const { downloadPath, digestMismatch } = await client.downloadArtifact(artifact.id, {
  path: directory,
  expectedHash: artifact.digest,
});
const { id, size, digest } = artifact;
answer(`${JSON.stringify({ id, size, digest, digestMismatch, path: downloadPath })}\n`);
if (digestMismatch) process.exitCode = 1;
