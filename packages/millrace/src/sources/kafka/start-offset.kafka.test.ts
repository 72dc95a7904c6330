/** Where a partition begins that has no place of its own, by what the broker says of times. */
import { expect, it } from "vitest";
import { sharedKafka } from "../../../../../test/support/kafka.ts";
import { clusterAt } from "../../kafka/cluster.fixture.ts";
import { systemClock } from "../../model/ports.ts";
import { send } from "../../topics-between.fixture.ts";
import { lookNow } from "./first-look.ts";
import { beginningOf } from "./start-offset.ts";

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
    const first = lookNow(Date.now(), new Map([[topic, 2]]));
    const beginning = (partition: number, known: boolean) =>
      beginningOf(cluster, {
        at: { topic, partition },
        startup: { mode: "latest-offset" },
        recreate: false,
        histories: () => Promise.resolve(known ? [{ topic, first: { ...first } }] : []),
        lookNow: () => first,
      });
    // Nothing since: the latest.
    expect(await beginning(0, true)).toEqual({ offset: 1, first });
    expect(await beginning(1, true)).toEqual({ offset: 0, first });
    await systemClock.sleep(20);
    await send(kafka, topic, messages("since", "later"));
    expect(await beginning(0, true)).toEqual({ offset: 1, first });
    // Who looks first begins with the latest, and what was not there at that look is read whole.
    expect(await beginning(0, false)).toEqual({ offset: 3, first });
    expect(await beginning(2, true)).toEqual({ offset: 0, first });
  } finally {
    await cluster.close();
  }
});
