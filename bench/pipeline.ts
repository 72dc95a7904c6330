// A captured replication stream through everything of the engine but its sockets: framing, decoding, transactions,
// feed, lanes, compaction, commits, frontier; into a sink that forgets. One thread of JavaScript.
import { ByteBudget } from "../packages/millrace/src/pipeline/byte-budget.ts";
import { deafObserver, type TaskObserver } from "../packages/millrace/src/pipeline/observer.ts";
import type { TaskSettings } from "../packages/millrace/src/pipeline/settings.ts";
import { createTask } from "../packages/millrace/src/pipeline/task.ts";
import { createRouter, defaultTargetOf } from "../packages/millrace/src/transform/router.ts";
import { advance, capture, type Capture, type Kind } from "./replay/captured-stream.ts";
import { CONTEXT } from "./replay/live-source.ts";
import { NullSink, type Encoding } from "./replay/null-sink.ts";
import { replayedSource } from "./replay/replayed-source.ts";
import { absolute, median, type Figure } from "./report.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 2_000_000);
const CAPTURED_ROWS = Math.min(ROWS, 50_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const BUDGET_BYTES = 64 * 1024 * 1024;
const GOALS = { none: 1_000_000, literals: 400_000 } as const;

const SETTINGS: TaskSettings = {
  parallelism: 4,
  schemaChangeBehavior: "evolve",
  dropTables: false,
  create: "if-missing",
  sharedTargets: false,
  compaction: true,
  batchRows: 1_000,
  flushIntervalMs: 0,
  chunkRows: 8_096,
  snapshotParallelism: 4,
  maxRowsPerSecond: null,
  maxBytesPerSecond: null,
  loadGivesWay: true,
  maxRetainedBytes: null,
  maxRetainedAction: "warn",
  fullLoad: false,
  onLoss: "fail",
  deadLetters: "park",
  maxDeadLetters: 100,
  maxDeadLetterShare: 0.01,
};

interface Run {
  readonly rowsPerSecond: number;
  readonly rowsPerCpuSecond: number;
  readonly cpuSecondsPer100k: number;
  readonly rowsPerCommit: number;
}

/** The figures of `pipeline`. */
export async function run(): Promise<Figure[]> {
  const captures = await capture(CAPTURED_ROWS);
  await replay(captures.inserts, "literals"); // warms the compiler up
  const runs = new Map<string, Run[]>();
  for (let round = 0; round < ROUNDS; round += 1)
    for (const encoding of ["none", "literals"] as const)
      for (const kind of ["inserts", "updates"] as const)
        add(runs, `${kind} ${encoding}`, await replay(captures[kind], encoding));
  return (["none", "literals"] as const).flatMap((encoding) =>
    (["inserts", "updates"] as const).flatMap((kind) =>
      figures(kind, encoding, runs.get(`${kind} ${encoding}`) ?? []),
    ),
  );
}

function add(runs: Map<string, Run[]>, name: string, made: Run): void {
  runs.set(name, [...(runs.get(name) ?? []), made]);
}

/** The goal is for one core: what the machine gives to others meanwhile must not count, so CPU time does. */
function figures(kind: Kind, encoding: Encoding, runs: readonly Run[]): Figure[] {
  const to = encoding === "none" ? "null sink" : "unnest literals";
  const of = (pick: (run: Run) => number): number => median(runs.map(pick));
  return [
    absolute(
      `${kind} → ${to}, one core`,
      of((r) => r.rowsPerCpuSecond),
      "rows/CPU s",
      GOALS[encoding],
    ),
    absolute(
      `${kind} → ${to}, elapsed`,
      of((r) => r.rowsPerSecond),
      "rows/s",
    ),
    absolute(
      `${kind} → ${to}, CPU`,
      of((r) => r.cpuSecondsPer100k),
      "s/100k rows",
    ),
    absolute(
      `${kind} → ${to}, batch`,
      of((r) => r.rowsPerCommit),
      "rows/commit",
    ),
  ];
}

/** One task over enough rounds of the stretch, from its start to its last commit. */
async function replay(captured: Capture, encoding: Encoding): Promise<Run> {
  const rounds = Math.max(1, Math.round(ROWS / captured.rows));
  const rows = rounds * captured.rows;
  advance(captured);
  const sink = new NullSink(encoding);
  const done = Promise.withResolvers<void>();
  let seen = 0;
  const observer: TaskObserver = {
    ...deafObserver,
    committed: (commit) => {
      seen += commit.rows;
      if (seen === rows) done.resolve();
    },
  };
  const router = createRouter({
    routes: [],
    routeMode: "ALL_MATCH",
    defaultTarget: defaultTargetOf("postgres"),
  });
  const source = replayedSource(captured, rounds);
  const budget = new ByteBudget(BUDGET_BYTES);
  const parts = { ...CONTEXT, source, sink, router, settings: SETTINGS, budget, observer };
  const task = createTask(parts);
  const cpu = process.cpuUsage();
  const began = performance.now();
  await task.start();
  await Promise.race([done.promise, task.done]);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const cpuSeconds = (user + system) / 1e6;
  await task.stop();
  if (encoding === "literals" && sink.characters < rows) throw new Error("no literals were made");
  return {
    rowsPerSecond: rows / seconds,
    rowsPerCpuSecond: rows / cpuSeconds,
    cpuSecondsPer100k: (cpuSeconds / rows) * 100_000,
    rowsPerCommit: rows / sink.commits,
  };
}
