/** Where a partition begins that has no place of its own, by what the broker says of times. */
import { expect, it } from "vitest";
import { sharedKafka } from "../../../../../test/support/kafka.ts";
import { BrokerConnection, type BrokerLink } from "../../kafka/broker-connection.ts";
import { clusterAt } from "../../kafka/cluster.fixture.ts";
import { systemClock } from "../../model/ports.ts";
import type { Json } from "../../model/position.ts";
import { send } from "../../topics-between.fixture.ts";
import { lookIn, lookNow, PipelineLook } from "./first-look.ts";
import { beginningOf } from "./start-offset.ts";

const settled = Promise.resolve();

it("a partition that another one's task has seen begins with what was written since, and not with the latest", async () => {
  await using kafka = await sharedKafka();
  const cluster = clusterAt(kafka.bootstrap);
  const topic = await kafka.createTopic("seen", 3);
  const messages = (...values: readonly string[]) => values.map((value) => ({ value }));
  try {
    await send(kafka, topic, messages("before"));
    // Of a partition that came later all is wanted, whatever the clocks of its writers say.
    await send(kafka, topic, [{ value: "by a slow clock", partition: 2 }]);
    await systemClock.sleep(20);
    // As programs have kept it that had the time alone.
    const { ends, ...first } = await lookNow(cluster, Date.now(), new Map([[topic, 2]]));
    expect(ends).toEqual({ [topic]: [1, 0] });
    const beginning = (partition: number, known: boolean) =>
      beginningOf(cluster, {
        at: { topic, partition },
        startup: { mode: "latest-offset" },
        recreate: false,
        look: () =>
          new PipelineLook(
            () => lookNow(cluster, Date.now(), new Map([[topic, 2]])),
            systemClock,
          ).of(() => Promise.resolve(known ? [{ topic, first: { ...first } }] : []), settled),
      });
    // Nothing since: the latest. Another one keeps the look.
    expect(await beginning(0, true)).toEqual({ offset: 1, first: null });
    expect(await beginning(1, true)).toEqual({ offset: 0, first: null });
    await systemClock.sleep(20);
    await send(kafka, topic, messages("since", "later"));
    expect(await beginning(0, true)).toEqual({ offset: 1, first: null });
    // Who looks first begins with the latest, and what was not there at that look is read whole.
    expect(await beginning(0, false)).toMatchObject({
      offset: 3,
      first: { ends: { [topic]: [3, 0] } },
    });
    expect(await beginning(2, true)).toEqual({ offset: 0, first: null });
  } finally {
    await cluster.close();
  }
});

it("a partition of the first look begins where that saw its end, whatever the clocks of its writers and of the pipeline say", async () => {
  await using kafka = await sharedKafka();
  const cluster = clusterAt(kafka.bootstrap);
  const topic = await kafka.createTopic("skew", 2);
  try {
    await send(kafka, topic, [{ value: "before", partition: 1 }]);
    const ahead = Date.now() + 3_600_000;
    const first = await lookNow(cluster, ahead, new Map([[topic, 2]]));
    await send(kafka, topic, [{ value: "written after the look", partition: 1 }]);
    const begun = await beginningOf(cluster, {
      at: { topic, partition: 1 },
      startup: { mode: "latest-offset" },
      recreate: false,
      // As it was kept and read again.
      look: () =>
        Promise.resolve({
          first: lookIn(JSON.parse(JSON.stringify({ topic, first })) as Json),
          isKept: true,
        }),
    });
    expect(begun).toEqual({ offset: 1, first: null });
  } finally {
    await cluster.close();
  }
});

it("a message that comes while a start by time is looked for is not passed over", async () => {
  await using kafka = await sharedKafka();
  const topic = await kafka.createTopic("between");
  await send(kafka, topic, [{ value: "old" }]);
  const { clock, ...options } = { clock: systemClock, ...CONNECTION };
  let asked = 0;
  const cluster = clusterAt(kafka.bootstrap, {
    open: async (address) => {
      const real = await BrokerConnection.open(address, {
        bootstrap: [address],
        clock,
        ...options,
      });
      const call: BrokerLink["call"] = async (api, ...request) => {
        // EARLIEST, and then two more: something comes between those.
        const isListing = JSON.stringify(request, textOf).includes('"timestamp"');
        if (isListing && ++asked === 3) await send(kafka, topic, [{ value: "wanted" }]);
        return real.call(api, ...request);
      };
      return {
        get isOpen() {
          return real.isOpen;
        },
        call,
        send: (request) => real.send(request),
        close: () => real.close(),
      };
    },
  });
  try {
    const begun = await beginningOf(cluster, {
      at: { topic, partition: 0 },
      startup: { mode: "timestamp", timestampMs: Date.now() },
      recreate: false,
      look: () => Promise.reject(new Error("nothing goes by a look")),
    });
    expect(asked).toBe(3);
    expect(begun.offset).toBe(1);
  } finally {
    await cluster.close();
  }
});

const CONNECTION = {
  clientId: "test",
  tls: null,
  sasl: null,
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
};

function textOf(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}
