import { startPostgres } from "../../test/support/postgres.ts";
import { startPlayer } from "./start-player.ts";
import { cpuSecondsOf } from "../process-cpu.ts";
import { RealRun } from "../real-run.ts";
import { postgresSink } from "../../test/e2e/pipeline-file.ts";
import { atMost, type Figure } from "../report.ts";

const TABLES = 100;
const SHARDS = 10;
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 30);
/** Polls have to be backed off first: they double up to the interval. */
const SETTLE_MS = 20_000;
const MOST_PERCENT = 10;
const MOST_MIB = 300;

/** A hundred tables of ten shards each that nobody writes, polled every ten seconds. */
export async function idleFigures(page: string): Promise<Figure[]> {
  const player = await startPlayer(page, SHARDS, 0);
  await using target = await startPostgres();
  const names = Array.from({ length: TABLES }, (_, n) => `table-${n}`);
  const run = await RealRun.start({
    name: "idle",
    target: { sink: postgresSink(target.url) },
    source: {
      type: "dynamodb",
      endpoint: player.url,
      "aws.access.key.id": "test",
      "aws.secret.key": "test",
      "dynamodb.table.whitelist": names.join(","),
      "scan.startup.mode": "earliest-offset",
      "stream.idle.poll.interval": "10s",
    },
  });
  try {
    await run.process.waitForSync(TABLES, 300_000);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const before = cpuSecondsOf(run.process.pid);
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000));
    const percent = ((cpuSecondsOf(run.process.pid) - before) / SECONDS) * 100;
    const title = `${TABLES} tables of ${SHARDS} idle shards, polled every 10 s`;
    return [
      atMost(`${title}, CPU`, percent, "% of a core", MOST_PERCENT),
      atMost(`${title}, memory`, await run.peakMib(), "MiB", MOST_MIB),
    ];
  } finally {
    await run.stop();
    player.stop();
  }
}
