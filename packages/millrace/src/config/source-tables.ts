import { compileTablePatterns, TablePatternError } from "../schema/table-pattern.ts";
import type { Place } from "./problem.ts";
import type { Findings } from "./section.ts";

interface TablesSection {
  readonly values: { readonly tables: string; readonly tablesExclude: string | null };
  readonly place: Place;
  readonly given: ReadonlyMap<string, Place>;
  readonly failed: ReadonlySet<string>;
}

/** Checks `tables` and `tables.exclude`, names of so many parts; true where the first of them can be read. */
export function checkSourceTables(
  section: TablesSection,
  parts: number,
  findings: Findings,
): boolean {
  const { tables, tablesExclude } = section.values;
  const fine = checkPatterns(section, "tables", { text: tables, parts }, findings);
  if (tablesExclude !== null)
    checkPatterns(section, "tables.exclude", { text: tablesExclude, parts }, findings);
  return fine;
}

function checkPatterns(
  section: TablesSection,
  name: string,
  { text, parts }: { readonly text: string; readonly parts: number },
  findings: Findings,
): boolean {
  if (section.failed.has(name)) return false;
  try {
    compileTablePatterns(text, [parts]);
    return true;
  } catch (error) {
    if (!(error instanceof TablePatternError)) throw error;
    const place = section.given.get(name) ?? section.place;
    const wrong = `${error.problem.charAt(0).toLowerCase()}${error.problem.slice(1)} (at character ${error.offset + 1})`;
    findings.problem(place, `source.${name}`, wrong, error.remedy);
    return false;
  }
}
