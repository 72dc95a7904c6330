/*
 * Left to itself, V8 lets the young generation grow to 128 MiB and the old one to several times what lives in it,
 * because memory is plenty. Rows in the lanes survive a young collection or two: half the young generation costs no CPU
 * that could be measured, a quarter of it half as much again (docs/benchmarks.md, "Heap"). V8 reads the size when it
 * starts and never again, so these are flags of the process and no calls.
 */
const heapFlags: readonly string[] = ["--max-semi-space-size=32", "--heap-growing-percent=100"];

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
