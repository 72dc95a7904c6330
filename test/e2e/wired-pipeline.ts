/** A pipeline whose every connection goes through proxies of ours, under writes that do not stop. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { type PostgresServer, type StartOptions, startPostgres } from "../support/postgres.ts";
import { Asked } from "./asked.ts";
import { compareDatabases } from "./compare-databases.ts";
import type { Comparison } from "./compare.ts";
import { buildSource } from "./database.ts";
import { MillraceProcess } from "./millrace-process.ts";
import { type Section, writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import type { SampleTable } from "./sample-table.ts";
import { sampleTables } from "./schema.ts";
import { makeTarget, type Target, type TargetKind } from "./targets.ts";
import { Numbers, writeSession } from "./writer.ts";

const names = ["k_int8", "k_txt", "s_toast", "t_numbers"];

/** What the writers write to. */
export const wiredTables: readonly SampleTable[] = sampleTables.filter(({ name }) =>
  names.includes(name),
);

/** Short bounds, so that a test sees them pass; the defaults are in docs/operations/timeouts.md. */
const SOURCE_BOUNDS: Section = { "connect.timeout": "1500ms", "read.timeout": "2s" };
const SINK_BOUNDS: Section = { "connect-timeout-ms": 1500, "request-timeout-ms": 2000 };

/** Rows that a mark is made of. */
const MARKS = 24;

/** How a pipeline is set up. */
export interface WiredOptions {
  readonly kind: TargetKind;
  readonly seed: number;
  readonly source?: Section;
  readonly sink?: Section;
  readonly pipeline?: Section;
  /** Settings of the source's server. */
  readonly settings?: Readonly<Record<string, string>>;
  /** What the source's server runs in. */
  readonly within?: NonNullable<StartOptions["within"]>;
  /** A table of so many rows to load, besides. */
  readonly loadRows?: number;
  /** Where it copies to, in place of a target of its own. */
  readonly target?: Target;
  /** Lays faults before the first start. */
  readonly arm?: (proxies: { readonly atSource: FaultProxy; readonly atSink: FaultProxy }) => void;
  /** Prepares the source, before the first start; gives the URL that the pipeline uses. */
  readonly prepare?: (server: PostgresServer) => Promise<string>;
  /** Options of the source that are known once its server is prepared. */
  readonly more?: (server: PostgresServer) => Promise<Section>;
}

/** See {@link startWired}. */
export class WiredPipeline {
  /** Where the writers write. */
  server: PostgresServer;
  readonly target: Target;
  /** In front of the source, and of the sink. */
  readonly atSource: FaultProxy;
  readonly atSink: FaultProxy;
  readonly file: string;
  process: MillraceProcess;
  readonly #rewrite: (options: Section) => Promise<void>;
  readonly #folder: string;
  readonly #dice: Dice;
  readonly #numbers = new Numbers();
  readonly #sides: Record<"source" | "target", Asked>;
  readonly #tables: readonly string[];
  #writing: { stop: AbortController; ended: Promise<unknown> } | null = null;
  #marks = 0;

  constructor(made: Made) {
    this.server = made.server;
    this.target = made.target;
    this.atSource = made.atSource;
    this.atSink = made.atSink;
    this.file = made.file;
    this.#rewrite = made.rewrite;
    this.#folder = made.folder;
    this.#dice = new Dice(made.seed);
    this.#sides = { source: new Asked(made.server.url), target: new Asked(made.target.url) };
    this.#tables = made.tables;
    this.process = this.start();
  }

  get dice(): Dice {
    return this.#dice;
  }

  /** A failover: writers write to another server from now on, and the pipeline's source is there under the old name. */
  async moveTo(server: PostgresServer): Promise<void> {
    await this.#sides.source.end();
    this.#sides.source = new Asked(server.url);
    this.server = server;
    this.atSource.redirect(server);
  }

  /** What a process of this pipeline is started with. */
  get args(): readonly string[] {
    return ["run", this.file, "--json", "--listen", "off"];
  }

  /** Starts a process more. */
  start(): MillraceProcess {
    return new MillraceProcess(this.args);
  }

  /** Ends the process as an operator does, and starts another. */
  async restart(): Promise<void> {
    await this.process.stop();
    this.process = this.start();
  }

