/** The parameters of one statement; expressions bind what they need while the text is being made. */
export class Parameters {
  readonly values: string[] = [];

  /** A placeholder for a text value, to be cast by who uses it. */
  bind(value: string): string {
    this.values.push(value);
    return `$${this.values.length}::text`;
  }
}

/** A piece of SQL that may bind parameters. */
export type Expression = (parameters: Parameters) => string;

/** Quotes a name. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** An array literal of texts; NULL does not occur in keys. */
export function arrayLiteral(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll(/["\\]/g, "\\$&")}"`).join(",")}}`;
}

/** The same of texts of which some are NULL. */
export function nullableArrayLiteral(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? "NULL" : `"${value.replaceAll(/["\\]/g, "\\$&")}"`)).join(",")}}`;
}

/** What every table is called in our queries, so that no column's name can be taken for another thing. */
export const rowAlias = "t";

/** A column of the table that a query reads. */
export function quoteColumn(name: string): string {
  return `${rowAlias}.${quoteName(name)}`;
}
