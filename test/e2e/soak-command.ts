/** `npm run soak`: both sinks under load and faults for so many minutes; what grows meanwhile is a finding. */
import { parseArgs } from "node:util";
import { absolute, atMost, machine, table, type Figure } from "../../bench/report.ts";
import { fitLine, inStretches, isFlat, type Point } from "./linear-fit.ts";
import { soak, type SoakOutcome } from "./soak.ts";
import { sourceKinds } from "./sources.ts";
import { targetKinds, type TargetKind } from "./targets.ts";

const usage = `npm run soak -- [options]
  --minutes N                (30)
  --source ${sourceKinds.join("|")}   what is copied from (postgres)
  --sink postgres|dsql       one kind of sink only (else both at the same time)
  --fault-seconds N          from one fault to the next, on average (30)
  --seed N                   (1)
  --json                     one document`;

/** Samples of a stretch this long count once. */
const STRETCH_SHARE = 1 / 30;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    source: { type: "string", default: "postgres" },
    sink: { type: "string", multiple: true },
    "fault-seconds": { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const minutes = Number(values.minutes);
const faultSeconds = Number(values["fault-seconds"]);
const from = sourceKinds.find((kind) => kind === values.source);
const kinds = targetKinds.filter((kind) => values.sink?.includes(kind) ?? true);

/** How fast something grows, against none at all. */
function slopeFigures(name: string, points: readonly Point[], unit: string): Figure[] {
  const fit = fitLine(inStretches(points, minutes * STRETCH_SHARE));
  const shown = Number.isFinite(fit.error) ? fit.error : Number.NaN;
  const slope = atMost(`${name}, slope ± ${shown.toPrecision(2)}`, fit.slope, `${unit}/min`, 0);
  return [
    { ...slope, met: isFlat(fit) },
    absolute(`${name}, mean of ${points.length} samples`, fit.mean, unit),
  ];
}

function figuresOf(kind: TargetKind, outcome: SoakOutcome): Figure[] {
  const { memory, retained, retainedAge, lag, recoveries, faults, different } = outcome;
  return [
    ...slopeFigures(`memory → ${kind}`, memory, "MiB"),
    // Nobody keeps a log for a reader of MySQL.
    ...(from === "postgres"
      ? [
          ...slopeFigures(`retained log → ${kind}`, retained, "MiB"),
          ...slopeFigures(`age of the retained log → ${kind}`, retainedAge, "s"),
        ]
      : []),
    ...slopeFigures(`lag → ${kind}`, lag, "ms"),
    ...Object.entries(faults).map(([name, count]) =>
      absolute(`faults → ${kind}: ${name}`, count, "times"),
    ),
    absolute(`longest recovery → ${kind}`, Math.max(0, ...recoveries), "ms"),
    atMost(`tables that differ → ${kind}`, different.length, "tables", 0),
  ];
}

async function main(): Promise<number> {
  if (!(minutes > 0) || !(faultSeconds > 0) || kinds.length === 0 || from === undefined)
    throw new Error(usage);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const seed = Number(values.seed);
  const outcomes = await Promise.all(
    kinds.map(async (kind) => {
      const outcome = await soak({ from, kind, minutes, seed, faultSeconds, say }).catch(
        (error: unknown) => {
          say(
            `${kind}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
          );
          return null;
        },
      );
      // What the other sink came to is told all the same.
      if (outcome === null) return [atMost(`soaks that broke off → ${kind}`, 1, "times", 0)];
      for (const different of outcome.different) say(`${kind}: ${JSON.stringify(different)}`);
      return figuresOf(kind, outcome);
    }),
  );
  const report = { name: "soak", machine: machine(), figures: outcomes.flat() };
  process.stdout.write(`${values.json ? JSON.stringify(report) : table(report)}\n`);
  return report.figures.every(({ met }) => met) ? 0 : 1;
}

// By way of an exit, so that processes that were started go too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 2;
}
