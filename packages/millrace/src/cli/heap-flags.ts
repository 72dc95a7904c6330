/*
 * Left to itself, V8 lets the young generation grow to 128 MiB and the old one to several times what lives in it,
 * because memory is plenty. Semi-spaces of 32 MiB cost the engine alone a quarter less CPU than these, and nothing that could
 * be told from noise where a database is at either end; but with them a process that runs at full pace holds 295 to 312 MiB,
 * with these 258 to 282, and some 20 less since the old generation grows by a half (docs/benchmarks.md, "Heap"). V8 rounds the
 * size to a power of two, reads it when it starts and never again, so these are flags of the process and no calls.
 */
const heapFlags: readonly string[] = ["--max-semi-space-size=16", "--heap-growing-percent=50"];

/**
 * Flags of V8 that a process lacks which is to carry changes; none for the other commands, which live for a moment.
 * Who gave any of them has chosen, here or in NODE_OPTIONS.
 */
export function missingHeapFlags(
  command: string | undefined,
  execArgv: readonly string[],
  nodeOptions: string,
): readonly string[] {
  if (command !== "run") return [];
  const given = [...execArgv, ...nodeOptions.split(/\s+/)].map(nameOf);
  return heapFlags.some((flag) => given.includes(nameOf(flag))) ? [] : heapFlags;
}

/** V8 takes `_` for `-`. */
const nameOf = (flag: string): string => (flag.split("=")[0] ?? "").replaceAll("_", "-");
