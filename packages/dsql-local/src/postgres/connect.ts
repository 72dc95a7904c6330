/** Opens connections to the PostgreSQL behind. */
import { connect as connectSocket, type Socket } from "node:net";
import { FrameSplitter } from "../wire/frames.ts";
import { readReport, Type } from "../wire/messages.ts";
import { startupPacket } from "../wire/startup.ts";
import { Violation } from "../rules/rule.ts";

/** Where the PostgreSQL behind listens, and who we are there. */
export interface Target {
  readonly path: string;
  readonly database: string;
  readonly superuser: string;
}

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

/** PostgreSQL says on its connection when a statement waits for a lock. */
const LOCK_NOTICES = "log";
const MAX_GREETING_BYTES = 1 << 20;

/** Connects as `user` with these start-up parameters. Throws the Violation that PostgreSQL answers. */
export function openBackend(
  target: Target,
  user: string,
  parameters: ReadonlyMap<string, string> = new Map(),
): Promise<Opened> {
  const packet = new Map([
    ...parameters,
    ["user", user],
    ["database", target.database],
    ["client_min_messages", LOCK_NOTICES],
  ]);
  const socket = connectSocket({ path: target.path });
  return greet(socket, startupPacket(packet));
}

function greet(socket: Socket, packet: Buffer): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const splitter = new FrameSplitter(MAX_GREETING_BYTES);
    const parameters: Buffer[] = [];
    let key = Buffer.alloc(0);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    const take = (frame: Buffer): void => {
      switch (frame[0]) {
        case Type.parameterStatus:
          parameters.push(Buffer.from(frame));
          break;
        case Type.backendKey:
          key = Buffer.from(frame);
          break;
        case Type.error:
          fail(new Violation(readReport(frame)));
          break;
        case Type.ready:
          socket.pause();
          socket.removeAllListeners();
          resolve({ socket, pid: key.readInt32BE(5), key, parameters });
          break;
        default:
      }
    };
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("PostgreSQL closed the connection")));
    socket.on("data", (chunk: Buffer) => splitter.push(chunk, take));
    socket.write(packet);
  });
}
