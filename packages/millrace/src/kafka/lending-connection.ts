import { connect, isIP, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions as TlsOptions } from "node:tls";
import {
  Connection,
  ConnectionStatuses,
  type ConnectionStatusValue,
  NetworkError,
  Reader,
  type ResponseParser,
  type SASLOptions,
  TimeoutError,
  UnexpectedCorrelationIdError,
  UserError,
  Writer,
} from "@platformatic/kafka";
import { type Login, logIn } from "./broker-login.ts";
import type { ByteLender } from "./lent-bytes.ts";
import { ReceivedAnswers } from "./received-answers.ts";
import { piecesOf, writePieces } from "./request-pieces.ts";

/** A client asks for less of it than it is given. */
const SESSION_SHARE = 0.8;
const CORRELATION_BYTES = 4;

/** How a broker is reached. */
export interface LendingOptions {
  readonly clientId: string;
  readonly tls: TlsOptions | null;
  readonly sasl: SASLOptions | null;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly lender: ByteLender;
}

type Callback = (error: Error | null, answer?: unknown) => void;

interface Asked {
  readonly parse: (correlationId: number, reader: Reader) => unknown;
  readonly hasTags: boolean;
  readonly callback: Callback;
  readonly timer: NodeJS.Timeout;
}

/**
 * A connection of the library's kind whose answers stand in lent bytes: the library's own sockets make new bytes for each 64 KiB
 * and put those together to others; and whose requests go in pieces as they are. To whoever asks it is a connection of the library, so that its requests, its readers and
 * what it knows of logging in are used as they are.
 */
export class LendingConnection extends Connection {
  readonly #options: LendingOptions;
  readonly #asked = new Map<number, Asked>();
  readonly #answers: ReceivedAnswers;
  #status: ConnectionStatusValue = ConnectionStatuses.NONE;
  #socket: Socket | null = null;
  #correlationId = 0;
  /** Nothing has come yet: a broker that wants TLS answers in it. */
  #isFirst = true;
  #session: NodeJS.Timeout | null = null;

  constructor(options: LendingOptions) {
    super(options.clientId);
    this.#options = options;
    this.#answers = new ReceivedAnswers(options.lender, (answer) => this.#answered(answer));
  }

  override get status(): ConnectionStatusValue {
    return this.#status;
  }

  override isConnected(): boolean {
    return this.#status === ConnectionStatuses.CONNECTED;
  }

