/** Makes a pipeline whose every connection goes through proxies of ours. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { startMysql } from "../support/mysql.ts";
import { type PostgresServer, type StartOptions, startPostgres } from "../support/postgres.ts";
import { buildSource } from "./database.ts";
import { type Section, writePipelineFile } from "./pipeline-file.ts";
import { allOf, type SourceKind, valueOptions } from "./sources.ts";
import { makeTarget, type Target, type TargetKind } from "./targets.ts";
import { dialectOf, WiredPipeline, type WiredServer, wiredTablesOf } from "./wired-pipeline.ts";

/** Short bounds, so that a test sees them pass; the defaults are in docs/operations/timeouts.md. */
const SOURCE_BOUNDS: Section = { "connect.timeout": "1500ms", "read.timeout": "2s" };
const SINK_BOUNDS: Section = { "connect-timeout-ms": 1500, "request-timeout-ms": 2000 };

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

/** Makes source, target, proxies and file, and starts a process. */
export async function startWired(options: WiredOptions): Promise<WiredPipeline> {
  const server = await startPostgres({
    settings: { wal_sender_timeout: "5s", ...options.settings },
    ...(options.within === undefined ? {} : { within: options.within }),
  });
  const prepare = () => options.prepare?.(server) ?? Promise.resolve(server.url);
  const more = () => options.more?.(server) ?? Promise.resolve({});
  return wire("postgres", server, { ...options, prepare, more });
}

/** The same from a server of any kind. */
export async function startWiredFrom(
  from: SourceKind,
  options: WireOptions,
): Promise<WiredPipeline<WiredServer>> {
  if (from === "postgres") return startWired(options);
  const server = await startMysql(from, { storage: "disk" });
  await server.query("ALTER DATABASE CHARACTER SET utf8mb4");
  return wire(from, server, options);
}

/** What there is to say of a pipeline from any source. */
type WireOptions = Omit<WiredOptions, "settings" | "within" | "prepare" | "more">;

async function wire<Server extends WiredServer>(
  from: SourceKind,
  server: Server,
  options: WireOptions & {
    readonly prepare?: () => Promise<string>;
    readonly more?: () => Promise<Section>;
  },
): Promise<WiredPipeline<Server>> {
  const { kind, seed, loadRows = 0 } = options;
  const target = await (options.target ?? makeTarget(kind));
  const sampled = wiredTablesOf(from);
  await buildSource(server.url, sampled);
  await server.query("CREATE TABLE mark (round int, nth int, PRIMARY KEY (round, nth))");
  if (loadRows > 0) await makeLoaded(from, server, loadRows);
  const sourceUrl = (await options.prepare?.()) ?? server.url;
  const to = new URL(target.url);
  const [atSource, atSink] = await Promise.all([
    startFaultProxy({ host: server.host, port: server.port }),
    startFaultProxy({ host: to.hostname, port: Number(to.port) }),
  ]);
  const folder = await mkdtemp(join(tmpdir(), "millrace-wire-"));
  const more = (await options.more?.()) ?? {};
  const file = join(folder, "wire.yaml");
  const write = (changed: Section) =>
    writePipelineFile({
      path: file,
      name: `wire_${server.port}`,
      sourceUrl: atSource.through(sourceUrl),
      tables: allOf(from),
      source: { ...SOURCE_BOUNDS, ...valueOptions[from], ...options.source, ...more, ...changed },
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
  const tables = [...sampled.map(({ name }) => name), ...(loadRows > 0 ? ["loaded"] : [])];
  const made = { from, server, target, atSource, atSink, file, rewrite, folder, seed, tables };
  return new WiredPipeline(made);
}

async function makeLoaded(from: SourceKind, server: WiredServer, rows: number): Promise<void> {
  await server.query("CREATE TABLE loaded (id bigint PRIMARY KEY, txt text)");
  const text = from === "postgres" ? "md5(n::text)" : "md5(n)";
  await server.query(
    `INSERT INTO loaded SELECT n, repeat(${text}, 8) FROM ${dialectOf(from).numbers(1, rows)}`,
  );
}
