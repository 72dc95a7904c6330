/** Writes the made pages of `docs/`; `reference-pages.test.ts` fails when they are not as this would write them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { referencePages } from "./reference-pages.ts";

const docs = fileURLToPath(new URL("../../../../docs", import.meta.url));
for (const [name, text] of referencePages()) {
  const file = join(docs, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
