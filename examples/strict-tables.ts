// An error handler of one's own: a row that the sink will never take is parked, but stops the pipeline where it belongs
// to a table that must be whole.
//
//     node --conditions=source examples/strict-tables.ts PIPELINE.yaml TABLE…
import { fileURLToPath } from "node:url";
import { loadPipeline } from "millrace";
import type { ErrorHandler } from "millrace/extend";

/** `strict` are names at the source, `schema.table`. */
export function strictTables(strict: readonly string[]): ErrorHandler {
  return { rowRefused: ({ table }) => (strict.includes(table) ? "fail" : "park") };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file = "", ...strict] = process.argv.slice(2);
  const pipeline = await loadPipeline(file, { extensions: { errorHandler: strictTables(strict) } });
  try {
    await pipeline.start();
    await pipeline.caughtUp();
    await pipeline.stop();
    const parked = pipeline.status().tables.map(({ id, deadLetters }) => `${id}: ${deadLetters}`);
    process.stdout.write(`parked rows: ${parked.join(", ")}\n`);
  } catch (error) {
    process.stdout.write(`${String(error)}\n`);
    process.exitCode = 1;
  }
}