  /** Sessions begin to write, and go on until {@link rest}. */
  write(): void {
    const stop = new AbortController();
    const sessions = [1, 2].map((session) =>
      writeSession({
        url: this.server.url,
        tables: wiredTables,
        numbers: this.#numbers,
        dice: new Dice(this.#dice.between(1, 1_000_000) + session),
        transactions: Number.POSITIVE_INFINITY,
        largeRows: 500,
        signal: stop.signal,
        pauseMs: 10,
      }),
    );
    const ended = Promise.all(sessions);
    // A server that is killed takes its writers along.
    ended.catch(() => undefined);
    this.#writing = { stop, ended };
  }

  /** The writers rest. */
  async rest(): Promise<void> {
    this.#writing?.stop.abort();
    await this.#writing?.ended.catch(() => undefined);
    this.#writing = null;
  }

  /** Waits until everything is loaded. */
  async loaded(timeoutMs?: number): Promise<void> {
    await this.process.waitForSync(this.#tables.length + 1, timeoutMs);
  }

  /**
   * Waits until what is committed now has arrived; says how long that took, ms. Lanes keep their order, and so many
   * marks fall into every lane.
   */
  async arrived(boundMs: number): Promise<number> {
    const began = performance.now();
    this.#marks += 1;
    const mark = this.#marks;
    await this.#sides.source.query(
      `INSERT INTO mark SELECT ${mark}, g FROM generate_series(1, ${MARKS}) g`,
    );
    for (;;) {
      const rows = await this.#sides.target.query(`SELECT 1 FROM mark WHERE round = ${mark}`);
      const tookMs = performance.now() - began;
      if (rows.length === MARKS) return tookMs;
      if (tookMs > boundMs || !this.process.isRunning)
        throw new Error(`Nothing arrived within ${Math.round(tookMs)} ms:\n${this.process.tail()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What the target answers. */
  atTarget(sql: string): Promise<readonly unknown[]> {
    return this.#sides.target.query(sql);
  }

  /** Other options of the source, for the next start. */
  async useSource(options: Section): Promise<void> {
    await this.#rewrite(options);
  }

  /** Lets everything arrive, with nobody writing, and says what differs. */
  async differences(boundMs = 20_000): Promise<readonly Comparison[]> {
    await this.rest();
    await this.arrived(boundMs);
    const tables = this.#tables.map((name) => ({ schema: "public", name }));
    return compareDatabases(
      this.server.url,
      this.target.url,
      tables.map((table) => ({ source: table, target: table })),
    );
  }

  /** Ends and removes everything. */
  async release(): Promise<void> {
    await this.rest();
    if (this.process.isRunning) this.process.kill();
    await this.process.ended;
    for (const side of Object.values(this.#sides)) await side.end();
    await Promise.all([this.atSource.close(), this.atSink.close()]);
    await Promise.all([this.server.stop(), this.target.release()]);
    await rm(this.#folder, { recursive: true });
  }
}

interface Made {
  readonly rewrite: (options: Section) => Promise<void>;
  readonly server: PostgresServer;
  readonly target: Target;
  readonly atSource: FaultProxy;
  readonly atSink: FaultProxy;
  readonly file: string;
  readonly folder: string;
  readonly seed: number;
  readonly tables: readonly string[];
}

/** Makes source, target, proxies and file, and starts a process. */
export async function startWired(options: WiredOptions): Promise<WiredPipeline> {
  const { kind, seed, loadRows = 0 } = options;
  const [server, target] = await Promise.all([
    startPostgres({
      settings: { wal_sender_timeout: "5s", ...options.settings },
      ...(options.within === undefined ? {} : { within: options.within }),
    }),
    options.target ?? makeTarget(kind),
  ]);
  await buildSource(server.url, wiredTables);
  await server.query("CREATE TABLE mark (round int, nth int, PRIMARY KEY (round, nth))");
  if (loadRows > 0) {
    await server.query("CREATE TABLE loaded (id bigint PRIMARY KEY, txt text)");
    await server.query(
      `INSERT INTO loaded SELECT g, repeat(md5(g::text), 8) FROM generate_series(1, ${loadRows}) g`,
    );
  }
  const sourceUrl = (await options.prepare?.(server)) ?? server.url;
  const to = new URL(target.url);
  const [atSource, atSink] = await Promise.all([
    startFaultProxy({ host: server.host, port: server.port }),
    startFaultProxy({ host: to.hostname, port: Number(to.port) }),
  ]);
  const folder = await mkdtemp(join(tmpdir(), "millrace-wire-"));
  const more = (await options.more?.(server)) ?? {};
  const file = join(folder, "wire.yaml");
  const write = (changed: Section) =>
    writePipelineFile({
      path: file,
      name: `wire_${server.port}`,
      sourceUrl: atSource.through(sourceUrl),
      tables: String.raw`public.\.*`,
      source: { ...SOURCE_BOUNDS, ...options.source, ...more, ...changed },
      sink: {
        ...target.sink,
        host: atSink.host,
        port: atSink.port,
        ...SINK_BOUNDS,
        ...options.sink,
      },
      pipeline: { parallelism: 2, ...options.pipeline },
    });
  await write({});
  const rewrite = async (changed: Section): Promise<void> => void (await write(changed));
  options.arm?.({ atSource, atSink });
  const tables = [...wiredTables.map(({ name }) => name), ...(loadRows > 0 ? ["loaded"] : [])];
  const made = { server, target, atSource, atSink, file, rewrite, folder, seed, tables };
  return new WiredPipeline(made);
}
