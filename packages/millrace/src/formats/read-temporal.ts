import { clockText } from "./temporal.ts";

/*
 * Canonical texts of dates and times from Debezium's numbers and ISO texts: the way back from `temporal.ts`.
 */

const DAY_US = 86_400_000_000n;
const INFINITY = 9_223_372_036_825_200_000n;
const MINUS_INFINITY = -9_223_372_036_832_400_000n;
const DATE_INFINITY = 2_147_483_647n;
const DATE_MINUS_INFINITY = -2_147_483_648n;

/** The date of days after 1970-01-01, `0044-03-15 BC` before Christ. */
export function dateOfDays(days: bigint): string {
  if (days === DATE_INFINITY) return "infinity";
  if (days === DATE_MINUS_INFINITY) return "-infinity";
  const { date, suffix } = calendar(Number(days));
  return `${date}${suffix}`;
}

/** By Hinnant's civil calendar: any day that a double holds. */
function calendar(days: number): { readonly date: string; readonly suffix: string } {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const pad = (value: number, width: number): string => String(value).padStart(width, "0");
  const shown = pad(year > 0 ? year : 1 - year, 4);
  return { date: `${shown}-${pad(month, 2)}-${pad(day, 2)}`, suffix: year > 0 ? "" : " BC" };
}

/** The timestamp of microseconds after 1970. */
export function timestampOfMicros(micros: bigint): string {
  if (micros === INFINITY) return "infinity";
  if (micros === MINUS_INFINITY) return "-infinity";
  const rest = ((micros % DAY_US) + DAY_US) % DAY_US;
  const { date, suffix } = calendar(Number((micros - rest) / DAY_US));
  return `${date} ${clockText(Number(rest))}${suffix}`;
}

/** The time of microseconds after midnight; MySQL's may be negative. */
export function timeOfMicros(micros: bigint): string {
  return micros < 0n ? `-${clockText(Number(-micros))}` : clockText(Number(micros));
}

const ISO_DATE = /^([+-]?)(\d{4,})-(\d\d-\d\d)$/;

/** The date of an ISO text whose year may have a sign. */
export function dateOfIso(iso: string): string | null {
  if (iso === "infinity" || iso === "-infinity") return iso;
  const [, sign, digits, rest] = ISO_DATE.exec(iso.replace(/Z$/, "")) ?? [];
  if (digits === undefined || rest === undefined) return null;
  const year = sign === "-" ? -Number(digits) : Number(digits);
  if (year > 0) return `${digits.replace(/^0+(?=\d{4})/, "")}-${rest}`;
  return `${String(1 - year).padStart(4, "0")}-${rest} BC`;
}

const ISO_TIME = /^(\d\d:\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?$/;

/** Clock, and zone as PostgreSQL prints it, of an ISO time. */
function clockOfIso(iso: string): { readonly clock: string; readonly zone: string } | null {
  const [, minutes, seconds = "00", fraction = "", zone = ""] = ISO_TIME.exec(iso) ?? [];
  if (minutes === undefined) return null;
  const trimmed = fraction.replace(/\.?0+$/, "");
  const shown = zone === "Z" || zone === "" ? "+00" : zone.replace(/:?00$/, "");
  return { clock: `${minutes}:${seconds}${trimmed}`, zone: shown === "+" ? "+00" : shown };
}

/** The time of an ISO text; `zoned` keeps its zone. */
export function timeOfIso(iso: string, zoned: boolean): string | null {
  const read = clockOfIso(iso);
  if (read === null) return null;
  return zoned ? `${read.clock}${read.zone}` : read.clock;
}

/** The timestamp of an ISO text; `zoned` keeps its zone. */
export function timestampOfIso(iso: string, zoned: boolean): string | null {
  if (iso === "infinity" || iso === "-infinity") return iso;
  const at = iso.indexOf("T");
  const date = at === -1 ? null : dateOfIso(iso.slice(0, at));
  const read = at === -1 ? null : clockOfIso(iso.slice(at + 1));
  if (date === null || read === null) return null;
  const isBc = date.endsWith(" BC");
  const shown = isBc ? date.slice(0, -3) : date;
  return `${shown} ${read.clock}${zoned ? read.zone : ""}${isBc ? " BC" : ""}`;
}

const ISO_INTERVAL = /^P(-?\d+)Y(-?\d+)M(-?\d+)DT(-?\d+)H(-?\d+)M(-?\d+)(\.\d+)?S$/;

/** PostgreSQL's text of Debezium's interval, `P1Y2M3DT4H5M6.78S`. */
export function intervalOfIso(iso: string): string | null {
  if (iso === "infinity" || iso === "-infinity") return iso;
  const match = ISO_INTERVAL.exec(iso);
  if (match === null) return null;
  const [years = 0, months = 0, days = 0, hours = 0, minutes = 0] = match.slice(1, 6).map(Number);
  const [, , , , , , seconds = "0", fraction = ""] = match;
  const isNegative = hours < 0 || minutes < 0 || seconds.startsWith("-");
  const pad = (value: number): string => String(Math.abs(value)).padStart(2, "0");
  const clock = `${pad(hours)}:${pad(minutes)}:${pad(Number(seconds))}${fraction}`;
  const units: string[] = [];
  const unit = (count: number, name: string): void => {
    if (count === 0) return;
    const isAfterNegative = units.at(-1)?.startsWith("-") === true;
    units.push(
      `${count > 0 && isAfterNegative ? "+" : ""}${count} ${name}${count === 1 ? "" : "s"}`,
    );
  };
  unit(years, "year");
  unit(months, "mon");
  unit(days, "day");
  if (/[1-9]/.test(clock) || units.length === 0) {
    const isAfterNegative = units.at(-1)?.startsWith("-") === true;
    units.push(`${isNegative ? "-" : isAfterNegative ? "+" : ""}${clock}`);
  }
  return units.join(" ");
}
