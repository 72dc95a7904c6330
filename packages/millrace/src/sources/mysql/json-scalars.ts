import { dateText, packedText } from "./temporal.ts";

/** Numbers with a point this far to the left or right are printed with an exponent. */
const PLAIN_DIGITS = 15;

/** A double in JSON: always told from an integer. */
export function jsonDoubleText(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value);
  const size = Math.abs(value);
  // Where both print the same is most of what there is.
  if (size >= 1e-6 && size < 1e15) return text.includes(".") ? text : `${text}.0`;
  // With a digit behind the point, one more before it is not too many.
  if (size >= 1e15 && size < 1e16 && text.includes(".")) return text;
  if (value === 0) return "0.0";
  return withExponent(value);
}

function withExponent(value: number): string {
  const [digits = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  // Down to 1e-15 there are zeros instead.
  if (power < 0 && power >= -PLAIN_DIGITS) {
    const sign = digits.startsWith("-") ? "-" : "";
    return `${sign}0.${"0".repeat(-power - 1)}${digits.replace("-", "").replace(".", "")}`;
  }
  return `${digits}e${power}`;
}

/** Dates and times in JSON, in quotes; times always have six digits behind the point. */
export function jsonDateText(packed: number, micros: number, hasTime: boolean): string {
  if (hasTime) return `${packedText(packed, 0)}.${String(micros).padStart(6, "0")}`;
  const months = Math.floor(packed / 0x40_0000);
  const year = Math.floor(months / 13);
  return dateText(year, months - year * 13, Math.floor(packed / 0x2_0000) & 31);
}

/** A TIME in JSON; the sign is that of the whole. */
export function jsonTimeText(packed: bigint): string {
  const size = packed < 0n ? -packed : packed;
  const clock = Number(size >> 24n);
  const parts = [(clock >> 12) & 1_023, (clock >> 6) & 63, clock & 63];
  const text = parts.map((part) => String(part).padStart(2, "0")).join(":");
  const fraction = String(size & 0xff_ffffn).padStart(6, "0");
  return `${packed < 0n ? "-" : ""}${text}.${fraction}`;
}
