import { pipelineJsonSchema } from "../config/json-schema.ts";
import { configReference } from "../config/reference.ts";
import { errorReference } from "../errors/reference.ts";
import { messageValuesReference } from "../formats/reference.ts";
import { metricsReference } from "../observe/reference.ts";
import { httpReference } from "../server/reference.ts";

/** All pages of `docs/` that are made from the program's own tables, by their path below `docs/`. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ["operations/errors.md", errorReference()],
    ...[...configReference()].map(([name, text]) => [`reference/${name}`, text] as const),
    ["reference/pipeline.schema.json", `${JSON.stringify(pipelineJsonSchema(), null, 2)}\n`],
    ["reference/message-values.md", messageValuesReference()],
    ["operations/metrics.md", metricsReference()],
    ["operations/http.md", httpReference()],
  ]);
}