  /** @throws NetworkError, TimeoutError, and what the library throws at a login */
  override async connect(host: string, port: number): Promise<void> {
    this.#status = ConnectionStatuses.CONNECTING;
    const { connectTimeoutMs, sasl } = this.#options;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new TimeoutError(`Connection to ${host}:${port} timed out.`));
    }, connectTimeoutMs);
    try {
      await Promise.race([late.promise, this.#open(host, port)]);
      if (sasl !== null) {
        this.#status = ConnectionStatuses.AUTHENTICATING;
        this.#loggedIn(await Promise.race([late.promise, logIn(this, sasl)]));
      }
      this.#status = ConnectionStatuses.CONNECTED;
    } catch (error) {
      this.#end(new NetworkError("Connection closed"));
      if (error instanceof TimeoutError) throw error;
      throw new NetworkError(`Connection to ${host}:${port} failed.`, { cause: error as Error });
    } finally {
      clearTimeout(timer);
    }
  }

  override close(): Promise<void> {
    const socket = this.#socket;
    const closed =
      socket === null || socket.closed
        ? Promise.resolve()
        : new Promise<void>((resolve) => socket.once("close", () => resolve()));
    this.#end(new NetworkError("Connection closed"));
    return closed;
  }

  override send<Answer>(
    api: number,
    version: number,
    payload: () => Writer | Promise<Writer>,
    parse: ResponseParser<Answer>,
    hasRequestTags: boolean,
    hasResponseTags: boolean,
    take: (error: Error | null, answer?: Answer) => void,
  ): void {
    const write = (body: Writer): void => {
      const correlationId = (this.#correlationId = (this.#correlationId + 1) & 0x7fffffff);
      const writer = Writer.create()
        .appendInt16(api)
        .appendInt16(version)
        .appendInt32(correlationId)
        .appendString(this.#options.clientId, false);
      if (hasRequestTags) writer.appendTaggedFields();
      this.#write(piecesOf(writer.appendFrom(body).prependLength()), correlationId, {
        parse: (id, reader) => parse(id, api, version, reader),
        hasTags: hasResponseTags,
        callback: take as Callback,
      });
    };
    new Promise<Writer>((resolve) => resolve(payload())).then(write).catch(take);
  }

  #open(host: string, port: number): Promise<void> {
    const { tls } = this.#options;
    const onread = {
      // Asked for once before the first bytes come, and again behind all that have come.
      buffer: () => this.#answers.room,
      callback: (count: number) => this.#received(count),
    };
    // An address is no name that a certificate could be asked for by.
    const name = isIP(host) === 0 ? { servername: host } : {};
    // Node's types do not know that TLS has it too.
    const secure: TlsOptions & { readonly onread: OnReadOpts } = { ...tls, ...name, onread };
    const socket = tls === null ? connect({ host, port, onread }) : connectTls(port, host, secure);
    this.#socket = socket;
    socket.setNoDelay(true);
    return new Promise((resolve, reject) => {
      socket.once(tls === null ? "connect" : "secureConnect", () => resolve());
      socket.on("error", (error: Error) => {
        reject(noTls(error));
        if (this.isConnected())
          this.emit("error", new NetworkError("Connection error", { cause: error }));
        this.#end(error);
      });
      socket.on("close", () => {
        reject(new NetworkError("Connection closed"));
        this.#end(new NetworkError("Connection closed"));
      });
    });
  }

  #loggedIn({ sessionMs }: Login): void {
    if (sessionMs <= 0) return;
    this.#session = setTimeout(() => this.#retire(), sessionMs * SESSION_SHARE).unref();
  }

  /** Whoever comes next has to log in anew, on another connection: this one ends with the last answer that is still to come. */
  #retire(): void {
    this.#status = ConnectionStatuses.CLOSING;
    if (this.#asked.size === 0) this.#end(new NetworkError("Connection closed"));
  }

  #write(request: readonly Uint8Array[], correlationId: number, asked: Omit<Asked, "timer">): void {
    const socket = this.#socket;
    const isClosed =
      this.#status === ConnectionStatuses.CLOSED || this.#status === ConnectionStatuses.CLOSING;
    if (socket === null || isClosed) throw new NetworkError("Connection closed");
    const late = (): void => {
      this.#asked.delete(correlationId);
      asked.callback(new TimeoutError("Request timed out"));
      this.#end(new NetworkError("Connection closed"));
    };
    const timer = setTimeout(late, this.#options.requestTimeoutMs);
    this.#asked.set(correlationId, { ...asked, timer });
    writePieces(socket, request);
  }

  #received(count: number): boolean {
    try {
      if (this.#isFirst) this.#refuseTls(count);
      this.#isFirst = false;
      this.#answers.take(count);
      return true;
    } catch (error) {
      this.#end(error as Error);
      return false;
    }
  }

  #refuseTls(count: number): void {
    const [type = 0, major, minor = 0] = this.#answers.room;
    if (this.#options.tls !== null || count < 3) return;
    if (type >= 0x14 && type <= 0x17 && major === 3 && minor <= 4)
      throw new UserError("Broker requires TLS.");
  }

  #answered(answer: Buffer): void {
    const correlationId = answer.readInt32BE(0);
    const asked = this.#asked.get(correlationId);
    if (asked === undefined)
      throw new UnexpectedCorrelationIdError(
        `Received unexpected response with correlation_id=${correlationId}`,
      );
    this.#asked.delete(correlationId);
    clearTimeout(asked.timer);
    const from = asked.hasTags ? CORRELATION_BYTES + 1 : CORRELATION_BYTES;
    const reader = Reader.from(answer.subarray(from));
    new Promise((resolve) => resolve(asked.parse(correlationId, reader))).then(
      (parsed) => asked.callback(null, parsed),
      (error: unknown) => asked.callback(error as Error),
    );
    if (this.#status === ConnectionStatuses.CLOSING && this.#asked.size === 0)
      this.#end(new NetworkError("Connection closed"));
  }

  /** Once; who still waits for an answer hears why. */
  #end(error: Error): void {
    if (this.#status === ConnectionStatuses.CLOSED) return;
    this.#status = ConnectionStatuses.CLOSED;
    if (this.#session !== null) clearTimeout(this.#session);
    this.#socket?.destroy();
    for (const { timer, callback } of this.#asked.values()) {
      clearTimeout(timer);
      callback(error);
    }
    this.#asked.clear();
    this.emit("close");
  }
}

/** What a server that speaks no TLS does to who begins with it. */
function noTls(error: Error): Error {
  if (!error.message.includes("secure TLS connection was established")) return error;
  return new UserError("TLS handshake failed. Please verify the broker supports TLS.", {
    cause: error,
  });
}
