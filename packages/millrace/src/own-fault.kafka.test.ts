import { afterAll, afterEach, beforeAll, describe, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { expectOwnFault, faultAt, mended } from "./own-fault.fixture.ts";
import { type TablesBetween, tablesBetween } from "./tables-between.fixture.ts";
import { envelope, pipelineFromTopics, send } from "./topics-between.fixture.ts";

let kafka: SharedKafka;
let between: TablesBetween;
beforeAll(async () => {
  [kafka, between] = await Promise.all([sharedKafka(), tablesBetween()]);
});
afterEach(mended);
afterAll(async () => {
  await Promise.all([kafka.release(), between.release()]);
});

describe("a fault of our own code", () => {
  it("stops a pipeline from topics as what it is", async () => {
    const topic = await kafka.createTopic("faulty");
    const value = envelope("c", { after: { id: 1 } }, "faulty");
    await send(kafka, topic, [{ key: { id: 1 }, value }]);
    faultAt("kafka-log.fetched");
    const given = { name: "faulty", source: { topic } };
    await expectOwnFault(pipelineFromTopics(kafka, between.target, given));
  });

  it.each(["kafka.sent", "kafka.committed"])(
    "stops a pipeline into topics as what it is, at %s",
    async (place) => {
      const name = place.replace(".", "_");
      await between.source.query(`CREATE TABLE ${name} (id int PRIMARY KEY)`);
      const file = between.file({
        tables: `public.${name}`,
        source: { "publication.name": name },
        pipeline: { name: `${kafka.prefix}${name}` },
        more: {
          sink: {
            type: "kafka",
            "properties.bootstrap.servers": kafka.bootstrap,
            topic: `${kafka.prefix}${name}`,
          },
        },
      });
      await expectOwnFault(file, async (pipeline) => {
        await pipeline.caughtUp();
        faultAt(place);
        await between.source.query(`INSERT INTO ${name} VALUES (1)`);
      });
    },
  );
});
