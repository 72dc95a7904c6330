/** What a sink does where its brokers do not let it, with a real broker that has an authorizer and quotas. */
import { alterClientQuotasV1 } from "@platformatic/kafka";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  ALICE,
  type GuardedKafka,
  type Right,
  startGuardedKafka,
} from "../../../../../test/support/guarded-kafka.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { column, event, table } from "../../formats/event.fixture.ts";
import { recordsIn } from "../../kafka/cluster.fixture.ts";
import { systemClock } from "../../model/ports.ts";
import { KafkaSink } from "./kafka-sink.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";
import type { KafkaSinkObserver } from "./observer.ts";

const PREFIX = "limits-";
const TOPIC = `${PREFIX}public.item`;

let kafka: GuardedKafka;
beforeAll(async () => {
  kafka = await startGuardedKafka();
});
afterAll(() => kafka[Symbol.asyncDispose]());

const RIGHTS: readonly Right[] = [
  ...(["READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS", "CREATE"] as const).map(
    (operation) => ({ on: "TOPIC", name: PREFIX, operation }) as const,
  ),
  { on: "TRANSACTIONAL_ID", name: "millrace-limits", operation: "WRITE" },
  { on: "TRANSACTIONAL_ID", name: "millrace-limits", operation: "DESCRIBE" },
];

/** A sink of alice's whose commits are tried for a second, with what it tells of itself. */
class Writer implements AsyncDisposable {
  readonly #sink: KafkaSink;
  throttledMs = 0;
  produced = 0;
  #fence = 0;
  #seq = 0;

  constructor() {
    const options = sinkOptions(kafka.guarded, PREFIX);
    const observer: KafkaSinkObserver = {
      ended: () => undefined,
      sent: () => undefined,
      produced: (_tookMs, throttledMs) => {
        this.produced++;
        this.throttledMs += throttledMs;
      },
    };
    const own = { ...options, cluster: { ...options.cluster, sasl: ALICE } };
    const patient = { ...own, deliveryTimeoutMs: 1_000, topics: { ...own.topics, partitions: 1 } };
    this.#sink = new KafkaSink(patient, systemClock, Math.random, undefined, observer);
  }

  async begin(): Promise<this> {
    await this.#sink.open();
    const found = await this.#sink.takeOver({ pipeline: "limits", task: "0", lanes: 1 });
    this.#fence = found.fence;
    this.#seq = found.lanes[0]?.seq ?? 0;
    return this;
  }

  /** What the sink says of one commit of this row; null where it is done. */
  async put(id: number, note = ""): Promise<MillraceError | null> {
    const text = { kind: "text", maxChars: null } as const;
    const item = table("public", "item", [
      column("id", { kind: "int", bits: 64 }, { nullable: false }),
      column("note", text),
    ]);
    try {
      await this.#sink.checkTable(item, "if-missing");
      await this.#sink.commit({
        fence: this.#fence,
        lanes: [{ lane: 0, expectedSeq: this.#seq }],
        writes: [{ kind: "changes", changes: [event(item, { after: [String(id), note] })] }],
        state: [],
        deadLetters: [],
        superseded: [],
      });
      this.#seq++;
      return null;
    } catch (thrown) {
      if (thrown instanceof MillraceError) return thrown;
      throw thrown;
    }
  }

  /** As a lane does it: tells the sink to decide what is open, and sends the same once more, until that is done. */
  async insist(id: number, note = ""): Promise<void> {
    await expect.poll(() => this.again(id, note), { timeout: 60_000 }).toBe(null);
  }

  /** One such attempt: what the sink says of it, null where the row is written. */
  async again(id: number, note = ""): Promise<unknown> {
    try {
      const [lane] = await this.#sink.readLanes();
      if (lane?.seq !== this.#seq + 1) return await this.put(id, note);
      this.#seq++;
      return null;
    } catch (thrown) {
      return thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sink.close();
  }
}

const isRefusal = (said: unknown): said is MillraceError =>
  said instanceof MillraceError && said.code === "MR_SINK_REFUSED";

/** The ids that a reader of committed messages sees, in order. */
async function ids(): Promise<readonly number[]> {
  const records = await recordsIn(kafka.admin, TOPIC);
  return records.map(([, value]) => {
    const { after } = JSON.parse(value ?? "{}") as { after?: readonly string[] };
    return Number(after?.[0]);
  });
}

async function setQuota(bytesPerSecond: number | null): Promise<void> {
  const key = "producer_byte_rate";
  const op =
    bytesPerSecond === null
      ? ({ key, remove: true } as const)
      : ({ key, value: bytesPerSecond, remove: false } as const);
  const entities = [{ entityType: "user" as const, entityName: "alice" }];
  await kafka.admin.askController(alterClientQuotasV1.api, [{ entities, ops: [op] }], false);
}

describe("a sink whose user has no right", () => {
  it("is refused at the start, with what it needs, and told again what else as soon as it has that", async () => {
    const refusal = async (): Promise<MillraceError> => {
      await using writer = new Writer();
      const thrown: unknown = await writer.begin().then(
        () => null,
        (error: unknown) => error,
      );
      expect(thrown).toBeInstanceOf(MillraceError);
      return thrown as MillraceError;
    };
    const topic = await refusal();
    expect(topic).toMatchObject({ code: "MR_SINK_REFUSED", class: "config" });
    expect(topic.message).toMatch(/the user needs (READ, WRITE|CREATE on the cluster)/);
    await kafka.give(...RIGHTS.filter(({ on }) => on === "TOPIC"));
    const transactions = await refusal();
    expect(transactions).toMatchObject({ code: "MR_SINK_REFUSED", class: "config" });
    expect(transactions.message).toMatch(/needs WRITE and DESCRIBE on the transactional ids/);
    await kafka.give(...RIGHTS);
    await using writer = await new Writer().begin();
    await writer.insist(1);
    expect(await ids()).toEqual([1]);
  });

  it("waits where it loses one midway, and writes everything once when that is given back", async () => {
    await using writer = await new Writer().begin();
    let id = 2;
    // At work: what is missing before anything was written refuses a start.
    await writer.insist(id);
    for (const right of [
      { on: "TOPIC", name: PREFIX, operation: "WRITE" },
      { on: "TRANSACTIONAL_ID", name: "millrace-limits", operation: "WRITE" },
    ] as const) {
      await kafka.take(right);
      // Brokers hear of it a moment later: what is written until then is written.
      let said: unknown = null;
      // What else a busy broker has to say is tried again, as a lane does it.
      while (!isRefusal(said))
        said = said === null ? await writer.put(++id) : await writer.again(id);
      expect(said.class).toBe("transient");
      expect(said.message).toMatch(/the user needs .*WRITE/);
      await kafka.give(right);
      await writer.insist(id);
    }
    expect(await ids()).toEqual(Array.from({ length: id }, (_, n) => n + 1));
  });
});

describe("a sink whose user has a quota", () => {
  it("goes on below it, and tells for how long it was held back", async () => {
    await using writer = await new Writer().begin();
    const before = await ids();
    await writer.insist(0);
    expect([writer.throttledMs, writer.produced > 0]).toEqual([0, true]);
    await setQuota(20_000);
    let pushed = 0;
    try {
      const push = async (): Promise<number> => {
        await writer.insist(++pushed, "x".repeat(30_000));
        return writer.throttledMs;
      };
      await expect.poll(push, { timeout: 60_000 }).toBeGreaterThan(0);
    } finally {
      await setQuota(null);
    }
    expect((await ids()).slice(before.length)).toEqual(
      Array.from({ length: pushed + 1 }, (_, n) => n),
    );
  });
});
