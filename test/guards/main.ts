import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { GUARDS } from "./guards.ts";
import { pathOf, type Guard } from "./guard.ts";
import { withTable } from "./page.ts";
import { play, type Played } from "./play.ts";
import { Tree } from "./tree.ts";

/*
 * npm run guards [-- WORDS…] [--write]: every guard is taken away in a copy of the checkout, and its test has to go red
 * there; in the copy with all guards it has to be green. WORDS choose guards by what their line says.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "boolean", default: false } },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (values.write) writePage();
else process.exitCode = await playAll(GUARDS.filter(chosen));

function chosen(guard: Guard): boolean {
  const line = `${guard.keeps.join(" ")} ${guard.guard} ${guard.file} ${guard.shownBy.file}`;
  return positionals.every((word) => line.includes(word));
}

function writePage(): void {
  const path = join(root, "docs", "invariants.md");
  writeFileSync(path, withTable(readFileSync(path, "utf8"), GUARDS));
}

async function playAll(guards: readonly Guard[]): Promise<number> {
  using tree = new Tree(root);
  const greens = new Map<string, Played>();
  let asleep = 0;
  let late = 0;
  for (const guard of guards) {
    const { file, name } = guard.shownBy;
    const key = `${file} ${name}`;
    const whole = greens.get(key) ?? (await play(tree.folder, guard.shownBy));
    greens.set(key, whole);
    const played = whole.outcome === "green" ? await playWithout(tree, guard) : whole;
    const awake = played !== whole && (played.outcome === "red" || played.outcome === "hung");
    if (!awake) asleep++;
    else if (played.why?.includes("timed out") !== false) late++;
    const verdict = played === whole ? `with it: ${whole.outcome}` : played.outcome;
    say(`${awake ? "✓" : "✗"} ${pathOf(guard)}: ${guard.guard} → ${verdict}`);
    if (!awake) say(`    ${file} · ${name}`);
    if (played.why !== null) say(`    ${played.why}`);
  }
  say(`${guards.length - asleep} guards were missed when they were gone, ${asleep} were not`);
  if (late > 0)
    say(`${late} only by a timeout: on a busy machine that says nothing, play them again`);
  return asleep === 0 && guards.length > 0 ? 0 : 1;
}

async function playWithout(tree: Tree, guard: Guard): Promise<Played> {
  const restore = tree.disable(guard);
  try {
    return await play(tree.folder, guard.shownBy);
  } finally {
    restore();
  }
}
