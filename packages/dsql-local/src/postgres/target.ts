/** Where the PostgreSQL behind listens, and who we are there. */
import { connect as connectSocket, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { sslRequest } from "../wire/startup.ts";

/** An address with a superuser. */
export interface Target {
  readonly address: SocketPath | TcpAddress;
  readonly database: string;
  readonly superuser: string;
  /** Undefined where PostgreSQL trusts us: then sessions log in as their own roles. */
  readonly password: string | undefined;
}

/** A Unix socket. */
export interface SocketPath {
  readonly path: string;
}

/** Host and port. */
export interface TcpAddress {
  readonly host: string;
  readonly port: number;
  /** `plain`, `encrypted` (any certificate) or `verified`. */
  readonly tls: "plain" | "encrypted" | "verified";
}

const DEFAULT_PORT = 5432;

/** Reads `postgresql://superuser:password@host:port/database?sslmode=…`. Throws with what is wrong. */
export function readTarget(url: string): Target {
  const parsed = parseUrl(url);
  const database = decodeURIComponent(parsed.pathname.slice(1));
  const superuser = decodeURIComponent(parsed.username);
  if (database === "" || superuser === "") {
    throw new Error("--postgres: the URL has to name a user and a database");
  }
  return {
    address: {
      host: parsed.hostname.replace(/^\[|\]$/g, ""),
      port: parsed.port === "" ? DEFAULT_PORT : Number(parsed.port),
      tls: tlsOf(parsed.searchParams.get("sslmode") ?? "disable"),
    },
    database,
    superuser,
    password: decodeURIComponent(parsed.password),
  };
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^postgres(?:ql)?:$/.test(parsed.protocol)) {
    throw new Error(
      "--postgres: a URL such as postgresql://postgres:secret@127.0.0.1:5432/dsql is expected",
    );
  }
  return parsed;
}

function tlsOf(mode: string): TcpAddress["tls"] {
  switch (mode) {
    case "disable":
      return "plain";
    case "prefer":
    case "require":
      return "encrypted";
    case "verify-ca":
    case "verify-full":
      return "verified";
    default:
      throw new Error(`--postgres: sslmode=${mode} is not one of disable, require, verify-full`);
  }
}

/** Opens a socket to the target, TLS included. Rejects when that cannot be. */
export async function openSocket({ address }: Target): Promise<Socket> {
  if ("path" in address) return connected(connectSocket({ path: address.path }));
  const { host, port, tls } = address;
  const socket = await connected(connectSocket({ host, port }));
  socket.setNoDelay(true);
  if (tls === "plain") return socket;
  socket.write(sslRequest);
  const [answer] = await nextChunk(socket);
  if (answer !== 0x53) throw new Error("the PostgreSQL behind does not offer TLS");
  return secured(connectTls({ socket, servername: host, rejectUnauthorized: tls === "verified" }));
}

function connected(socket: Socket): Promise<Socket> {
  return settled(socket, "connect");
}

function secured<T extends Socket>(socket: T): Promise<T> {
  return settled(socket, "secureConnect");
}

function settled<T extends Socket>(socket: T, event: string): Promise<T> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once(event, () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

function nextChunk(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      socket.off("error", reject);
      resolve(chunk);
    });
  });
}
