import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { GUARDS } from "./guards.ts";
import { pathOf, type Guard, type TestName } from "./guard.ts";
import { withGuards } from "./page.ts";
import { playEach, playWhole, playWithout, type Played } from "./play.ts";
import { Tree } from "./tree.ts";

/*
 * npm run guards [-- WORDS…] [--part 2/4] [--write]: every guard is taken away in a copy of the checkout, and its test has to go red
 * there; in the copy with all guards it has to be green. WORDS choose guards by what their line says, a part every fourth.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "boolean", default: false }, part: { type: "string", default: "1/1" } },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (values.write) writePage();
else process.exitCode = await playAll(partOf(values.part, GUARDS.filter(chosen)));

/** `2/4`: of every four guards the second, so that several machines, or sessions, share the work. */
function partOf(part: string, guards: readonly Guard[]): readonly Guard[] {
  const [nth = 1, of = 1] = part.split("/").map(Number);
  return guards.filter((_, index) => index % of === nth - 1);
}

function chosen(guard: Guard): boolean {
  const line = `${guard.keeps.join(" ")} ${guard.guard} ${guard.file} ${guard.shownBy.file}`;
  return positionals.every((word) => line.includes(word));
}

function writePage(): void {
  const path = join(root, "docs", "invariants.md");
  writeFileSync(path, withGuards(readFileSync(path, "utf8"), GUARDS));
}

async function playAll(guards: readonly Guard[]): Promise<number> {
  if (guards.length === 0) {
    say(`No guard's line has all of these: ${positionals.join(", ")}`);
    return 2;
  }
  using tree = new Tree(root);
  const keyOf = ({ file, name }: TestName): string => `${file} ${name}`;
  const tests = [...new Map(guards.map(({ shownBy }) => [keyOf(shownBy), shownBy])).values()];
  const all = await playEach(tree.folder, tests);
  const greens = new Map(tests.map((test, i) => [keyOf(test), all[i]] as const));
  let asleep = 0;
  let late = 0;
  for (const guard of guards) {
    const { file, name } = guard.shownBy;
    const key = keyOf(guard.shownBy);
    const together = greens.get(key);
    // One that does not like company has a second chance alone.
    const isGreen = together?.outcome === "green";
    const whole = isGreen ? together : await playWhole(tree.folder, guard.shownBy);
    greens.set(key, whole);
    const played = whole.outcome === "green" ? await playGone(tree, guard) : whole;
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

async function playGone(tree: Tree, guard: Guard): Promise<Played> {
  const restore = tree.disable(guard);
  try {
    return await playWithout(tree.folder, guard.shownBy);
  } finally {
    restore();
  }
}
