import { RefusedValue } from "./refused-value.ts";

/*
 * Names as the connector of Trustpilot makes them: of attributes, so that they could be fields of Avro, and of schemas. Two names
 * that become one are never merged.
 */

/** Which names of a document are made so. */
export type NameScope = "top" | "all" | "keep";

const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*$/;
const DROPPED = /^[^A-Za-z_]|(?<!^)[^A-Za-z0-9_]/g;

/** Whether a name stays as it is. */
export function isPlainName(name: string): boolean {
  return PLAIN.test(name);
}

/** The name without what it must not have: its first character unless it is a letter or `_`, others unless digits too. @throws RefusedValue */
export function sanitisedName(name: string): string {
  const left = name.replaceAll(DROPPED, "");
  if (left === "")
    throw new RefusedValue(
      `attribute ${JSON.stringify(name)} has no character that a field's name may have`,
    );
  return left;
}

/** Names of one map on their way out. */
export class SanitisedNames {
  readonly #from = new Map<string, string>();

  /** @throws RefusedValue where another name of the map has become the same. */
  add(name: string): string {
    const made = sanitisedName(name);
    const other = this.#from.get(made);
    if (other !== undefined && other !== name)
      throw new RefusedValue(
        `attributes ${JSON.stringify(other)} and ${JSON.stringify(name)} would both be ${JSON.stringify(made)} (dynamodb-envelope.names: keep leaves names as they are)`,
      );
    this.#from.set(made, name);
    return made;
  }
}

/** A schema's name: what it must not have becomes `_`. */
export function adjustedSchemaName(name: string): string {
  return name.replaceAll(/^[^A-Za-z_]|(?<!^)[^A-Za-z0-9_.]/g, "_");
}
