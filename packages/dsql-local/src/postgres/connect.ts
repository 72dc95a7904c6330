/** Opens connections to the PostgreSQL behind. */
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { bounds } from "../rules/bounds.ts";
import { Violation } from "../rules/rule.ts";
import { FrameSplitter } from "../wire/frames.ts";
import { cstring, frame, int32, query, readReport, Type } from "../wire/messages.ts";
import { startupPacket } from "../wire/startup.ts";
import { identifier } from "./rows.ts";
import { ScramClient } from "./scram.ts";
import { openSocket, type Target } from "./target.ts";

/** A connection that is ready for its first query. */
export interface Opened {
  /** Paused, no data lost. */
  readonly socket: Socket;
  readonly pid: number;
  /** BackendKeyData as it came. */
  readonly key: Buffer;
  /** ParameterStatus frames as they came. */
  readonly parameters: readonly Buffer[];
}

/** A statement that waits for a lock says so on its own connection after this time. */
export const lockNoticeDelay = "3ms";

/** What a query of a client may put into temporary files. */
export const clientTemporarySpace = `${bounds.temporaryKilobytes}kB`;
const MAX_GREETING_BYTES = 1 << 20;

/** What a PostgreSQL that is not ours has to be told; ours has it in its configuration. */
const FOREIGN_SETTINGS: readonly (readonly [string, string])[] = [
  ["deadlock_timeout", lockNoticeDelay],
  ["log_lock_waits", "on"],
  ["temp_file_limit", clientTemporarySpace],
  ["default_transaction_isolation", "repeatable read"],
  ["TimeZone", "UTC"],
];

/** Connects as `user` with these start-up parameters. Throws the Violation that PostgreSQL answers. */
export async function openBackend(
  target: Target,
  user: string,
  parameters: ReadonlyMap<string, string> = new Map(),
): Promise<Opened> {
  const foreign = target.password !== undefined;
  const packet = new Map([
    ...(foreign ? FOREIGN_SETTINGS : []),
    ...parameters,
    ["user", foreign ? target.superuser : user],
    ["database", target.database],
    ["client_min_messages", "log"],
  ]);
  const socket = await openSocket(target);
  const greeting = new Greeting(socket, target);
  socket.write(startupPacket(packet));
  const opened = await greeting.done;
  if (!foreign || user === target.superuser) return opened;
  return becomeUser(opened, user);
}

/** On a PostgreSQL with passwords only the superuser can log in; from here on it is the client's role. */
async function becomeUser(opened: Opened, user: string): Promise<Opened> {
  const greeting = new Greeting(opened.socket, undefined);
  opened.socket.resume();
  opened.socket.write(query(`SET SESSION AUTHORIZATION ${identifier(user)}`));
  const { parameters } = await greeting.done;
  return { ...opened, parameters: [...opened.parameters, ...parameters] };
}

/** Collects what comes up to ReadyForQuery and answers requests for passwords. */
class Greeting {
  readonly done: Promise<Opened>;
  readonly #socket: Socket;
  readonly #target: Target | undefined;
  readonly #parameters: Buffer[] = [];
  #key: Buffer = Buffer.alloc(12);
  #scram: ScramClient | undefined;
  #resolve: (opened: Opened) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(socket: Socket, target: Target | undefined) {
    this.#socket = socket;
    this.#target = target;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const splitter = new FrameSplitter(MAX_GREETING_BYTES);
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("PostgreSQL closed the connection")));
    socket.on("data", (chunk: Buffer) => {
      try {
        splitter.push(chunk, (message) => this.#take(message));
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.resume();
  }

  #fail(error: Error): void {
    this.#socket.destroy();
    this.#reject(error);
  }

  #take(message: Buffer): void {
    switch (message[0]) {
      case Type.authentication:
        this.#authenticate(message);
        break;
      case Type.parameterStatus:
        this.#parameters.push(Buffer.from(message));
        break;
      case Type.backendKey:
        this.#key = Buffer.from(message);
        break;
      case Type.error:
        this.#fail(new Violation(readReport(message)));
        break;
      case Type.ready:
        this.#finish();
        break;
      default:
    }
  }

  #finish(): void {
    this.#socket.pause();
    this.#socket.removeAllListeners();
    const { pid, key } = { pid: this.#key.readInt32BE(5), key: this.#key };
    this.#resolve({ socket: this.#socket, pid, key, parameters: this.#parameters });
  }

  /** AuthenticationOk, cleartext, MD5 and SCRAM-SHA-256. */
  #authenticate(message: Buffer): void {
    const password = this.#target?.password ?? "";
    const rest = message.subarray(9);
    switch (message.readInt32BE(5)) {
      case 0:
        break;
      case 3:
        this.#answer(cstring(password));
        break;
      case 5:
        this.#answer(cstring(md5Answer(this.#target?.superuser ?? "", password, rest)));
        break;
      case 10: {
        this.#scram = new ScramClient(password);
        const first = Buffer.from(this.#scram.first());
        this.#answer(cstring("SCRAM-SHA-256"), int32(first.length), first);
        break;
      }
      case 11:
        this.#answer(Buffer.from(this.#scram?.answer(rest.toString("utf8")) ?? ""));
        break;
      case 12:
        this.#scram?.verify(rest.toString("utf8"));
        break;
      default:
        throw new Error(
          "the PostgreSQL behind asks for a kind of authentication that is not known here",
        );
    }
  }

  #answer(...parts: readonly Buffer[]): void {
    this.#socket.write(frame(Type.password, ...parts));
  }
}

function md5Answer(user: string, password: string, salt: Buffer): string {
  const md5 = (data: string | Buffer): string => createHash("md5").update(data).digest("hex");
  return `md5${md5(Buffer.concat([Buffer.from(md5(password + user)), salt]))}`;
}
