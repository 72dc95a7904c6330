import { describe, expect, it } from "vitest";
import { brokenLinks, linksOf, unlistedPages } from "./check-docs.mjs";

describe("linksOf", () => {
  it("gives relative links without anchors, and none from code or to elsewhere", () => {
    const text = [
      '[a](a.md) [b](b/c.md#part) ![d](d%20e.svg) [f](f.md "title")',
      "[web](https://example.com/x.md) [mail](mailto:a@example.com) [here](#part)",
      "`[code](no.md)`",
      "```",
      "[block](no.md)",
      "```",
    ].join("\n");
    expect(linksOf(text)).toEqual(["a.md", "b/c.md", "d e.svg", "f.md"]);
  });
});

describe("brokenLinks", () => {
  it("are looked for from the folder of the page", () => {
    const exists = (path) => ["docs/a.md", "README.md"].includes(path);
    expect(brokenLinks("docs/x.md", "[a](a.md) [r](../README.md) [b](b.md)", exists)).toEqual([
      "docs/x.md: the link to b.md leads nowhere",
    ]);
  });
});

describe("unlistedPages", () => {
  it("are the pages of docs/ that its index does not link to", () => {
    const pages = ["README.md", "docs/README.md", "docs/a.md", "docs/design/001.md"];
    expect(unlistedPages(pages, "[a](a.md)")).toEqual([
      "docs/README.md: does not name docs/design/001.md",
    ]);
  });
});
