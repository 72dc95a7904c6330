import { CATALOGUE } from "../errors/catalogue.ts";
import type { CatalogueEntry } from "../errors/catalogue.ts";
import { retriedText } from "../errors/reference.ts";
import { nearestName } from "../config/nearest-name.ts";
import { MillraceError } from "../errors/millrace-error.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";

/** Shows the catalogue of errors, or one of them. */
export function errorsCommand(
  code: string | undefined,
  json: boolean,
  { stdout }: CliSurroundings,
): number {
  const entries: readonly [string, CatalogueEntry][] = Object.entries(CATALOGUE);
  const shown =
    code === undefined ? entries : entries.filter(([name]) => name === code.toUpperCase());
  if (shown.length === 0) throw unknownCode(code ?? "");
  if (json)
    stdout.write(`${JSON.stringify(shown.map(([name, entry]) => document(name, entry)))}\n`);
  else stdout.write(shown.map(([name, entry]) => `${lines(name, entry)}\n`).join("\n"));
  return EXIT.done;
}

function document(code: string, entry: CatalogueEntry): Record<string, unknown> {
  return {
    code,
    class: entry.class,
    meaning: entry.meaning,
    retried: retriedText(entry.class),
    remedy: entry.remedy,
  };
}

function lines(code: string, { class: errorClass, meaning, remedy }: CatalogueEntry): string {
  return `${code}\n  ${meaning}\n  Retried: ${retriedText(errorClass)}\n  To do: ${remedy}`;
}

function unknownCode(code: string): MillraceError {
  const nearest = nearestName(code.toUpperCase(), Object.keys(CATALOGUE));
  const hint = nearest === null ? "millrace errors lists all" : `did you mean ${nearest}?`;
  return new MillraceError("MR_USAGE", `there is no error ${code}; ${hint}`);
}
