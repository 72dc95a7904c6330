import type { Guard } from "./guard.ts";

const BEGIN = "<!-- guards: written by `npm run guards -- --write` -->";
const END = "<!-- end of guards -->";

/** The table promise → guard → test, as it stands in `docs/invariants.md`. */
export function table(guards: readonly Guard[]): string {
  const rows = guards.map(({ keeps, guard, file, shownBy }) => {
    const names = keeps.map((name) => (typeof name === "number" ? `I${name}` : name)).join(", ");
    return `| ${names} | ${guard} | \`${file}\` | \`${shownBy.file}\` · ${shownBy.name} |`;
  });
  return ["| keeps | guard | in | goes red without it |", "|---|---|---|---|", ...rows].join("\n");
}

/** The page with the table of these guards. @throws {Error} where the page has no place for it. */
export function withTable(page: string, guards: readonly Guard[]): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the page has no ${BEGIN}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table(guards)}\n\n${page.slice(end)}`;
}
