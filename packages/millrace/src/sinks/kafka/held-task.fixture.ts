/** A Kafka sink that holds the one task of a pipeline, for tests that play the pipeline. */
import { expect } from "vitest";
import { column, event, table } from "../../formats/event.fixture.ts";
import { type Clock, systemClock } from "../../model/ports.ts";
import type { Json } from "../../model/position.ts";
import type { Takeover } from "../../model/sink.ts";
import { KafkaSink } from "./kafka-sink.ts";
import type { KafkaSinkOptions } from "./options.ts";

/** What its rows are of; the topic is `<prefix>public.item`. */
export const ITEM = table("public", "item", [
  column("id", { kind: "int", bits: 64 }, { nullable: false }),
  column("note", { kind: "text", maxChars: null }),
]);

/** What one commit brings. */
export interface HeldCommit {
  /** Notes by id. */
  readonly rows?: Readonly<Record<string, string>>;
  readonly state?: Readonly<Record<string, Json>>;
  /** As where its writer would cut it. */
  readonly divisible?: boolean;
}

/** See above. */
export class HeldTask implements AsyncDisposable {
  readonly sink: KafkaSink;
  readonly found: Takeover;
  #seq: number;

  private constructor(sink: KafkaSink, found: Takeover) {
    this.sink = sink;
    this.found = found;
    this.#seq = found.lanes[0]?.seq ?? 0;
  }

  /** Opens a sink and takes the task over. */
  static async take(
    options: KafkaSinkOptions,
    pipeline: string,
    clock: Clock = systemClock,
  ): Promise<HeldTask> {
    const sink = new KafkaSink(options, clock, Math.random);
    try {
      await sink.open();
      const held = new HeldTask(sink, await sink.takeOver({ pipeline, task: "0", lanes: 1 }));
      await sink.checkTable(ITEM, "if-missing");
      return held;
    } catch (thrown) {
      await sink.close();
      throw thrown;
    }
  }

  /** One commit. */
  async commit({ rows = {}, state = {}, divisible = false }: HeldCommit): Promise<void> {
    const changes = Object.entries(rows).map((after) => event(ITEM, { after }));
    await this.sink.commit({
      fence: this.found.fence,
      lanes: [{ lane: 0, expectedSeq: this.#seq }],
      writes: changes.length === 0 ? [] : [{ kind: "changes", changes }],
      state: Object.entries(state).map(([key, value]) => ({ key, value })),
      deadLetters: [],
      superseded: [],
      ...(divisible ? ({ divisible } as const) : {}),
    });
    this.#seq += 1;
  }

  /** Behind a commit that has failed: whether it is there all the same. */
  async settle(): Promise<boolean> {
    const [lane] = await this.sink.readLanes();
    expect(lane?.fence).toBe(this.found.fence);
    const isThere = lane?.seq === this.#seq + 1;
    this.#seq = lane?.seq ?? this.#seq;
    return isThere;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sink.close();
  }
}
