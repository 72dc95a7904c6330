/** Puts a cluster together: PostgreSQL behind, the proxy before it. */
import { hash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CatalogueVersions } from "./concurrency/catalogue-versions.ts";
import { LockWaits } from "./concurrency/lock-waits.ts";
import { Gate } from "./gate/gate.ts";
import { loadParser } from "./gate/parser.ts";
import type { DsqlLocalOptions } from "./options.ts";
import { AdminSession } from "./postgres/admin.ts";
import { bootstrapSql, versionSql } from "./postgres/bootstrap.ts";
import type { Target } from "./postgres/connect.ts";
import { startEmbedded, type SocketAddress } from "./postgres/embedded.ts";
import { Connection, type Reception } from "./session/connection.ts";
import type { ClusterContext } from "./session/context.ts";
import { makeCertificate } from "./tls.ts";

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
  /** Ends the cluster and its PostgreSQL. */
  stop(): Promise<void>;
}

const DATABASE = "postgres";
const SUPERUSER = "postgres";
const RESERVED_CONNECTIONS = 10;

/** Starts a cluster; resolves when it answers. */
export async function startDsqlLocal(options: DsqlLocalOptions = {}): Promise<DsqlLocal> {
  await loadParser();
  const undo: (() => Promise<void> | void)[] = [];
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

async function assemble(
  options: DsqlLocalOptions,
  undo: (() => Promise<void> | void)[],
): Promise<Omit<DsqlLocal, "stop">> {
  const postgres = await startEmbedded({
    dataDir: options.dataDir,
    maxConnections: (options.maxConnections ?? 300) + RESERVED_CONNECTIONS,
    prepareKey: hash("sha1", bootstrapSql + versionSql).slice(0, 12),
    prepare: prepareTemplate,
  });
  undo.push(() => postgres.stop());
  const target = targetAt(postgres.address);
  const admin = await AdminSession.open(target);
  undo.push(() => admin.close());
  const host = options.host ?? "127.0.0.1";
  const certificate =
    options.tls === "off"
      ? undefined
      : await makeCertificate([host, "localhost", "127.0.0.1", ...(options.hostNames ?? [])]);
  const cluster: ClusterContext = {
    target,
    gate: new Gate(),
    versions: new CatalogueVersions(),
    waits: new LockWaits(admin),
    commits: 0,
    nowMs: options.clock ?? Date.now,
  };
  const reception: Reception = { cluster, secure: certificate?.context, authenticate: () => {} };
  const listener = await listen(host, options.port ?? 0, reception);
  undo.push(() => listener.stop());
  const caFile = certificate === undefined ? "" : await writeCa(certificate.ca, undo);
  const { port } = listener;
  return {
    host, port, user: "admin", database: DATABASE, tls: certificate !== undefined,
    ca: certificate?.ca ?? "", caFile, url: urlOf(host, port, caFile),
  }; // prettier-ignore
}

function targetAt(address: SocketAddress): Target {
  return { path: address.path, database: DATABASE, superuser: SUPERUSER };
}

async function prepareTemplate(address: SocketAddress): Promise<void> {
  const admin = await AdminSession.open(targetAt(address));
  await admin.query(bootstrapSql);
  await admin.query(versionSql);
  admin.close();
}

async function writeCa(ca: string, undo: (() => Promise<void>)[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "dsql-local-ca-"));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "ca.pem");
  writeFileSync(path, ca);
  return path;
}

function urlOf(host: string, port: number, caFile: string): string {
  const address = host.includes(":") ? `[${host}]` : host;
  const tls = caFile === "" ? "" : `?sslmode=verify-full&sslrootcert=${encodeURIComponent(caFile)}`;
  return `postgresql://admin:local@${address}:${port}/${DATABASE}${tls}`;
}

interface Listener {
  readonly port: number;
  stop(): Promise<void>;
}

async function listen(host: string, port: number, reception: Reception): Promise<Listener> {
  const connections = new Set<Connection>();
  const server: Server = createServer((socket) => {
    const connection: Connection = new Connection(socket, reception, () => {
      connections.delete(connection);
    });
    connections.add(connection);
    void connection.serve();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  return {
    port: portOf(server.address()),
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.close();
      await closed;
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return address.port;
}
