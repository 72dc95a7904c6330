import { describe, expect, it } from "vitest";
import { CATALOGUE, type ErrorCode } from "./catalogue.ts";
import { MillraceError } from "./millrace-error.ts";
import { withTopicRemedy } from "./topic-remedy.ts";

describe("what is to be done about a pipeline that reads topics", () => {
  const ofSinks = (Object.keys(CATALOGUE) as ErrorCode[]).filter((code) =>
    /^MR_(?:SINK|VALUE|DEAD)_/.test(code),
  );

  it.each(ofSinks)("about %s is never to load anything again", (code) => {
    const { remedy } = withTopicRemedy(new MillraceError(code, "something"));
    expect(remedy).not.toMatch(/resync|(?<!not )drop the table|loaded again|loads? .*anew/i);
  });

  it("is what the place that threw says, where it knows better", () => {
    const error = new MillraceError("MR_SINK_SCHEMA", "something", { remedy: "Wait." });
    expect(withTopicRemedy(error)).toBe(error);
  });

  it("changes nothing else of the error", () => {
    const more = { class: "config", facts: { column: "a" } } as const;
    const {
      message,
      class: kind,
      facts,
    } = withTopicRemedy(new MillraceError("MR_SINK_SCHEMA", "something", more));
    expect({ message, kind, facts }).toEqual({
      message: "MR_SINK_SCHEMA: something",
      kind: "config",
      facts: { column: "a" },
    });
  });
});
