/** One TCP connection from the first byte: TLS, start-up, password, then a session. */
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { TLSSocket, type SecureContext } from "node:tls";
import { CatalogueView } from "../concurrency/catalogue-versions.ts";
import { ConnectionCut } from "../control/faults.ts";
import type { Door } from "../auth/door.ts";
import { literal } from "../postgres/rows.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import { openBackend } from "../postgres/connect.ts";
import { FrameSplitter } from "../wire/frames.ts";
import * as wire from "../wire/messages.ts";
import { ClientWriter } from "./client-writer.ts";
import type { ClusterContext } from "./context.ts";
import { Inbox } from "./inbox.ts";
import { OpeningReader } from "./opening-reader.ts";
import { Readable } from "./readable.ts";
import { RowAsker } from "./row-asker.ts";
import { Runner } from "./runner.ts";
import { SearchPath } from "./search-path.ts";
import { Session } from "./session.ts";
import { Worker } from "./worker.ts";
import { backendParameters, clientParameters } from "./start-parameters.ts";

/** How connections are received. */
export interface Reception {
  readonly cluster: ClusterContext;
  /** Undefined when TLS is off. */
  readonly secure: SecureContext | undefined;
  readonly door: Door;
}

/** Who has not logged in by then is sent away, as by PostgreSQL. */
const LOGIN_MS = 60_000;

/** A client's connection. */
export class Connection {
  readonly #reception: Reception;
  readonly #socket: Socket;
  #stream: Duplex;
  #serverName: string | undefined;
  #worker: Worker | undefined;
  #runner: Runner | undefined;
  #entered = false;
  #closed = false;
  readonly #bornMs: number;
  readonly #onClosed: () => void;

  constructor(socket: Socket, reception: Reception, onClosed: () => void) {
    this.#socket = socket;
    this.#stream = socket;
    this.#reception = reception;
    this.#onClosed = onClosed;
    this.#bornMs = reception.cluster.nowMs();
    socket.setNoDelay(true);
    socket.on("error", () => this.close());
    socket.on("close", () => this.close());
  }

  /** Serves the client to the end of the connection. Never rejects. */
  async serve(): Promise<void> {
    const late = setTimeout(() => {
      if (this.#runner === undefined) this.close();
    }, LOGIN_MS).unref();
    try {
      await this.#receive();
    } catch (error) {
      if (!(error instanceof ConnectionCut)) this.#sayFatal(error);
    }
    clearTimeout(late);
    this.close();
  }

  /** Cuts the connection without a word; PostgreSQL rolls back what was open. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#stream.writable) this.#stream.end();
    setTimeout(() => this.#stream.destroy(), 1_000).unref();
    const { late = Promise.resolve() } = this.#runner ?? {};
    void late.then(() => this.#worker?.close());
    if (this.#entered) this.#reception.door.leave();
    this.#onClosed();
  }

  /** Cuts a connection that is past its life; a running transaction gets its five minutes. */
  closeIfOld(nowMs: number): void {
    const ageMs = nowMs - this.#bornMs;
    const { connectionLifeMs, transactionAgeSeconds } = this.#reception.cluster.limits;
    const busy = this.#runner?.transaction !== undefined;
    const graceMs = busy ? transactionAgeSeconds * 1_000 : 0;
    if (ageMs > connectionLifeMs + graceMs) this.close();
  }

  #sayFatal(error: unknown): void {
    this.#reception.cluster.counters.connectionsRefused += this.#worker === undefined ? 1 : 0;
    const report =
      error instanceof Violation ? error.report : violation("serverUnavailable").report;
    if (this.#stream.writable) {
      this.#stream.write(wire.report(wire.Type.error, { ...report, severity: "FATAL" }));
    }
  }

  async #receive(): Promise<void> {
    const reader = new OpeningReader(this.#stream);
    for (;;) {
      const opening = await reader.next();
      if (opening === undefined || opening.kind === "cancel") return;
      if (opening.kind === "ssl") await this.#startTls(reader);
      else if (opening.kind === "gss") this.#stream.write("N");
      else if (opening.kind === "bad") throw violation("protocol", { reason: opening.reason });
      else return this.#startUp(opening.parameters, reader);
    }
  }

