/** Members of Streams calls, held against the service's model. */
import { textIn, type Fields } from "../json.ts";
import { refuse } from "../rules/table.ts";

/** A whole number between 1 and a most; the most where it is left out. Throws a Refusal. */
export function limitIn(request: Fields, most: number): number {
  const value = request["Limit"];
  if (value === undefined || value === null) return most;
  if (typeof value !== "number") throw wrong(value, "limit", "Member must be a number");
  if (value < 1) throw wrong(value, "limit", "Member must have value greater than or equal to 1");
  if (value > most) {
    throw wrong(value, "limit", `Member must have value less than or equal to ${most}`);
  }
  return Math.floor(value);
}

/** A text of a least length. Throws a Refusal. */
export function requiredIn(request: Fields, name: string, leastLength = 1): string {
  const member = `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`;
  const value = textIn(request, name);
  if (value === undefined) throw wrong("null", member, "Member must not be null");
  if (value.length < leastLength) {
    throw wrong(value, member, `Member must have length greater than or equal to ${leastLength}`);
  }
  return value;
}

/** The refusal of a member. */
export function wrong(value: unknown, member: string, constraint: string): Error {
  return refuse("constraint", { value: String(value), member, constraint });
}
