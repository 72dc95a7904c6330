/** From whom a sink says that it takes a task over. */
import { expect, it } from "vitest";
import { sharedKafka } from "../../../../../test/support/kafka.ts";
import { Holder, type HolderMark } from "../../model/holder.ts";
import { systemClock } from "../../model/ports.ts";
import { KafkaSink } from "./kafka-sink.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";

const BEFORE = { host: "db1", pid: 41, startedMs: 0 };

/** The same process each time it is made from the same number. */
const holderOf = (number: number, who = { ...BEFORE, pid: number }) =>
  new Holder(
    () => number / 100,
    who,
    () => true,
  );

it.each([{ exactlyOnce: true }, { exactlyOnce: false }])(
  "it is the process before, also where the answer to the first attempt was lost (exactly once: $exactlyOnce)",
  async ({ exactlyOnce }) => {
    await using kafka = await sharedKafka();
    const options = { ...sinkOptions(kafka.bootstrap, kafka.prefix), exactlyOnce };
    const pipeline = `${kafka.prefix}kept`;
    const takenBy = async (holder: Holder) => {
      const sink = new KafkaSink(options, systemClock, Math.random, holder);
      try {
        await sink.open();
        return await sink.takeOver({ pipeline, task: "0", lanes: 1 });
      } finally {
        await sink.close();
      }
    };
    const first = await takenBy(holderOf(41));
    expect(first.from).toBeNull();
    expect((await takenBy(holderOf(42))).from).toMatchObject({ stillRuns: true });

    // The same attempt, of which its process has heard nothing: it finds its own mark there.
    const again = holderOf(42);
    const found: HolderMark = holderOf(41).mark(first.fence);
    again.mayHaveTaken(found, first.fence);
    const { from } = await takenBy(again);
    expect(from).toEqual({
      text: "process 41 on db1, started 1970-01-01T00:00:00.000Z",
      stillRuns: true,
    });
  },
);
