import { expect, it } from "vitest";
import { ConfigError } from "./config/problem.ts";
import { failureText } from "./cli/failure.ts";
import { refusal } from "./first-start.ts";
import { findingsOf } from "./pipeline-finding.ts";

const problem = {
  place: { file: "shop.yaml", line: 7, column: 11 },
  path: "source.tables",
  wrong: "no table matches shop.public.ordrs",
  remedy: "Did you mean shop.public.orders?",
};

it("tells a problem of the file among others by its place once, and its remedy once", () => {
  const [finding] = findingsOf(new ConfigError([problem]), "source");
  if (finding === undefined) throw new Error("nothing was found");
  const other = { ...finding, about: "sink", what: "It is full" } as const;
  const { place: _place, ...sink } = other;
  expect(refusal([finding, sink]).detail.split("\n")[1]).toBe(
    "  shop.yaml:7:11: source.tables: no table matches shop.public.ordrs. The pipeline would not start. Did you mean shop.public.orders?",
  );
  expect(refusal([finding, sink]).detail.split("\n")[2]).toBe(
    "  sink: It is full. The pipeline would not start. Did you mean shop.public.orders?",
  );
});

it("names the code of a file that cannot be used, behind its problems", () => {
  expect(failureText(new ConfigError([problem]))).toBe(
    "shop.yaml:7:11: source.tables: no table matches shop.public.ordrs. Did you mean shop.public.orders?\nMR_CONFIG_INVALID: 1 problem; nothing was touched.\n",
  );
});
