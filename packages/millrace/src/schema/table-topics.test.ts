import { describe, expect, it } from "vitest";
import { TableTopics } from "./table-topics.ts";

const table = (schema: string, name: string) => ({ schema, name });

describe("topics of tables by patterns", () => {
  it("are those of the first pattern that matches, in the order of the file", () => {
    const topics = new TableTopics([
      [String.raw`public.order_\.*`, "orders"],
      ["public.a,sales.b", "two"],
      [String.raw`public.\.*`, "all"],
    ]);
    expect(topics.topicOf(table("public", "order_items"))).toBe("orders");
    expect(topics.topicOf(table("sales", "b"))).toBe("two");
    expect(topics.topicOf(table("public", "a"))).toBe("two");
    expect(topics.topicOf(table("public", "x"))).toBe("all");
    expect(topics.topicOf(table("sales", "x"))).toBeNull();
  });

  it("match whole names, and a name that is written as it is whatever stands in it", () => {
    const topics = new TableTopics([["public.a$b", "one"]]);
    expect(topics.topicOf(table("public", "a$b"))).toBe("one");
    expect(topics.topicOf(table("public", "xa$b"))).toBeNull();
  });

  it("are shared where two patterns name them, or one that several tables may match", () => {
    const topics = new TableTopics([
      ["public.a", "one"],
      ["public.b", "two"],
      ["public.c", "two"],
      [String.raw`public.\.*`, "rest"],
      ["sales.a, sales.b", "list"],
    ]);
    expect(["one", "two", "rest", "list"].filter((topic) => topics.isShared(topic))).toEqual([
      "two",
      "rest",
      "list",
    ]);
  });
});
