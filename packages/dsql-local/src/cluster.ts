/** Puts a cluster together: PostgreSQL behind, the proxy before it. */
import { hash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Door } from "./auth/door.ts";
import { CatalogueVersions } from "./concurrency/catalogue-versions.ts";
import { KeptShares } from "./concurrency/kept-shares.ts";
import { ReferencedKeys } from "./concurrency/referenced-keys.ts";
import { LockWaits } from "./concurrency/lock-waits.ts";
import { Commits } from "./concurrency/commits.ts";
import { Deletions } from "./concurrency/resurrected-keys.ts";
import type { Control } from "./control/control.ts";
import { zeroCounters } from "./control/counters.ts";
import type { Delays } from "./control/delays.ts";
import { Faults } from "./control/faults.ts";
import { listenControl } from "./control/http.ts";
import { Partitions, unbounded } from "./control/partitions.ts";
import { resetSql } from "./control/reset.ts";
import { StatementLog } from "./control/statement-log.ts";
import { FunctionRegistry } from "./definitions/function-registry.ts";
import { interruptedSql, Jobs } from "./definitions/jobs.ts";
import { Gate } from "./gate/gate.ts";
import { loadParser } from "./gate/parser.ts";
import { listen, type Listener } from "./listener.ts";
import type { DsqlLocalOptions } from "./options.ts";
import { AdminSession, type Revival } from "./postgres/admin.ts";
import { bootstrapSql, onlyDatabaseSql } from "./postgres/bootstrap.ts";
import { shownCatalogueSql } from "./postgres/shown-catalogue.ts";
import { readTarget, type SocketPath, type Target } from "./postgres/target.ts";
import { startEmbedded } from "./postgres/embedded.ts";
import { serviceLimits, type Limits } from "./rules/bounds.ts";
import { Profile } from "./rules/profile.ts";
import type { ClusterContext } from "./session/context.ts";
import { TableFactsCache } from "./sizes/table-facts.ts";
import { makeCertificate, type ClusterCertificate } from "./tls.ts";

/** A running cluster. */
export interface DsqlLocal {
  /** For clients that take one string; with TLS it names the CA file. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly user: "admin";
  readonly database: "postgres";
  readonly tls: boolean;
  /** PEM to trust; empty when TLS is off. */
  readonly ca: string;
  /** A file that holds `ca`; empty when TLS is off. */
  readonly caFile: string;
  /** Faults, counters, clock, reset. */
  readonly control: Control;
  /** Where the control port listens, `http://…`; empty when it is off. */
  readonly controlUrl: string;
  /** Ends the cluster and its PostgreSQL. */
  stop(): Promise<void>;
}

type Undo = (() => Promise<void> | void)[];

const DATABASE = "postgres";
const SUPERUSER = "postgres";
const RESERVED_CONNECTIONS = 20;
const OLDEST_POSTGRES = 16;

