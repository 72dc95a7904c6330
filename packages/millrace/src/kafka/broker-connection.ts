import { isIP } from "node:net";
import { Connection, type API, type ResponseParser, type Writer } from "@platformatic/kafka";
import { ownFault } from "../errors/own-fault.ts";
import type { BrokerAddress, ClusterOptions } from "./cluster-options.ts";
import { faultFrom, refusalOf } from "./fault-from.ts";
import type { KafkaFault } from "./kafka-fault.ts";
import { LendingConnection } from "./lending-connection.ts";
import type { ByteLender } from "./lent-bytes.ts";

/** As many requests as anything of ours has under way to a broker at a time. */
const MAX_REQUESTS = 64;

/** A request that the library does not write, or not as fast as we need it. */
export interface RawRequest<Answer> {
  readonly api: number;
  readonly version: number;
  readonly payload: () => Writer;
  readonly parse: ResponseParser<Answer>;
}

/** What anybody asks of a connection: a model of a broker answers the same. */
export type BrokerLink = Pick<BrokerConnection, "isOpen" | "call" | "send" | "close">;

/** One connection to a broker. It rejects with KafkaFaults, and after one without an answer it is closed. */
export class BrokerConnection {
  readonly #connection: Connection;
  readonly #address: BrokerAddress;
  #isOpen = true;
  /** Why the broker has ended it, where it has said so. */
  #refusal: KafkaFault | null = null;

  private constructor(connection: Connection, address: BrokerAddress) {
    this.#connection = connection;
    this.#address = address;
    connection.on("close", () => {
      this.#isOpen = false;
      // Or a login that comes due later makes the library wait for the end of this connection, which it has seen already.
      void connection.close();
    });
  }

  /**
   * @param lender whose bytes large answers stand in; else they are made for each
   * @throws KafkaFault
   */
  static async open(
    address: BrokerAddress,
    options: ClusterOptions,
    lender: ByteLender | null = null,
  ): Promise<BrokerConnection> {
    const connection =
      lender === null
        ? connectionTo(address, options)
        : new LendingConnection({ ...options, lender });
    const opened = new BrokerConnection(connection, address);
    // Who waits for an answer hears that the connection is closed, and of this why.
    connection.on("error", (error) => (opened.#refusal ??= refusalOf(error, addressText(address))));
    try {
      await connection.connect(address.host, address.port);
      return opened;
    } catch (error) {
      await opened.close();
      throw ownFault(error) ?? faultFrom(error, addressText(address));
    }
  }

  /** False once it was closed by either side. */
  get isOpen(): boolean {
    return this.#isOpen && this.#connection.isConnected();
  }

  /** One request of the library's. */
  call<Request extends unknown[], Answer>(
    api: API<Request, Answer>,
    ...request: Request
  ): Promise<Answer> {
    return this.#answer(() => api.async(this.#connection, ...request));
  }

  /** One request of ours; all of them have flexible headers. */
  send<Answer>({ api, version, payload, parse }: RawRequest<Answer>): Promise<Answer> {
    return this.#answer(
      () =>
        new Promise((resolve, reject) => {
          this.#connection.send(api, version, payload, parse, true, true, (error, answer) => {
            if (error !== null || answer === undefined)
              reject(error ?? new Error("a broker's answer is empty"));
            else resolve(answer);
          });
        }),
    );
  }

  /** Requests under way fail. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#connection.close().catch(() => undefined);
  }

  async #answer<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask();
    } catch (error) {
      const own = ownFault(error);
      if (own !== null) {
        await this.close();
        throw own;
      }
      const fault = faultFrom(error, addressText(this.#address));
      // What it says later would be taken for the answer to another request.
      if (fault.kind !== "connection") throw fault;
      await this.close();
      throw this.#refusal ?? fault;
    }
  }
}

function connectionTo({ host }: BrokerAddress, options: ClusterOptions): Connection {
  return new Connection(options.clientId, {
    connectTimeout: options.connectTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    maxInflights: MAX_REQUESTS,
    // An address is no name that a certificate could be asked for by.
    tlsServerName: isIP(host) === 0,
    ...(options.tls === null ? {} : { tls: options.tls }),
    ...(options.sasl === null ? {} : { sasl: options.sasl }),
  });
}

function addressText({ host, port }: BrokerAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