  async #startTls(reader: OpeningReader): Promise<void> {
    const { secure } = this.#reception;
    if (secure === undefined || this.#stream instanceof TLSSocket) {
      this.#stream.write("N");
      return;
    }
    // Bytes sent before the handshake would have come from a man in the middle.
    if (reader.left.length > 0) throw violation("protocol", { reason: "data before TLS" });
    reader.release();
    this.#socket.write("S");
    const tls = new TLSSocket(this.#socket, { isServer: true, secureContext: secure });
    this.#stream = tls;
    // Before the handshake is over: nobody hears of an end that nobody reads to.
    reader.follow(tls);
    await secured(tls);
    const name: unknown = "servername" in tls ? tls.servername : undefined;
    this.#serverName = typeof name === "string" && name !== "" ? name : undefined;
    tls.on("error", () => this.close());
    tls.on("close", () => this.close());
  }

  async #startUp(parameters: ReadonlyMap<string, string>, reader: OpeningReader): Promise<void> {
    const { secure } = this.#reception;
    if (secure !== undefined && !(this.#stream instanceof TLSSocket)) throw violation("plaintext");
    const { cluster, door } = this.#reception;
    door.enter();
    this.#entered = true;
    const wanted = clientParameters(parameters);
    cluster.faults.atConnect(wanted.settings.get("application_name") ?? "");
    this.#stream.write(wire.frame(wire.Type.authentication, wire.int32(3)));
    const password = await reader.password();
    if (password === undefined) return;
    const { user, database } = wanted;
    door.check({ user, database, password, serverName: this.#serverName });
    await this.#needRole(user);
    await this.#open(wanted, reader);
  }

  /** A role that does not exist, or may not log in, is not told apart from a bad token. */
  async #needRole(user: string): Promise<void> {
    const { cluster, door } = this.#reception;
    const rows = await cluster.admin.query(
      `SELECT rolname = 'admin' OR EXISTS (SELECT FROM sys.iam_pg_role_mappings WHERE pg_role_name = rolname)
       FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND rolname = ${literal(user)}`,
    );
    const [row] = rows;
    const allowed = row !== undefined && (row[0] === "t" || !door.checksTokens);
    if (!allowed) {
      const reason = `User: ${user} is not authorized to access this resource`;
      throw violation("accessDenied", { reason });
    }
  }

  async #open(wanted: ReturnType<typeof clientParameters>, reader: OpeningReader): Promise<void> {
    const { cluster } = this.#reception;
    const opened = await openBackend(cluster.target, wanted.user, wanted.settings).catch(retold);
    const writer = new ClientWriter(this.#stream, (full) => this.#worker?.backend.throttle(full));
    const worker = await Worker.take(opened, cluster.waits, {
      onAsyncFrame: (frame) => writer.add(frame),
      onLost: () => this.close(),
    });
    this.#worker = worker;
    if (this.#closed) return worker.close();
    writer.add(wire.frame(wire.Type.authentication, wire.int32(0)));
    writer.addAll(backendParameters(opened.parameters));
    writer.add(opened.key);
    writer.add(wire.ready("I"));
    const inbox = this.#inbox(reader);
    const view = new CatalogueView(cluster.versions);
    const applicationName = wanted.settings.get("application_name") ?? "";
    const path = new SearchPath(worker, cluster.versions);
    const readable = new Readable(worker, cluster.versions);
    const runner = new Runner({ worker, cluster, view, path, readable, applicationName });
    const asker = new RowAsker({ worker, cluster, path, readable });
    this.#runner = runner;
    cluster.counters.connections++;
    const speaker = { connection: worker.pid, applicationName };
    await new Session({ inbox, writer, worker, runner, cluster, asker, speaker }).serve();
    writer.flush();
  }

  /** From here on bytes are messages. One that is too long ends the connection without a word (source T). */
  #inbox(reader: OpeningReader): Inbox {
    const stream = this.#stream;
    const inbox = new Inbox((stop) => (stop ? stream.pause() : stream.resume()));
    const splitter = new FrameSplitter(this.#reception.cluster.limits.messageBytes);
    const take = (chunk: Buffer): void => {
      try {
        splitter.push(chunk, (frame) => inbox.push(frame));
      } catch {
        this.close();
        inbox.end();
      }
    };
    const { left, ended } = reader;
    reader.release();
    stream.on("data", take);
    stream.once("close", () => inbox.end());
    stream.once("end", () => inbox.end());
    if (left.length > 0) take(left);
    if (ended) inbox.end();
    stream.resume();
    return inbox;
  }
}

/** The PostgreSQL behind holds fewer connections than the service. */
function retold(error: unknown): never {
  const full = error instanceof Violation && error.report.code === "53300";
  throw full ? violation("tooManyConnections") : error;
}

function secured(tls: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    tls.once("secure", () => resolve());
    tls.once("error", reject);
    const ended = (): void => reject(new Error("closed during the TLS handshake"));
    tls.once("close", ended);
    tls.once("end", ended);
  });
}
