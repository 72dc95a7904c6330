#!/usr/bin/env node
import { missingHeapFlags } from "./heap-flags.ts";
import { nodeRefusal } from "./node-version.ts";

/** Replaces this process by one with the flags for a small heap, where it has them not. */
function takeHeapFlags(): void {
  const flags = missingHeapFlags(process.argv[2], process.execArgv, process.env.NODE_OPTIONS ?? "");
  if (flags.length === 0) return;
  try {
    const args = [...flags, ...process.execArgv, ...process.argv.slice(1)];
    process.execve?.(process.execPath, [process.execPath, ...args], process.env);
  } catch {
    // Not everywhere may a process replace itself; it takes more memory then, and is right all the same.
  }
}

// Before anything is loaded that an older Node does not know.
const refusal = nodeRefusal("millrace", process.version);
if (refusal === null) {
  takeHeapFlags();
  await import("./program.ts");
} else {
  process.stderr.write(refusal);
  process.exitCode = 2;
}
