import type { Value } from "../../model/value.ts";
import type { ColumnType } from "../../schema/document-columns.ts";
import type { AttributeValue } from "./api.ts";
import { jsonOf } from "./document-text.ts";
import { plainNumber } from "./number-text.ts";

/**
 * What an attribute becomes in a column of its own, and whether it can: `undefined` says that the value is of another type, or
 * would not be the same in the column. Nothing is rounded, cut or guessed.
 */
export type ReadAttribute = (value: AttributeValue) => Value | undefined;

const INT32 = 2_147_483_647n;
const INT64 = 9_223_372_036_854_775_807n;

const OF_TAG = {
  S: { text: "text", logical: { kind: "text", maxChars: null } },
  N: { text: "decimal", logical: { kind: "decimal", precision: null, scale: null } },
  B: { text: "bytes", logical: { kind: "bytes", maxBytes: null } },
  BOOL: { text: "boolean", logical: { kind: "boolean" } },
} as const satisfies Record<string, ColumnType>;

/** The column type of a key attribute, or of one that samples show with this type. */
export function typeOfTag(tag: keyof typeof OF_TAG): ColumnType {
  return OF_TAG[tag];
}

/** How values of a column are read. Hot: what it gives runs per value. */
export function reading({ logical }: ColumnType): ReadAttribute {
  switch (logical.kind) {
    case "text":
      return (value) => ("S" in value ? value.S : undefined);
    case "decimal":
      return decimalReading(logical.precision, logical.scale ?? 0);
    case "int":
      return intReading(logical.bits === 32 ? INT32 : INT64);
    case "float":
      return (value) => ("N" in value ? exactDouble(plainNumber(value.N)) : undefined);
    case "boolean":
      return (value) => ("BOOL" in value ? value.BOOL : undefined);
    case "bytes":
      return (value) => ("B" in value ? Buffer.from(value.B, "base64") : undefined);
    case "uuid":
      return (value) => ("S" in value && UUID.test(value.S) ? value.S.toLowerCase() : undefined);
    case "date":
      return (value) => ("S" in value && isDate(value.S) ? value.S : undefined);
    case "timestamptz":
      return (value) => ("S" in value ? timestampOf(value.S) : undefined);
    default:
      return (value) => jsonOf(value);
  }
}

function decimalReading(precision: number | null, scale: number): ReadAttribute {
  if (precision === null) return (value) => ("N" in value ? plainNumber(value.N) : undefined);
  return (value) => {
    if (!("N" in value)) return undefined;
    const text = plainNumber(value.N);
    const [whole = "", fraction = ""] = text.replace("-", "").split(".");
    const digits = whole === "0" ? 0 : whole.length;
    return digits <= precision - scale && fraction.length <= scale ? text : undefined;
  };
}

function intReading(max: bigint): ReadAttribute {
  const safeDigits = String(max).length - 1;
  return (value) => {
    if (!("N" in value)) return undefined;
    const text = plainNumber(value.N);
    if (text.includes(".")) return undefined;
    if (text.length <= safeDigits) return text;
    const number = BigInt(text);
    return number <= max && number >= -max - 1n ? text : undefined;
  };
}

/** Only what comes back as the same digits: a float of 64 bits would round the rest. */
function exactDouble(text: string): string | undefined {
  return plainNumber(String(Number(text))) === text ? text : undefined;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ISO_DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const ISO_TIME =
  /^(\d{4}-\d{2}-\d{2})[T ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?(Z|[+-](?:0\d|1[0-4]):?[0-5]\d)$/i;

function isDate(text: string): boolean {
  const [, year, month, day] = ISO_DATE.exec(text) ?? [];
  if (year === undefined || Number(year) === 0) return false;
  const time = Date.UTC(Number(year), Number(month) - 1, Number(day));
  return new Date(time).toISOString().startsWith(text) || (Number(year) < 100 && isEarly(text));
}

/** Years below 100 are others to Date.UTC. */
function isEarly(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** ISO 8601 with a zone, as PostgreSQL spells it in UTC. */
function timestampOf(text: string): string | undefined {
  const [, date, hours, minutes, seconds, fraction, zone] = ISO_TIME.exec(text) ?? [];
  if (date === undefined || zone === undefined || !isDate(date)) return undefined;
  const colon = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
  const time = Date.parse(`${date}T${hours}:${minutes}:${seconds}${colon}`);
  const iso = new Date(time).toISOString();
  if (!/^\d{4}-/.test(iso) || iso.startsWith("0000")) return undefined;
  const digits = (fraction ?? "").replace(/0+$/, "");
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${digits === "" ? "" : `.${digits}`}+00`;
}
