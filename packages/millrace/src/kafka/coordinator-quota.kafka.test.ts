/** What a coordinator that holds its client back is sent, with a real broker and a quota of requests. */
import { alterClientQuotasV1, describeTransactionsV0, initProducerIdV4 } from "@platformatic/kafka";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../../test/support/kafka.ts";
import { BrokerConnection, type RawRequest } from "./broker-connection.ts";
import type { Cluster } from "./cluster.ts";
import { clusterAt, recordsIn } from "./cluster.fixture.ts";
import { RecordBatchBuilder } from "./record-batch.ts";
import { TransactionalProducer } from "./transactional-producer.ts";

let kafka: SharedKafka;
beforeAll(async () => {
  kafka = await sharedKafka();
});
afterAll(() => kafka.release());
afterEach(() => void vi.restoreAllMocks());

const RAW = new Map([
  [24, "AddPartitionsToTxn"],
  [26, "EndTxn"],
]);
const CALLED = new Map<unknown, string>([
  [initProducerIdV4.api, "InitProducerId"],
  [describeTransactionsV0.api, "DescribeTransactions"],
]);

/** From now on: requests that were sent while their broker read nothing of the connection, and those that it has answered so. */
function watched(): { readonly early: string[]; readonly heldBehind: Set<string> } {
  // oxlint-disable-next-line typescript/unbound-method -- called with a connection.
  const { call, send } = BrokerConnection.prototype;
  const early: string[] = [];
  const heldBehind = new Set<string>();
  const untilMs = new WeakMap<BrokerConnection, number>();
  const goes = async <T>(
    link: BrokerConnection,
    name: string | undefined,
    ask: () => Promise<T>,
  ): Promise<T> => {
    if (name === undefined) return ask();
    const leftMs = (untilMs.get(link) ?? 0) - performance.now();
    if (leftMs > 1) early.push(`${name} ${Math.round(leftMs)} ms early`);
    const answer = await ask();
    const throttledMs = throttleIn(answer);
    if (throttledMs > 0) {
      heldBehind.add(name);
      untilMs.set(link, performance.now() + throttledMs);
    }
    return answer;
  };
  vi.spyOn(BrokerConnection.prototype, "call").mockImplementation(function (
    this: BrokerConnection,
    api,
    ...request
  ) {
    return goes(this, CALLED.get(api), () => call.call(this, api, ...request));
  });
  vi.spyOn(BrokerConnection.prototype, "send").mockImplementation(function (
    this: BrokerConnection,
    request: RawRequest<unknown>,
  ) {
    return goes(this, RAW.get(request.api), () => send.call(this, request));
  });
  return { early, heldBehind };
}

function throttleIn(answer: unknown): number {
  const { throttleTimeMs, throttledMs } = answer as Record<string, unknown>;
  return Number(throttleTimeMs ?? throttledMs ?? 0);
}

async function limit(cluster: Cluster, clientId: string): Promise<void> {
  const entities = [{ entityType: "client-id" as const, entityName: clientId }];
  const ops = [{ key: "request_percentage", value: 0.01, remove: false } as const];
  await cluster.askController(alterClientQuotasV1.api, [{ entities, ops }], false);
}

it.each([{ transactionsV2: true }, { transactionsV2: false }])(
  "a coordinator is sent nothing as long as it reads nothing (transactions of the second kind: $transactionsV2)",
  async ({ transactionsV2 }) => {
    const clientId = `${kafka.prefix}held-${transactionsV2}`;
    const topic = await kafka.createTopic(`held-${transactionsV2}`);
    const [free, held] = [
      clusterAt(kafka.bootstrap),
      clusterAt(kafka.bootstrap, { clientId, transactionsV2 }),
    ];
    let toldMs = 0;
    const own = new TransactionalProducer(held, {
      transactionalId: clientId,
      transactional: true,
      compression: "none",
      transactionTimeoutMs: 60_000,
      deliveryTimeoutMs: 20_000,
      acknowledgeTimeoutMs: 10_000,
      throttled: (ms) => (toldMs += ms),
    });
    try {
      await limit(free, clientId);
      const watch = watched();
      const wanted = [
        "InitProducerId",
        "EndTxn",
        ...(transactionsV2 ? [] : ["AddPartitionsToTxn"]),
      ];
      const seen = new Set<number>();
      let written = 0;
      const round = async (): Promise<readonly string[]> => {
        await own.initialise();
        const builder = new RecordBatchBuilder();
        builder.append(Date.now(), Buffer.from("k"), 1, Buffer.from("v"), 1, []);
        written++;
        await own.send([{ topic, partition: 0, builder }]);
        await own.commit();
        for (const { node } of own.heldBack) seen.add(node);
        return wanted.filter((name) => !watch.heldBehind.has(name));
      };
      await expect.poll(round, { timeout: 100_000 }).toEqual([]);
      await round();
      expect(watch.early).toEqual([]);
      expect([toldMs > 0, seen.size]).toEqual([true, 1]);
      vi.restoreAllMocks();
      expect(await recordsIn(free, topic)).toHaveLength(written);
    } finally {
      await Promise.all([free.close(), held.close()]);
    }
  },
);
