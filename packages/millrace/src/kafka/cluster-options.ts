import type { ConnectionOptions as TlsOptions } from "node:tls";
import type { SASLOptions } from "@platformatic/kafka";
import type { Clock } from "../model/ports.ts";
import type { BrokerLink } from "./broker-connection.ts";
import type { ByteLender } from "./lent-bytes.ts";

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** How a Kafka cluster is reached. */
export interface ClusterOptions {
  /** Some of its brokers; the others are asked for. */
  readonly bootstrap: readonly BrokerAddress[];
  /** What the brokers' logs and quotas know us by. */
  readonly clientId: string;
  /** Null: without TLS. */
  readonly tls: TlsOptions | null;
  /** Null: without authentication. */
  readonly sasl: SASLOptions | null;
  readonly connectTimeoutMs: number;
  /** An answer that is later than this is none, and its connection is closed. */
  readonly requestTimeoutMs: number;
  /** False: transactions of the first kind, also where the brokers have the second (KIP-890). */
  readonly transactionsV2?: boolean;
  /** How a broker is reached; absent: by TCP. */
  readonly open?: (address: BrokerAddress) => Promise<BrokerLink>;
  /** Whose bytes a Fetch is read into, where it is asked for so; absent: the process's own. */
  readonly lender?: ByteLender;
  readonly clock: Clock;
}
