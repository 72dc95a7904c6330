// A schema mapper of one's own: json and jsonb become text at the sink, everything else what it would be anyway.
//
//     node --conditions=source examples/json-as-text.ts PIPELINE.yaml
import { fileURLToPath } from "node:url";
import { loadPipeline } from "millrace";
import { ownMapper } from "millrace/extend";
import type { SchemaMapper } from "millrace/extend";

/** Text takes every json there is. A type that takes less than its source needs `refuse` beside it. */
export const jsonAsText: SchemaMapper = {
  mapColumn(column, isKey, options) {
    const mapped = ownMapper.mapColumn(column, isKey, options);
    const { kind } = column.type;
    return kind === "json" || kind === "jsonb" ? { ...mapped, type: "text" } : mapped;
  },
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file = ""] = process.argv.slice(2);
  const pipeline = await loadPipeline(file, { extensions: { schemaMapper: jsonAsText } });
  await pipeline.start();
  await pipeline.caughtUp();
  await pipeline.stop();
  process.stdout.write(`${pipeline.name} has caught up\n`);
}
