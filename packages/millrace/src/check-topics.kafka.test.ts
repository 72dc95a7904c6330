/** What `validate --connect` says of a file whose topics its brokers would not make, and of brokers that are not there. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../../../test/support/free-port.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { pipelineFileOf } from "./pipeline-between.fixture.ts";
import { planPipeline } from "./plan-pipeline.ts";
import type { PipelineFinding } from "./pipeline-finding.ts";
import { tablesIntoTopics } from "./tables-into-topics.fixture.ts";

const { kafka, between, release } = await tablesIntoTopics();
beforeAll(async () => {
  await between.source.query(
    "CREATE TABLE keyed (id int PRIMARY KEY); CREATE TABLE keyless (a int); ALTER TABLE keyless REPLICA IDENTITY FULL",
  );
});
afterAll(release);

const { prefix } = kafka;

function fileOf(name: string, sink: Readonly<Record<string, unknown>>): string {
  return pipelineFileOf(
    between.file({
      source: { "slot.name": `${between.source.database}_${name}` },
      pipeline: { name: `${prefix}${name}` },
      more: {
        sink: {
          type: "kafka",
          "properties.bootstrap.servers": kafka.bootstrap,
          "topic.pattern": `${prefix}{table}`,
          ...sink,
        },
      },
    }),
  );
}

/** Errors of the sink, with the line of the file that each is about. */
async function against(file: string): Promise<readonly (PipelineFinding & { line: unknown })[]> {
  return (await checkPipeline(file))
    .filter(({ about, severity }) => about === "sink" && severity === "error")
    .map((finding) => ({ ...finding, line: finding.place?.line }));
}

describe("brokers that are asked about a file", () => {
  it("name the option that asks for more replicas than there are brokers", async () => {
    const found = await against(fileOf("replicas", { "topic.replication-factor": 3 }));
    expect(found).not.toEqual([]);
    for (const { what, remedy, line } of found) {
      expect(what).not.toMatch(/\.\s*[(.]/);
      expect(remedy).toContain("topic.replication-factor");
      expect(line).toEqual(expect.any(Number));
    }
    expect(found.map(({ option }) => option)).toEqual(
      found.map(() => "sink.topic.replication-factor"),
    );
  });

  it("are named by the line of their addresses where nobody listens, or no Kafka does", async () => {
    const closed = `127.0.0.1:${await findFreePort()}`;
    const { host, port } = between.source;
    for (const address of [closed, `${host}:${port}`]) {
      const [found, ...others] = await against(
        fileOf("nobody", { "properties.bootstrap.servers": address }),
      );
      expect(others).toEqual([]);
      expect(found).toMatchObject({
        code: "MR_SINK_LOST_CONNECTION",
        option: "sink.properties.bootstrap.servers",
        line: expect.any(Number) as number,
      });
    }
  });

  it("are named by that line as a source too", async () => {
    const file = pipelineFileOf({
      source: {
        type: "kafka",
        topic: "any",
        "properties.bootstrap.servers": `127.0.0.1:${await findFreePort()}`,
        "value.format": "debezium-json",
      },
      sink: { type: "jsonl", path: "any.jsonl" },
      pipeline: { name: `${prefix}source` },
    });
    const found = (await checkPipeline(file)).filter(({ severity }) => severity === "error");
    expect(found).toMatchObject([
      {
        about: "source",
        option: "source.properties.bootstrap.servers",
        place: { line: expect.any(Number) as number },
      },
    ]);
  });

  it("lack topics that nobody may make here, which are told with what they have to be", async () => {
    const found = await against(fileOf("never", { create: "never" }));
    expect(found.map(({ option, remedy }) => [option, remedy])).toEqual([
      ["sink.create", expect.stringContaining(`--create --topic ${prefix}keyed --partitions N`)],
      ["sink.create", expect.stringContaining(`--create --topic ${prefix}keyless --partitions 1`)],
    ]);
  });

  it("give a table without key one of its topic's partitions, which a plan says beforehand", async () => {
    const { findings, tables } = await planPipeline(fileOf("one", { "topic.partitions": 3 }));
    expect(findings).toContainEqual(
      expect.objectContaining({
        severity: "notice",
        what: `public.keyless has no key: all of its messages go to one partition of topic ${prefix}keyless, which would have 3`,
      }),
    );
    expect(findings.filter(({ what }) => what.includes("public.keyed has no key"))).toEqual([]);
    // Of columns that only target tables have there is nothing to say.
    expect(JSON.stringify({ findings, notices: tables.map(({ notices }) => notices) })).not.toMatch(
      /_millrace_key|target table/,
    );
    expect(tables.map(({ table, chunks }) => [table, chunks])).toContainEqual([
      "public.keyless",
      1,
    ]);
  });
});
