import { type Guard, testFileOf } from "./guard.ts";

const BEGIN = "<!-- guards: written by `npm run guards -- --write` -->";
const END = "<!-- end of guards -->";

/** The table promise → guard → test, as it stands in `docs/invariants.md`. */
function table(guards: readonly Guard[]): string {
  const rows = guards.map((each) => {
    const { keeps, guard, file, shownBy } = each;
    const names = keeps.map((name) => (typeof name === "number" ? `I${name}` : name)).join(", ");
    return `| ${names} | ${guard} | \`${file}\` | \`${testFileOf(each)}\` · ${shownBy.name} |`;
  });
  return ["| keeps | guard | in | goes red without it |", "|---|---|---|---|", ...rows].join("\n");
}

/** Nobody has seen the test fail. */
const NOT_YET = "not yet";
const BY_GUARD = "guard: ";
/** A line of the page's own tables: file, test, what it was seen failing without. */
const ROW = /^\| `([^`]+)` \| (.+) \| ([^|]+) \|$/gm;

/** The page as these guards make it: their table, and in the others which guard a test goes red without. */
export function withGuards(page: string, guards: readonly Guard[]): string {
  const told = page.replaceAll(ROW, (line, file: string, name: string, seen: string) => {
    if (seen !== NOT_YET && !seen.startsWith(BY_GUARD)) return line;
    const of = guards.filter(
      (guard) => testFileOf(guard).endsWith(file) && guard.shownBy.name === name,
    );
    const words = of.map(({ guard }) => guard).join("; ");
    return `| \`${file}\` | ${name} | ${words === "" ? NOT_YET : BY_GUARD + words} |`;
  });
  return withTable(told, guards);
}

/** The page with the table of these guards. @throws {Error} where the page has no place for it. */
function withTable(page: string, guards: readonly Guard[]): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the page has no ${BEGIN}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table(guards)}\n\n${page.slice(end)}`;
}
