import { describe, expect, it } from "vitest";
import { tableId, type TargetTable } from "../../model/table.ts";
import { TableTopics } from "../../schema/table-topics.ts";
import type { TopicOptions } from "./options.ts";
import { ownName, TopicNames, transactionalId } from "./topic-names.ts";

function table(schema: string, name: string): TargetTable {
  return { id: tableId(schema, name), schema, name, columns: [], key: [], keyless: false };
}

function names(options: Partial<TopicOptions> = {}): TopicNames {
  return new TopicNames({
    topic: null,
    mapping: new TableTopics([]),
    pattern: "{schema}.{table}",
    partitions: null,
    replicationFactor: null,
    configs: new Map(),
    ...options,
  });
}

describe("the topic of a table", () => {
  it("is made by the pattern, and holds only what Kafka takes", () => {
    expect(names().of(table("public", "orders"))).toBe("public.orders");
    expect(names({ pattern: "shop.{table}-{schema}" }).of(table("a", "ä b"))).toBe("shop.__b-a");
  });

  it("is its entry in the mapping, or the one for all", () => {
    const mapping = new TableTopics([["public.a", "one"]]);
    expect(names({ mapping }).of(table("public", "a"))).toBe("one");
    expect(names({ mapping }).of(table("public", "b"))).toBe("public.b");
    expect(names({ topic: "all" }).of(table("public", "b"))).toBe("all");
  });

  it("is never shared by accident", () => {
    const some = names();
    some.of(table("public", "a b"));
    expect(() => some.of(table("public", "a_b"))).toThrow(/both go to topic public\.a_b/);
    expect(some.of(table("public", "a b"))).toBe("public.a_b");
    const meant = names({
      mapping: new TableTopics([
        ["public.a", "one"],
        ["public.b", "one"],
      ]),
    });
    expect([meant.of(table("public", "a")), meant.of(table("public", "b"))]).toEqual([
      "one",
      "one",
    ]);
  });

  it("is refused where something else goes there", () => {
    const some = names({ pattern: "shop.{table}" });
    some.reserve("shop.transaction", "begins go to");
    expect(() => some.of(table("public", "transaction"))).toThrow(
      /transaction would go to topic shop\.transaction, which begins go to/,
    );
    some.reserve("shop.state", "positions go to");
    expect(() => some.of(table("public", "state"))).toThrow(/which positions go to/);
    expect(some.of(table("public", "orders"))).toBe("shop.orders");
  });

  it("is refused where it is longer than Kafka takes", () => {
    expect(() => names().of(table("public", "x".repeat(250)))).toThrow(/257 characters/);
  });
});

describe("a name of ours", () => {
  it("is the pipeline's where it can be, and stays apart from others where it cannot", () => {
    expect(ownName("shop", "state")).toBe("millrace-shop-state");
    const odd = ["a b", "a_b", "a/b"].map((name) => ownName(name, "state"));
    expect(new Set(odd).size).toBe(3);
    expect(odd.every((name) => /^[\w.-]{1,249}$/.test(name))).toBe(true);
    expect(ownName("x".repeat(300)).length).toBeLessThanOrEqual(249);
  });

  it("for a task's transactions is no other task's, wherever a pipeline's name ends", () => {
    const tasks = [
      ["a-b", "0"],
      ["a", "b-0"],
      ["a-b", "c-1"],
      ["a", "b-c-1"],
      ["x".repeat(300), "y-1"],
      [`${"x".repeat(300)}-y`, "1"],
    ] as const;
    const ids = tasks.map(([pipeline, task]) => transactionalId(pipeline, task));
    expect(new Set(ids).size).toBe(tasks.length);
    expect(ids.every((id) => /^millrace-[\w.-]{1,240}$/.test(id))).toBe(true);
    expect(transactionalId("shop", "0")).toBe("millrace-shop-0");
  });
});
