import { describe, expect, it } from "vitest";
import { nodeRefusal } from "./node-version.ts";

describe("a Node that is too old", () => {
  it("is refused in one line, with what is needed and what it is", () => {
    expect(nodeRefusal("dynamodb-local", "v20.19.2")).toBe(
      "dynamodb-local needs Node 24 or newer, this is v20.19.2\n",
    );
  });

  it.each(["v24.0.0", "v25.1.0", "v100.0.0"])("is not %s", (version) => {
    expect(nodeRefusal("dynamodb-local", version)).toBe(null);
  });
});
