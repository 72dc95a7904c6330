// An authentication provider of one's own: the sink's password from a file that is read for every new connection, as
// tools that rotate passwords write it.
//
//     node --conditions=source examples/password-file.ts PIPELINE.yaml PASSWORD_FILE
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { loadPipeline } from "millrace";
import type { AuthenticationProvider } from "millrace/extend";

/** Asked once per connection; a connection that is open outlives its password. */
export function passwordFile(path: string): AuthenticationProvider {
  return { password: async () => (await readFile(path, "utf8")).trim() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file = "", path = ""] = process.argv.slice(2);
  const extensions = { authentication: passwordFile(path) };
  const pipeline = await loadPipeline(file, { extensions });
  await pipeline.start();
  await pipeline.caughtUp();
  await pipeline.stop();
  process.stdout.write(`${pipeline.name} has caught up\n`);
}
