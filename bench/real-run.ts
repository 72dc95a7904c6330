import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MillraceProcess } from "../test/e2e/millrace-process.ts";
import {
  dsqlSink,
  postgresSink,
  writePipelineFile,
  type Section,
} from "../test/e2e/pipeline-file.ts";
import { findFreePort } from "../test/support/free-port.ts";
import { startPostgres, type PostgresServer, type StartOptions } from "../test/support/postgres.ts";
import { startDsqlProcess } from "./dsql-process.ts";

/** A server that is written to, of either kind, whose tables can be looked at past any proxy. */
export interface BenchTarget {
  readonly name: "postgres" | "dsql-local";
  readonly sink: Section;
  /** Where statements go that the sink's rules are for. */
  readonly url: string;
  /** The PostgreSQL itself. */
  readonly postgres: PostgresServer;
  stop(): Promise<void>;
}

/** Starts a PostgreSQL, for `dsql-local` with the proxy before it. */
export async function startTarget(
  name: BenchTarget["name"],
  options: StartOptions,
  ...dsqlArgs: readonly string[]
): Promise<BenchTarget> {
  const postgres = await startPostgres(options);
  const stop = (): Promise<void> => postgres.stop();
  if (name === "postgres") {
    const { url } = postgres;
    return { name, sink: postgresSink(url), url, postgres, stop };
  }
  const dsql = await startDsqlProcess("--postgres", postgres.url, ...dsqlArgs);
  return {
    name,
    sink: dsqlSink(dsql),
    url: dsql.url,
    postgres,
    stop: async () => {
      await dsql.stop();
      await postgres.stop();
    },
  };
}

/** What a pipeline is to be like. */
export interface RealRunOptions {
  readonly name: string;
  /** A database's; without it `source` says everything. */
  readonly sourceUrl?: string;
  readonly target: Pick<BenchTarget, "sink">;
  /** Pattern of the tables, without the database. */
  readonly tables?: string;
  readonly source?: Section;
  readonly pipeline?: Section;
}

/** `millrace run` as an operator starts it, in a process of its own, with its flags for the heap. */
export class RealRun {
  readonly process: MillraceProcess;
  readonly #options: RealRunOptions;
  readonly #folder: string;
  readonly #port: number;

  private constructor(options: RealRunOptions, folder: string, file: string, port: number) {
    this.#options = options;
    this.#folder = folder;
    this.#port = port;
    const listen = ["--listen", `127.0.0.1:${port}`];
    this.process = new MillraceProcess(["run", file, "--json", ...listen]);
  }

  static async start(options: RealRunOptions): Promise<RealRun> {
    const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
    const { name, sourceUrl, tables, source, pipeline, target } = options;
    const file = await writePipelineFile({
      path: join(folder, "bench.yaml"),
      name,
      ...(sourceUrl === undefined ? {} : { sourceUrl, tables: tables ?? "" }),
      source: {
        ...(sourceUrl === undefined ? {} : { "scan.incremental.snapshot.chunk.size": 8096 }),
        ...source,
      },
      sink: target.sink,
      ...(pipeline === undefined ? {} : { pipeline }),
    });
    return new RealRun(options, folder, file, await findFreePort());
  }

  /** Asks for another load of a table. */
  async resync(table: string): Promise<void> {
    const path = `/api/v1/pipelines/${this.#options.name}/tables/${table}/resync`;
    const answer = await fetch(`http://127.0.0.1:${this.#port}${path}`, { method: "POST" });
    if (!answer.ok) throw new Error(`resync of ${table}: ${answer.status}`);
  }

  /** The most memory that it ever held, MiB; NaN where the system does not say. */
  async peakMib(): Promise<number> {
    const status = await readFile(`/proc/${this.process.pid}/status`, "utf8").catch(() => "");
    return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  async stop(): Promise<void> {
    await this.process.stop();
    await rm(this.#folder, { recursive: true });
  }
}

/** Asks until it holds. */
export async function until(holds: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  for (const end = Date.now() + timeoutMs; !(await holds());) {
    if (Date.now() > end) throw new Error(`did not become true within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
