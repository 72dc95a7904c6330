import { createBareSlot, dropBareSlot, runBare, startBareCopier } from "./bare-process.ts";
import type { BareMirroring } from "./baselines/bare-mirror.ts";
import type { BareLoading } from "./baselines/bare-load.ts";
import { latencyOf, type Latency } from "./latency-figures.ts";
import { BATCH_ROWS } from "./near-targets.ts";
import { type Pace, PacedWriter } from "./paced-writer.ts";
import { RealRun, until, type BenchTarget } from "./real-run.ts";
import { COLUMNS, ROW, TABLE, withClient } from "./workload.ts";

const SETTLE_TIMEOUT_MS = 600_000;
const BARE_CONNECTIONS = 4;

/** A stretch of writing. */
export interface Written {
  readonly latency: Latency;
  readonly rowsPerSecond: number;
}

/** One pipeline between two servers, written to at a pace; and a bare copy in its place. */
export class LatencyPipeline {
  readonly #url: string;
  readonly #target: BenchTarget;
  readonly #rows: number;
  readonly #warmSeconds: number;
  readonly #writer: PacedWriter;
  #run: RealRun | null = null;

  /** `rows`: of the table whose load is asked for, and of the backlog. */
  constructor(
    url: string,
    target: BenchTarget,
    { rows, warmSeconds }: { readonly rows: number; readonly warmSeconds: number },
  ) {
    this.#url = url;
    this.#target = target;
    this.#rows = rows;
    this.#warmSeconds = warmSeconds;
    this.#writer = new PacedWriter(url);
  }

  /** `loaded` is the table that another load of is asked for. */
  async prepare(): Promise<void> {
    await withClient(this.#url, async (client) => {
      await client.query(TABLE);
      await client.query(TABLE.replace("items", "loaded"));
      await client.query(
        `INSERT INTO loaded SELECT ${ROW} FROM generate_series(1::bigint, ${this.#rows}::bigint) i`,
      );
    });
  }

  async begin(): Promise<void> {
    this.#run = await RealRun.start({
      name: "latency",
      sourceUrl: this.#url,
      target: this.#target,
      tables: String.raw`public.\.*`,
    });
    await this.#run.process.running;
  }

  /** Both tables are loaded; told of once, by the first process. */
  async loaded(): Promise<void> {
    await this.#run?.process.waitForSync(2, SETTLE_TIMEOUT_MS);
  }

  async end(): Promise<void> {
    await this.#run?.stop();
    this.#run = null;
  }

  /** In the place of a pipeline that has ended: does something while a bare copy of `items` runs. */
  async bare<T>(work: () => Promise<T>): Promise<T> {
    const slot = await createBareSlot(this.#url);
    const target = this.#target.url;
    const given: BareMirroring = {
      ...slot,
      target,
      columns: COLUMNS,
      connections: BARE_CONNECTIONS,
    };
    const program = new URL("baselines/bare-mirror.ts", import.meta.url);
    const copier = await startBareCopier(program, given);
    try {
      return await work();
    } finally {
      await copier.stop();
      await dropBareSlot(slot);
    }
  }

  /** Writes for so long; the first seconds warm up and do not count. */
  async write(pace: Pace, seconds: number): Promise<Written> {
    await this.#writer.write(pace, this.#warmSeconds, () => false);
    return this.#written(pace, () => this.#writer.write(pace, seconds, () => false));
  }

  /** Writes from when another table's load begins until it is in SYNC again. */
  async writeWhileLoading(pace: Pace): Promise<Written> {
    const running = this.#run;
    if (running === null) throw new Error("nothing runs");
    await running.resync("public.loaded");
    return this.#writeBeside(pace, running.process.waitForSync(2, SETTLE_TIMEOUT_MS));
  }

  /** The same beside a bare load of that table. */
  async writeWhileBareLoading(pace: Pace): Promise<Written> {
    const loading: BareLoading = {
      source: this.#url,
      target: this.#target.url,
      table: "loaded",
      columns: COLUMNS,
      rows: this.#rows,
      pageRows: BATCH_ROWS,
      connections: BARE_CONNECTIONS,
    };
    const program = new URL("baselines/bare-load.ts", import.meta.url);
    return this.#writeBeside(pace, runBare(program, loading));
  }

  async #writeBeside(pace: Pace, load: Promise<unknown>): Promise<Written> {
    let isLoaded = false;
    const loaded = load.finally(() => (isLoaded = true));
    return this.#written(pace, async () => {
      await this.#writer.write(pace, SETTLE_TIMEOUT_MS / 1000, () => isLoaded);
      await loaded;
    });
  }

  async #written(pace: Pace, write: () => Promise<void>): Promise<Written> {
    const first = this.#writer.next;
    const began = performance.now();
    await write();
    const seconds = (performance.now() - began) / 1000;
    const last = this.#writer.next - 1;
    const rowsPerSecond = ((last - first + 1) * pace.transactionRows) / seconds;
    return { latency: await this.#latencies(first, last, pace), rowsPerSecond };
  }

  /** Rows per second of a backlog that stood in the slot, from when the log is read to the last commit at the sink. */
  async drainBacklog(): Promise<number> {
    await this.end();
    const first = this.#writer.next;
    const transactionRows = 1000;
    const transactions = Math.ceil(this.#rows / transactionRows);
    await withClient(this.#url, async (client) => {
      for (let i = 0; i < transactions; i++)
        await client.query(this.#writer.insert(transactionRows));
    });
    await this.begin();
    const readingMs = Date.now();
    const { atSink } = await this.#commits(first, this.#writer.next - 1, transactionRows);
    const elapsedMs = [...atSink.values()].reduce((a, b) => Math.max(a, b), 0) - readingMs;
    return (transactions * transactionRows) / (Math.max(1, elapsedMs) / 1000);
  }

  async #latencies(first: number, last: number, { transactionRows }: Pace): Promise<Latency> {
    const { atSource, atSink } = await this.#commits(first, last, transactionRows);
    const all = [...atSource].map(
      ([transaction, ms]) => (atSink.get(transaction) ?? Infinity) - ms,
    );
    return latencyOf(all);
  }

  /** When each transaction of a stretch was committed; at the sink, when the last of its rows was. */
  async #commits(
    first: number,
    last: number,
    rows: number,
  ): Promise<{ readonly atSource: Map<number, number>; readonly atSink: Map<number, number> }> {
    const expected = last - first + 1;
    const read = (url: string): Promise<Map<number, number>> =>
      withClient(url, async (client) => {
        const answer = await client.query<{ transaction: string; ms: string }>(
          `SELECT customer AS transaction, max(extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000) AS ms
           FROM items WHERE customer BETWEEN ${first} AND ${last}
           GROUP BY customer HAVING count(*) = ${rows}`,
        );
        return new Map(answer.rows.map((row) => [Number(row.transaction), Number(row.ms)]));
      });
    let atSink = new Map<number, number>();
    await until(async () => {
      atSink = await read(this.#target.postgres.url);
      return atSink.size === expected;
    }, SETTLE_TIMEOUT_MS);
    return { atSource: await read(this.#url), atSink };
  }
}