/** Starts a cluster; resolves when it answers. */
export async function startDsqlLocal(options: DsqlLocalOptions = {}): Promise<DsqlLocal> {
  await loadParser();
  const undo: Undo = [];
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
  };
  try {
    return { ...(await assemble(options, undo)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(options: DsqlLocalOptions, undo: Undo): Promise<Omit<DsqlLocal, "stop">> {
  const behind = await startPostgres(options, undo);
  const { folder } = behind;
  const clock = new ShiftableClock(options.clock ?? Date.now);
  const cluster = await makeContext(behind, clock, options, undo);
  const host = options.host ?? "127.0.0.1";
  const hosts = [host, "localhost", "127.0.0.1", ...(options.hostNames ?? [])];
  const certificate =
    options.tls === "off" ? undefined : await makeCertificate(hosts, options.dataDir);
  const door = makeDoor(options, hosts, clock, cluster.limits);
  const reception = { cluster, secure: certificate?.context, door };
  const listener = await listen(host, options.port ?? 0, reception);
  undo.push(() => listener.stop());
  const control = makeControl({ cluster, listener, clock, door, options });
  const trust = writeTrust(certificate, folder);
  const { port } = listener;
  return {
    host, port, user: "admin", database: DATABASE, tls: certificate !== undefined, ...trust,
    url: urlOf(host, port, trust.caFile), control,
    controlUrl: await openControlPort(options.control, control, undo),
  }; // prettier-ignore
}

/** Moves with the control port. */
class ShiftableClock {
  readonly #base: () => number;
  shiftedMs = 0;

  constructor(base: () => number) {
    this.#base = base;
  }

  readonly nowMs = (): number => this.#base() + this.shiftedMs;
}

/** The PostgreSQL behind, and a folder that lives as long as the cluster. */
interface Behind {
  readonly target: Target;
  readonly folder: string;
  /** Makes it run again where it was killed; a PostgreSQL of the user's is waited for. */
  readonly revive: () => Promise<void>;
}

async function startPostgres(options: DsqlLocalOptions, undo: Undo): Promise<Behind> {
  if (options.postgresUrl !== undefined) return useForeign(options.postgresUrl, undo);
  const postgres = await startEmbedded({
    dataDir: options.dataDir,
    maxConnections: (options.maxConnections ?? 1_000) + RESERVED_CONNECTIONS,
    prepareKey: hash("sha1", bootstrapSql + shownCatalogueSql + onlyDatabaseSql.join()).slice(
      0,
      12,
    ),
    prepare: prepareTemplate,
  });
  undo.push(() => postgres.stop());
  const revive = (): Promise<void> => postgres.revive();
  return { target: targetAt(postgres.address), folder: postgres.home, revive };
}

/** A PostgreSQL of the user's: the role admin and the schema sys are made in its database. */
async function useForeign(url: string, undo: Undo): Promise<Behind> {
  const target = readTarget(url);
  const folder = await mkdtemp(join(tmpdir(), "dsql-local-"));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const admin = await AdminSession.open(target);
  undo.push(() => admin.close());
  const [row] = await admin.query("SELECT current_setting('server_version_num')::int / 10000");
  if (Number(row?.[0]) < OLDEST_POSTGRES) {
    throw new Error(`--postgres: PostgreSQL ${row?.[0]} is too old; 16 or newer is needed`);
  }
  await admin.query(bootstrapSql);
  return { target, folder, revive: () => Promise.resolve() };
}

function targetAt(address: SocketPath): Target {
  return { address, database: DATABASE, superuser: SUPERUSER, password: undefined };
}

async function prepareTemplate(address: SocketPath): Promise<void> {
  const admin = await AdminSession.open(targetAt(address));
  await admin.query(bootstrapSql);
  await admin.query(shownCatalogueSql);
  for (const sql of onlyDatabaseSql) await admin.query(sql);
  admin.close();
}

async function makeContext(
  { target, revive }: Behind,
  clock: ShiftableClock,
  options: DsqlLocalOptions,
  undo: Undo,
): Promise<ClusterContext> {
  const profile = new Profile(options.profile);
  const limits = limitsOf(options);
  const versions = new CatalogueVersions();
  const revival: Revival = { revive, firstSql: "", onRevived: () => versions.bumpAll() };
  // The monitor never waits for a lock itself, or nobody would be told.
  const monitor = await AdminSession.open(target, undefined, revival);
  const waits = new LockWaits(monitor);
  const shares = new KeptShares(target, waits);
  undo.push(
    () => monitor.close(),
    () => shares.stop(),
  );
  const admin = await AdminSession.open(target, waits, { ...revival, firstSql: interruptedSql });
  const functions = new FunctionRegistry(admin);
  undo.push(() => admin.close());
  const onDone = (table: string): void => versions.bump([table]);
  const delayMs = (): number => context.delays.jobMs ?? 0;
  const jobs = new Jobs({ target, admin, waits, delayMs, nowMs: clock.nowMs, onDone });
  undo.push(() => jobs.stop());
  const context: ClusterContext = {
    target, admin, gate: new Gate(profile), versions, waits, shares, jobs, functions,
    facts: new TableFactsCache(admin, versions, limits), faults: new Faults(), counters: zeroCounters(),
    log: new StatementLog(clock.nowMs),
    commits: new Commits(),
    deletions: new Deletions(), referenced: new ReferencedKeys(), limits, profile, partitions: new Partitions(() => performance.now()),
    delays: delaysOf(options), nowMs: clock.nowMs,
  }; // prettier-ignore
  return context;
}

function limitsOf({ connectionLifeMs, limits }: DsqlLocalOptions): Limits {
  const life = connectionLifeMs === undefined ? {} : { connectionLifeMs };
  return { ...serviceLimits(), ...life, ...limits };
}

function delaysOf(options: DsqlLocalOptions): Delays {
  const { statementDelayMs = 0, commitDelayMs = 0, jobDelayMs = 0 } = options;
  return { statementMs: statementDelayMs, commitMs: commitDelayMs, jobMs: jobDelayMs };
}

function makeDoor(
  options: DsqlLocalOptions,
  hosts: readonly string[],
  { nowMs }: ShiftableClock,
  limits: Limits,
): Door {
  const { accessKeyId, secretAccessKey } = options;
  const known = accessKeyId !== undefined && secretAccessKey !== undefined;
  return new Door({
    auth: options.auth ?? "trust",
    key: known ? { accessKeyId, secretAccessKey } : undefined,
    hosts,
    requireServerName: options.requireServerName ?? false,
    nowMs,
    limits,
  });
}

/** What the switches move. */
interface Switched {
  readonly cluster: ClusterContext;
  readonly listener: Listener;
  readonly clock: ShiftableClock;
  readonly door: Door;
  readonly options: DsqlLocalOptions;
}

function makeControl({ cluster, listener, clock, door, options }: Switched): Control {
  const { faults, counters, waits, log, limits } = cluster;
  const setLimits = (set: Partial<Limits>): void => {
    Object.assign(limits, set);
    cluster.facts.clear();
    door.refill();
  };
  return {
    inject: (fault) => faults.add(fault),
    clearFaults: (id) => faults.clear(id),
    faults: () => faults.list(),
    counters: () => ({ ...counters, lockWaits: waits.count, openConnections: listener.open }),
    setDelays: (set) => {
      cluster.delays = set;
    },
    setThroughput: (throughput) => cluster.partitions.set(throughput),
    limits: () => ({ ...limits }),
    setLimits,
    keepStatements: (most) => log.keep(most),
    statements: () => log.read(),
    shiftClock(milliseconds) {
      clock.shiftedMs += milliseconds;
      listener.sweep();
    },
    cutConnections: () => listener.cutAll(),
    async reset() {
      faults.clear();
      log.keep(0);
      cluster.delays = delaysOf(options);
      setLimits(limitsOf(options));
      cluster.partitions.set(unbounded);
      clock.shiftedMs = 0;
      const session = await AdminSession.open(cluster.target, waits);
      await session.query(resetSql).finally(() => session.close());
      cluster.versions.reset();
      cluster.functions.changed();
      Object.assign(counters, zeroCounters());
    },
  };
}

async function openControlPort(
  address: string | undefined,
  control: Control,
  undo: Undo,
): Promise<string> {
  if (address === undefined) return "";
  const port = await listenControl(address, control);
  undo.push(() => port.stop());
  return `http://${port.host}:${port.port}`;
}

function writeTrust(
  certificate: ClusterCertificate | undefined,
  folder: string,
): { ca: string; caFile: string } {
  if (certificate === undefined) return { ca: "", caFile: "" };
  if (certificate.caFile !== null) return { ca: certificate.ca, caFile: certificate.caFile };
  const caFile = join(folder, "ca.pem");
  writeFileSync(caFile, certificate.ca);
  return { ca: certificate.ca, caFile };
}

function urlOf(host: string, port: number, caFile: string): string {
  const address = host.includes(":") ? `[${host}]` : host;
  const tls = caFile === "" ? "" : `?sslmode=verify-full&sslrootcert=${encodeURIComponent(caFile)}`;
  return `postgresql://admin:local@${address}:${port}/${DATABASE}${tls}`;
}
