const KIB = 1024;
const UNITS_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  byte: 1,
  bytes: 1,
  k: KIB,
  kb: KIB,
  kib: KIB,
  m: KIB ** 2,
  mb: KIB ** 2,
  mib: KIB ** 2,
  g: KIB ** 3,
  gb: KIB ** 3,
  gib: KIB ** 3,
  t: KIB ** 4,
  tb: KIB ** 4,
  tib: KIB ** 4,
};

/** What is wrong with a size. */
export type SizeFault = "no-unit" | "unknown-unit" | "not-a-size";

/** Reads a size in bytes: `256mb`, `64 MiB`, `1g`. Units are powers of 1024, as in Flink. */
export function parseByteSize(text: string): number | SizeFault {
  const [, digits, unit] = /^(\d+)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  if (digits === undefined || unit === undefined) return "not-a-size";
  if (unit === "") return "no-unit";
  const unitBytes = UNITS_BYTES[unit.toLowerCase()];
  if (unitBytes === undefined) return "unknown-unit";
  const bytes = Number(digits) * unitBytes;
  return Number.isSafeInteger(bytes) ? bytes : "not-a-size";
}

/** The shortest text that reads back as the same size, such as `64mb`. */
export function formatByteSize(bytes: number): string {
  const units = [
    ["tb", KIB ** 4],
    ["gb", KIB ** 3],
    ["mb", KIB ** 2],
    ["kb", KIB],
  ] as const;
  const unit = units.find(([, size]) => bytes > 0 && bytes % size === 0);
  return unit === undefined ? `${bytes}b` : `${bytes / unit[1]}${unit[0]}`;
}
