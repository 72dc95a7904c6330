/** A pipeline whose every connection goes through proxies of ours, under writes that do not stop. */
import { rm } from "node:fs/promises";
import type { FaultProxy } from "../support/fault-proxy.ts";
import type { PostgresServer } from "../support/postgres.ts";
import { Asked } from "./asked.ts";
import { compareDatabases } from "./compare-databases.ts";
import type { Comparison } from "./compare.ts";
import type { Dialect } from "./dialect.ts";
import { MillraceProcess } from "./millrace-process.ts";
import type { Section } from "./pipeline-file.ts";
import { mysqlDialect } from "./mysql-dialect.ts";
import { postgresDialect } from "./postgres-dialect.ts";
import { Dice } from "./random.ts";
import type { SampleTable } from "./sample-table.ts";
import { type SourceKind, tablesOf, writerSettings } from "./sources.ts";
import type { Target } from "./targets.ts";
import { Numbers, writeSession } from "./writer.ts";

const names = ["k_int8", "k_txt", "s_toast", "s_large", "t_numbers"];

/** What the writers write to. */
export const wiredTablesOf = (from: SourceKind): readonly SampleTable[] =>
  tablesOf[from].filter(({ name }) => names.includes(name));

/** The same at PostgreSQL. */
export const wiredTables = wiredTablesOf("postgres");

/** A server that is written to and followed. */
export interface WiredServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Rows that a mark is made of. */
const MARKS = 24;

/** See `startWired` (start-wired.ts). */
export class WiredPipeline<Server extends WiredServer = PostgresServer> {
  readonly from: SourceKind;
  /** Where the writers write. */
  server: Server;
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

  constructor(made: Made<Server>) {
    this.from = made.from;
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
  async moveTo(server: Server): Promise<void> {
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

  /** Sessions begin to write, a transaction each `everyMs` at most, and go on until {@link rest}. */
  write(everyMs = 0): void {
    const stop = new AbortController();
    const sessions = writerSettings[this.from].slice(0, 2).map((settings, session) =>
      writeSession({
        url: this.server.url,
        tables: wiredTablesOf(this.from),
        // What MariaDB leaves out has to be read at the source, row by row: writers that never rest would be faster.
        settings: this.from === "mariadb" ? [] : settings,
        numbers: this.#numbers,
        dice: new Dice(this.#dice.between(1, 1_000_000) + session + 1),
        transactions: Number.POSITIVE_INFINITY,
        largeRows: 500,
        signal: stop.signal,
        pauseMs: 10,
        everyMs,
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
    const numbers = dialectOf(this.from).numbers(1, MARKS);
    await this.#sides.source.query(`INSERT INTO mark SELECT ${mark}, n FROM ${numbers}`);
    for (;;) {
      const rows = await this.#sides.target.query(
        `SELECT 1 FROM ${schemaOf(this.from, this.server)}.mark WHERE round = ${mark}`,
      );
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
    const schema = schemaOf(this.from, this.server);
    const tables = this.#tables.map((name) => ({ schema, name }));
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

/** What it is made of. */
export interface Made<Server extends WiredServer> {
  readonly from: SourceKind;
  readonly rewrite: (options: Section) => Promise<void>;
  readonly server: Server;
  readonly target: Target;
  readonly atSource: FaultProxy;
  readonly atSink: FaultProxy;
  readonly file: string;
  readonly folder: string;
  readonly seed: number;
  readonly tables: readonly string[];
}

/** Where its tables are, there and at the target. */
function schemaOf(from: SourceKind, { url }: WiredServer): string {
  return from === "postgres" ? "public" : new URL(url).pathname.slice(1);
}

/** How a source of a kind writes it. */
export const dialectOf = (from: SourceKind): Dialect =>
  from === "postgres" ? postgresDialect : mysqlDialect;
