#!/usr/bin/env node
import { missingHeapFlags } from "./heap-flags.ts";

const flags = missingHeapFlags(process.argv[2], process.execArgv, process.env.NODE_OPTIONS ?? "");
if (flags.length > 0) {
  try {
    const args = [...flags, ...process.execArgv, ...process.argv.slice(1)];
    process.execve?.(process.execPath, [process.execPath, ...args], process.env);
  } catch {
    // Not everywhere may a process replace itself; it takes more memory then, and is right all the same.
  }
}
await import("./program.ts");
