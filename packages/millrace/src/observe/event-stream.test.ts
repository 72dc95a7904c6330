import { describe, expect, it } from "vitest";
import { EventStream } from "./event-stream.ts";

async function all(events: AsyncIterable<string>): Promise<string[]> {
  const heard: string[] = [];
  for await (const event of events) heard.push(event);
  return heard;
}

const stream = () => new EventStream<string>((count) => `missed ${count}`);

describe("an event stream", () => {
  it("gives every listener everything from its start to the end", async () => {
    const events = stream();
    const first = all(events.listen());
    events.push("a");
    const second = all(events.listen());
    events.push("b");
    events.end();
    expect(await Promise.all([first, second])).toEqual([["a", "b"], ["b"]]);
  });

  it("wakes a listener that waits", async () => {
    const events = stream();
    const listener = events.listen();
    const next = listener.next();
    events.push("a");
    expect(await next).toEqual({ done: false, value: "a" });
  });

  it("tells a slow listener how many it missed, and keeps the newest", async () => {
    const events = stream();
    const listener = events.listen();
    for (let i = 0; i < 4100; i++) events.push(String(i));
    events.end();
    const heard = await all(listener);
    expect([heard.length, heard[0], heard[1], heard.at(-1)]).toEqual([
      4097,
      "missed 4",
      "4",
      "4099",
    ]);
  });

  it("keeps nothing for a listener that left", async () => {
    const events = stream();
    for await (const event of feeding(events)) expect(event).toBe("a");
    events.push("b");
    expect(await all(endedListener(events))).toEqual([]);
  });

  it("ends at once for who listens after the end, until it is opened again", async () => {
    const events = stream();
    events.end();
    expect(await all(events.listen())).toEqual([]);
    events.reopen();
    const heard = all(events.listen());
    events.push("a");
    events.end();
    expect(await heard).toEqual(["a"]);
  });
});

/** A listener that hears one event and then leaves. */
async function* feeding(events: EventStream<string>): AsyncIterable<string> {
  const listener = events.listen();
  events.push("a");
  for await (const event of listener) {
    yield event;
    return;
  }
}

function endedListener(events: EventStream<string>): AsyncIterable<string> {
  const listener = events.listen();
  events.end();
  return listener;
}
