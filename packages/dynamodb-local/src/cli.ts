#!/usr/bin/env node
/** Looks at the Node that runs it before anything is loaded that an older one does not know. */
import { nodeRefusal } from "./node-version.ts";

const refusal = nodeRefusal("dynamodb-local", process.version);
if (refusal === null) await import("./command.ts");
else {
  process.stderr.write(refusal);
  process.exitCode = 2;
}
