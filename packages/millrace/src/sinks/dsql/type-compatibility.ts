/** A SQL type taken apart: `numeric(10,2)` is `numeric` with 10 and 2. */
interface ParsedType {
  readonly base: string;
  readonly args: readonly number[];
}

const ALIASES: Readonly<Record<string, string>> = {
  "timestamp with time zone": "timestamptz",
  "timestamp without time zone": "timestamp",
  "time with time zone": "timetz",
  "time without time zone": "time",
  "character varying": "varchar",
  character: "bpchar",
  int2: "smallint",
  int4: "integer",
  int: "integer",
  int8: "bigint",
  float4: "real",
  float8: "double precision",
  bool: "boolean",
  decimal: "numeric",
};

function parse(type: string): ParsedType {
  const args = /\(([\d, -]+)\)/.exec(type)?.[1]?.split(",").map(Number) ?? [];
  const base = type
    .replace(/\([\d, -]+\)/, "")
    .trim()
    .toLowerCase();
  return { base: ALIASES[base] ?? base, args };
}

const INTEGER_DIGITS: Readonly<Record<string, number>> = { smallint: 5, integer: 10, bigint: 19 };
const INTEGERS = ["smallint", "integer", "bigint"];
const FLOATS = ["real", "double precision"];

/**
 * Whether a column of type `actual` takes every value of a column that we would make as `wanted`, unchanged. Both as
 * SQL spells them. A varchar or char in place of text is fine: a value that is too long is refused, not cut.
 */
export function typeFits(actual: string, wanted: string): boolean {
  const have = parse(actual);
  const need = parse(wanted);
  if (INTEGERS.includes(need.base)) return integerFits(have, need.base);
  switch (need.base) {
    case "real":
      return FLOATS.includes(have.base);
    case "numeric":
      return numericFits(have, need);
    case "text":
      return have.base === "text" || have.base === "varchar";
    case "json":
      return have.base === "json";
    case "time":
    case "timetz":
    case "timestamp":
    case "timestamptz":
      return have.base === need.base && (have.args[0] ?? 6) >= (need.args[0] ?? 6);
    default:
      return have.base === need.base;
  }
}

function integerFits(have: ParsedType, need: string): boolean {
  if (INTEGERS.includes(have.base)) return INTEGERS.indexOf(have.base) >= INTEGERS.indexOf(need);
  if (have.base !== "numeric") return false;
  const [precision, scale = 0] = have.args;
  return precision === undefined || precision - scale >= (INTEGER_DIGITS[need] ?? 19);
}

function numericFits(have: ParsedType, need: ParsedType): boolean {
  if (have.base !== "numeric") return false;
  const [havePrecision, haveScale = 0] = have.args;
  const [needPrecision, needScale = 0] = need.args;
  if (havePrecision === undefined) return true;
  if (needPrecision === undefined) return false;
  return haveScale >= needScale && havePrecision - haveScale >= needPrecision - needScale;
}

/** Same type, whatever the spelling; tells a retyped column from one that is there already. */
export function sameType(a: string, b: string): boolean {
  const x = parse(a);
  const y = parse(b);
  return x.base === y.base && x.args.join() === y.args.join();
}
