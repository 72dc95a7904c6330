/** Items as DynamoDB JSON has them: what they weigh, and when two are the same. */
import { isFields, type Fields } from "../json.ts";

/** An item: attribute values by attribute name. */
export type Item = Fields;

/** What a stream record counts in `SizeBytes`: names and values in UTF-8, as the documentation's samples do. */
export function itemBytes(item: Item): number {
  return Object.entries(item).reduce(
    (bytes, [name, value]) => bytes + Buffer.byteLength(name) + valueBytes(value),
    0,
  );
}

function valueBytes(value: unknown): number {
  if (!isFields(value)) return 0;
  const [type, content] = Object.entries(value)[0] ?? ["NULL", true];
  return bytesOf(type, content);
}

function bytesOf(type: string, content: unknown): number {
  switch (type) {
    case "S":
      return Buffer.byteLength(String(content));
    case "N":
      return numberBytes(String(content));
    case "B":
      return Buffer.from(String(content), "base64").length;
    case "SS":
    case "NS":
    case "BS":
      return sum(content, (element) => bytesOf(type.slice(0, 1), element));
    case "L":
      return 3 + sum(content, (element) => 1 + valueBytes(element));
    case "M":
      return 3 + (isFields(content) ? itemBytes(content) + Object.keys(content).length : 0);
    default:
      return 1;
  }
}

function sum(content: unknown, bytes: (element: unknown) => number): number {
  return Array.isArray(content)
    ? content.reduce((total: number, element) => total + bytes(element), 0)
    : 0;
}

/** Two digits a byte and one more; another one where it is below zero. */
function numberBytes(text: string): number {
  const { digits, negative } = decimalOf(text);
  return Math.ceil(digits.length / 2) + 1 + (negative ? 1 : 0);
}

/** A decimal number without its leading and trailing zeros: `digits` × 10^`exponent`. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

function decimalOf(text: string): Decimal {
  const match = /^([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/.exec(text.trim());
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match ?? [];
  const all = `${whole}${fraction}`.replace(/^0+/, "");
  const digits = all.replace(/0+$/, "");
  if (digits === "") return { negative: false, digits: "", exponent: 0 };
  const shift = all.length - digits.length - fraction.length;
  return { negative: sign === "-", digits, exponent: Number(exponent) + shift };
}

/** One text for all spellings of a number: `1.50` and `15e-1` are the same key. */
export function canonicalNumber(text: string): string {
  const { negative, digits, exponent } = decimalOf(text);
  return `${negative ? "-" : ""}${digits}e${exponent}`;
}

/** Whether two values are the same; sets have no order, lists have one. */
export function sameValue(left: unknown, right: unknown, isSet = false): boolean {
  if (Array.isArray(left) && Array.isArray(right)) return sameList(left, right, isSet);
  if (isFields(left) && isFields(right)) return sameFields(left, right);
  return left === right;
}

function sameList(left: readonly unknown[], right: readonly unknown[], isSet: boolean): boolean {
  if (left.length !== right.length) return false;
  if (!isSet) return left.every((element, index) => sameValue(element, right[index]));
  const others = new Set(right);
  return left.every((element) => others.has(element));
}

function sameFields(left: Fields, right: Fields): boolean {
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every(
    (name) =>
      Object.hasOwn(right, name) &&
      sameValue(left[name], right[name], name === "SS" || name === "NS" || name === "BS"),
  );
}
