const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  milli: 1,
  millis: 1,
  millisecond: 1,
  milliseconds: 1,
  s: 1000,
  sec: 1000,
  secs: 1000,
  second: 1000,
  seconds: 1000,
  m: 60_000,
  min: 60_000,
  mins: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
};
const ISO = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?$/i;

/** What is wrong with a duration. */
export type DurationFault = "no-unit" | "unknown-unit" | "not-a-duration";

/**
 * Reads a duration: `30s`, `5 min`, `500 ms`, `2h` (Flink's units), or Java's `PT1H30M`. Milliseconds. A number without
 * a unit is refused, since Flink means milliseconds by it and people mean seconds; only `0` needs none.
 */
export function parseDuration(text: string): number | DurationFault {
  const trimmed = text.trim();
  const [, digits, unit] = /^(\d+)\s*([a-zµ]*)$/i.exec(trimmed) ?? [];
  if (digits === undefined || unit === undefined) return parseIsoDuration(trimmed);
  const number = Number(digits);
  if (unit === "") return number === 0 ? 0 : "no-unit";
  const unitMs = UNITS_MS[unit.toLowerCase()];
  if (unitMs === undefined) return "unknown-unit";
  const ms = number * unitMs;
  return Number.isSafeInteger(ms) ? ms : "not-a-duration";
}

function parseIsoDuration(text: string): number | DurationFault {
  const match = ISO.exec(text);
  if (match === null || /[PT]$/i.test(text)) return "not-a-duration";
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  const ms =
    (days ?? 0) * 86_400_000 +
    (hours ?? 0) * 3_600_000 +
    (minutes ?? 0) * 60_000 +
    Math.round((seconds ?? 0) * 1000);
  return Number.isSafeInteger(ms) ? ms : "not-a-duration";
}

/** The shortest text that reads back as the same duration, such as `5min`. */
export function formatDuration(ms: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
    ["s", 1000],
  ] as const;
  const unit = units.find(([, size]) => ms > 0 && ms % size === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}
