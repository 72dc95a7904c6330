/** COPY FROM STDIN: how its rows come. */
import { child, flag, list, text, type Tree } from "./tree.ts";

/** The form of the data. What stands in it wrongly is for PostgreSQL to refuse. */
export interface CopyIn {
  readonly format: "text" | "csv" | "binary";
  readonly delimiter: string;
  /** Of csv; the escape is the quote where nothing else is said. */
  readonly quote: string;
  readonly escape: string;
}

/** Whether rows come from the client: not from a file or a program of the server. */
export function takesRows(copy: Tree): boolean {
  return flag(copy, "is_from") && !flag(copy, "is_program") && text(copy, "filename") === "";
}

/** The form of a COPY's data, by its options. */
export function copyInOf(copy: Tree): CopyIn {
  const options = new Map<string, string>();
  for (const option of list(copy, "options")) {
    const element = child(option, "DefElem");
    const value = text(child(child(element, "arg"), "String"), "sval");
    options.set(text(element, "defname"), value);
  }
  const named = options.get("format")?.toLowerCase();
  const format = named === "csv" || named === "binary" ? named : "text";
  const quote = options.get("quote") ?? '"';
  return {
    format,
    delimiter: options.get("delimiter") ?? (format === "csv" ? "," : "\t"),
    quote,
    escape: options.get("escape") ?? quote,
  };
}
