/** Requests to brokers that a test comes between: held up, lost, or answered otherwise than the broker does. */
import { vi } from "vitest";
import { BrokerConnection, type RawRequest } from "./broker-connection.ts";
import type { EndTxnAnswer, ProduceAnswer } from "./wire.ts";

const PRODUCE = 0;
const END_TXN = 26;

/** How one request goes; `ask` sends it. */
export type Way<Answer> = (ask: () => Promise<Answer>) => Promise<Answer>;

// oxlint-disable-next-line typescript/unbound-method -- called with a connection.
const real = BrokerConnection.prototype.send;

/** From now on, until `vi.restoreAllMocks`: how the next Produce or EndTxn goes; where it is not said, as it does. */
export function comeBetween(ways: {
  readonly produce?: () => Way<ProduceAnswer> | undefined;
  readonly endTxn?: Way<EndTxnAnswer>;
}): void {
  vi.spyOn(BrokerConnection.prototype, "send").mockImplementation(async function (
    this: BrokerConnection,
    request: RawRequest<unknown>,
  ) {
    const ask = <Answer>(): Promise<Answer> => real.call(this, request) as Promise<Answer>;
    const produce = request.api === PRODUCE ? ways.produce?.() : undefined;
    if (produce !== undefined) return produce(ask);
    return request.api === END_TXN && ways.endTxn !== undefined ? ways.endTxn(ask) : ask();
  });
}
